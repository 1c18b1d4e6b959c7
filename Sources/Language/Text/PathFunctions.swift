package import BuildGraph

/// What `$/path` does with paths, which are bytes between slashes.
package enum PathFunctions {
  private static let slash = UInt8(ascii: "/")

  /// The last element, without slashes at its end; `.` of nothing, `/` of slashes only.
  package static func base(of path: ByteString) -> ByteString {
    if path.isEmpty { return "." }
    guard let end = path.bytes.lastIndex(where: { $0 != slash }) else { return "/" }
    return ByteString(bytes: Array(path.bytes[...end].split(separator: slash).last ?? []))
  }

  /// From the last dot of the last element on, or nothing.
  package static func `extension`(of path: ByteString) -> ByteString {
    let name = path.bytes.lastIndex(of: slash).map { path.bytes[($0 + 1)...] } ?? path.bytes[...]
    guard let dot = name.lastIndex(of: UInt8(ascii: ".")) else { return "" }
    return ByteString(bytes: Array(name[dot...]))
  }

  /// What is before the last slash, as it stands; the slash itself if nothing is.
  package static func folder(of path: ByteString) -> ByteString {
    guard let end = path.bytes.lastIndex(of: slash) else { return "" }
    return end == 0 ? "/" : ByteString(bytes: Array(path.bytes[..<end]))
  }

  /// The elements that are not empty, with slashes between them.
  package static func join(_ elements: [ByteString]) -> ByteString {
    ByteString(bytes: Array(elements.filter { !$0.isEmpty }.map(\.bytes).joined(separator: [slash])))
  }
}
