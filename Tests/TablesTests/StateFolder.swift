import BuildGraph
import Glibc

@testable import Storage

/// A folder for the state of one test, removed at its end.
final class StateFolder {
  let path: ByteString

  init() {
    var template = Array("/tmp/reflow-tables-XXXXXX".utf8CString)
    precondition(mkdtemp(&template) != nil, "no temporary folder can be made")
    path = ByteString(bytes: template.dropLast().map { UInt8(bitPattern: $0) })
  }

  deinit { try? removeTree(path, in: AT_FDCWD, path) }

  /// All files, by path.
  func contents() throws -> [ByteString: [UInt8]] {
    var found: [ByteString: [UInt8]] = [:]
    func visit(_ folder: ByteString) throws {
      let opened = try Descriptor(folder: folder)
      for entry in try folderNames(opened.number, folder) {
        let place = folder + "/" + entry.name
        if entry.kind == .folder { try visit(place) } else { found[place] = try readFile(place, limitBytes: .max) }
      }
    }
    try visit(path)
    return found
  }

  func write(_ place: ByteString, _ bytes: [UInt8]) throws {
    if let slash = place.bytes.lastIndex(of: UInt8(ascii: "/")) {
      try makeFolders(ByteString(bytes: Array(place.bytes[..<slash])))
    }
    withCString(place) { _ = unlink($0) }
    try Descriptor(opening: place, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o644).write(bytes, place)
  }

  /// Makes the files be these and no others.
  func replace(with contents: [ByteString: [UInt8]]) throws {
    try removeTree(path, in: AT_FDCWD, path)
    try makeFolders(path)
    for (place, bytes) in contents { try write(place, bytes) }
  }
}
