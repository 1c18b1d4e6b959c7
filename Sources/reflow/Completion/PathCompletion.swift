import BuildGraph
@preconcurrency import Glibc

/// Files and folders that begin as a word does. A folder ends with a slash, so that one goes on into it.
enum PathCompletion {
  static func programs(_ word: String) -> [Candidate] { paths(word) { $0.hasSuffix(".rf") } }
  static func files(_ word: String) -> [Candidate] { paths(word) { _ in true } }
  static func folders(_ word: String) -> [Candidate] { paths(word) { _ in false } }

  /// Of a folder with more names nobody chooses by looking at them.
  private static let limit = 5000

  private static func paths(_ word: String, _ isWanted: (String) -> Bool) -> [Candidate] {
    let written = word.lastIndex(of: "/").map { String(word[...$0]) } ?? ""
    var folder = written.isEmpty ? "." : written
    if folder.hasPrefix("~/") { folder = (Terminal.environment("HOME") ?? "") + folder.dropFirst() }
    let beginning = word.dropFirst(written.count)
    guard let stream = opendir(folder) else { return [] }
    defer { closedir(stream) }
    var found: [Candidate] = []
    while found.count < limit, let entry = readdir(stream) {
      let bytes = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
      // Of a name that is no text a shell could not tell us either.
      guard let name = String(validating: bytes, as: UTF8.self), name != ".", name != "..",
        !name.contains(where: \.isNewline), name.hasPrefix(beginning), !name.hasPrefix(".") || beginning.hasPrefix(".")
      else { continue }
      if HostFile.isFolder(ByteString(folder + "/" + name)) {
        found.append(Candidate(written + name + "/"))
      } else if isWanted(name) {
        found.append(Candidate(written + name))
      }
    }
    return found.sorted { $0.word < $1.word }
  }
}
