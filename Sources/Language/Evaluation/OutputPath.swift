import BuildGraph

/// The rules for paths inside a folder that a program puts together.
enum OutputPath {
  /// What is wrong with a path, if anything: it must stay inside, and name one file in one way.
  static func problem(of path: ByteString) -> String? {
    if path.isEmpty { return "a path in a folder is empty" }
    if path.bytes.contains(0) { return "the path \(path.display) holds a NUL byte" }
    if path.bytes[0] == UInt8(ascii: "/") { return "the path \(path.display) is absolute" }
    for part in path.bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
      if part.isEmpty { return "the path \(path.display) has an empty part" }
      if part.elementsEqual([UInt8(ascii: ".")]) { return "the path \(path.display) has the part '.'" }
      if part.elementsEqual(Array("..".utf8)) { return "the path \(path.display) leaves the folder by '..'" }
    }
    return nil
  }

  /// A path that is a file as well as a folder around another.
  ///
  /// - Precondition: names are distinct.
  /// - Complexity: O(bytes).
  static func conflict(in names: [ByteString]) -> (file: ByteString, inside: ByteString)? {
    let all = Set(names)
    for name in names {
      for (offset, byte) in name.bytes.enumerated() where byte == UInt8(ascii: "/") {
        let folder = ByteString(bytes: Array(name.bytes[..<offset]))
        if all.contains(folder) { return (folder, name) }
      }
    }
    return nil
  }
}
