import BuildGraph
import Diagnostics
import Glibc

@testable import Storage

/// A folder of its own for one test, removed at its end.
final class TemporaryFolder {
  let path: ByteString

  init() {
    var template = Array("/tmp/reflow-storage-XXXXXX".utf8CString)
    precondition(mkdtemp(&template) != nil, "no temporary folder can be made")
    path = ByteString(bytes: template.dropLast().map { UInt8(bitPattern: $0) })
  }

  deinit { try? removeTree(path, in: AT_FDCWD, path) }

  subscript(relative: String) -> ByteString { path + "/" + ByteString(relative) }

  @discardableResult
  func write(_ relative: String, _ text: String, mode: mode_t = 0o644) throws -> ByteString {
    try write(relative, Array(text.utf8), mode: mode)
  }

  @discardableResult
  func write(_ relative: String, _ bytes: [UInt8], mode: mode_t = 0o644) throws -> ByteString {
    let place = self[relative]
    if let slash = place.bytes.lastIndex(of: UInt8(ascii: "/")) {
      try makeFolders(ByteString(bytes: Array(place.bytes[..<slash])))
    }
    let file = try Descriptor(opening: place, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: mode)
    try file.write(bytes, place)
    try file.setMode(mode, place)
    return place
  }

  func read(_ relative: String) throws -> [UInt8]? { try readFile(self[relative], limitBytes: 1 << 30) }
  func text(_ relative: String) throws -> String? { try read(relative).map { String(decoding: $0, as: UTF8.self) } }
  func status(_ relative: String) throws -> FileStatus? { try FileStatus.of(self[relative]) }

  func makeFolder(_ relative: String) throws { try makeFolders(self[relative]) }

  func link(_ relative: String, to target: ByteString) {
    withCString(target) { old in withCString(self[relative]) { _ = symlink(old, $0) } }
  }

  func hardLink(_ relative: String, to other: String) {
    withCString(self[other]) { old in withCString(self[relative]) { _ = Glibc.link(old, $0) } }
  }

  func makeFIFO(_ relative: String) { withCString(self[relative]) { _ = mkfifo($0, 0o644) } }
  func remove(_ relative: String) throws { try removeTree(self[relative], in: AT_FDCWD, self[relative]) }

  func rename(_ old: String, to new: String) {
    withCString(self[old]) { old in withCString(self[new]) { _ = Glibc.rename(old, $0) } }
  }

  func setMode(_ relative: String, _ mode: mode_t) { withCString(self[relative]) { _ = chmod($0, mode) } }

  /// All paths below a folder, ascending; folders end with a slash.
  func names(below relative: String) throws -> [String] {
    func visit(_ folder: ByteString, _ prefix: String) throws -> [String] {
      let opened = try Descriptor(folder: folder)
      return try folderNames(opened.number, folder).flatMap { entry -> [String] in
        let path = prefix + entry.name.display
        guard entry.kind == .folder else { return [path] }
        return [path + "/"] + (try visit(folder + "/" + entry.name, path + "/"))
      }
    }
    return try visit(self[relative], "")
  }
}

/// The error that `body` throws, or nil.
func failure<Result>(of body: () throws -> Result) -> SystemError? {
  do {
    _ = try body()
    return nil
  } catch { return error as? SystemError }
}

/// A small generator with a seed, so that every run of a test is the same.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }
}

func digest(_ number: Int) -> Digest { Digest(hashing: Array("\(number)".utf8)) }
