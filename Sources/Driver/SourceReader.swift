import BuildGraph
import Diagnostics
import Engine
import Ports
import Watching

/// A source as it was read: enough to tell later, without reading, whether it is still the same.
enum SourceRecord: Sendable {
  case file(Path, Observation)
  case folder(Path, FolderRecord)

  /// - Complexity: O(files).
  func addDigests(to digests: inout [Path: Digest]) {
    switch self {
    case .file(let path, let observation): digests[path] = observation.artifact.digest
    case .folder(let path, let record):
      for (entry, observation) in zip(record.listing.entries, record.files) {
        if let observation { digests[path.appending(entry.path)] = observation.artifact.digest }
      }
    }
  }
}

struct FolderRecord: Sendable {
  var artifact: Artifact
  var manifest: FolderManifest
  var listing: FolderListing
  /// Nanoseconds since 1970 when the listing was begun.
  var listedAt: Int64
  /// By position in the listing; nil for empty folders.
  var files: [Observation?]
}

/// Learns what sources hold, reading only what the figures do not answer for.
struct SourceReader: Sendable {
  let fileSystem: any FileSystem
  /// Nanoseconds since 1970.
  let now: Int64

  struct Request: Sendable {
    var id: SourceID
    var source: Source
    /// What the last build read; for a folder by path of each of its files.
    var known: [Path: Observation]
    /// Whether it is a file of which is promised that it only grows.
    var grows = false
  }

  struct Reply: Sendable {
    var id: SourceID
    var observation: SourceObservation
    var record: SourceRecord?
    /// Observations that the state does not have yet.
    var news: [(path: Path, observation: Observation)] = []
  }

  /// Reads many sources, the files among them in one go, on all cores.
  func read(_ requests: [Request]) -> [Reply] {
    var replies = [Reply?](repeating: nil, count: requests.count)
    var files: [(index: Int, path: Path)] = []
    for (index, request) in requests.enumerated() {
      switch (request.source.place, request.source.kind) {
      case (.unmapped(let url), _):
        replies[index] = Reply(id: request.id, observation: .failed(message: Self.unmapped(url)))
      case (.path(let path), .folder): replies[index] = readFolder(request, path)
      case (.path(let path), .file): files.append((index, path))
      }
    }
    let observations = observe(files.map(\.path)) { position in requests[files[position].index] }
    for (position, file) in files.enumerated() {
      let id = requests[file.index].id
      switch observations[position] {
      case .success(let observation):
        var reply = Reply(id: id, observation: .file(observation.artifact), record: .file(file.path, observation))
        if requests[file.index].known[file.path] != observation { reply.news = [(file.path, observation)] }
        replies[file.index] = reply
      case .failure(let error): replies[file.index] = Reply(id: id, observation: .failed(message: error.message))
      }
    }
    return replies.compactMap { $0 }
  }

  /// The files that hold something else than is known of them, or are gone from a folder.
  ///
  /// - Complexity: O(what is known, and the files of the folders).
  static func changes(in replies: [Reply], since known: [Path: Observation]) -> [Path] {
    var changed: [Path] = []
    var names: [Path: Set<Path>] = [:]
    for reply in replies {
      changed += reply.news.filter { known[$0.path]?.artifact != $0.observation.artifact }.map(\.path)
      if case .folder(let path, let folder)? = reply.record {
        names[path] = Set(folder.listing.entries.map { path.appending($0.path) })
      }
    }
    guard !names.isEmpty else { return changed }
    return changed
      + known.keys.filter { path in
        sequence(first: path, next: \.folder).dropFirst().contains { folder in
          names[folder].map { !$0.contains(path) } ?? false
        }
      }.sorted()
  }

  static func unmapped(_ url: ByteString) -> String {
    "no folder is configured for '\(url.display)': map it to one under [mappings] in reflow.toml"
  }

  /// Files by path: taken from the last build where the figures are the same and were trusted, read otherwise.
  private func observe(
    _ paths: [Path], request: (Int) -> Request
  ) -> [Result<Observation, SystemError>] {
    let looks = fileSystem.look(at: paths)
    var results: [Result<Observation, SystemError>?] = []
    var toRead: [Int] = []
    for (position, path) in paths.enumerated() {
      switch looks[position] {
      case .file(let hint):
        let request = request(position)
        if let old = request.known[path], old.isTrusted, old.hint == hint {
          results.append(.success(old))
        } else if request.grows {
          results.append(Result { () throws(SystemError) in try fileSystem.observe(growing: path) })
        } else {
          results.append(nil)
          toRead.append(position)
        }
      case .missing, .folder, .special, .refused:
        results.append(.failure(Self.refusal(of: path, as: .file, looks[position])))
      }
    }
    let read = fileSystem.observe(files: toRead.map { paths[$0] })
    for (position, result) in zip(toRead, read) { results[position] = result }
    return results.compactMap { $0 }
  }

  private func readFolder(_ request: Request, _ path: Path) -> Reply {
    do throws(SystemError) {
      let record = try record(of: path, known: request.known)
      var reply = Reply(
        id: request.id, observation: .folder(record.artifact, record.manifest), record: .folder(path, record))
      for (entry, observation) in zip(record.listing.entries, record.files) {
        guard let observation else { continue }
        let file = path.appending(entry.path)
        if request.known[file] != observation { reply.news.append((file, observation)) }
      }
      return reply
    } catch {
      return Reply(id: request.id, observation: .failed(message: error.message))
    }
  }

  private func record(of path: Path, known: [Path: Observation]) throws(SystemError) -> FolderRecord {
    let listing = try fileSystem.list(folder: path)
    var files = [Observation?](repeating: nil, count: listing.entries.count)
    var toRead: [Int] = []
    for (index, entry) in listing.entries.enumerated() {
      let file = path.appending(entry.path)
      switch entry.look {
      case .folder: continue
      case .file(let hint):
        if let old = known[file], old.isTrusted, old.hint == hint { files[index] = old } else { toRead.append(index) }
      case .missing, .special, .refused: throw Self.refusal(of: file, as: .file, entry.look)
      }
    }
    let read = fileSystem.observe(files: toRead.map { path.appending(listing.entries[$0].path) })
    for (index, result) in zip(toRead, read) { files[index] = try result.get() }
    var entries: [FolderManifest.Entry] = []
    for (entry, observation) in zip(listing.entries, files) {
      entries.append(
        FolderManifest.Entry(
          path: entry.path, content: observation.map { .file($0.artifact) } ?? .emptyFolder))
    }
    let manifest = FolderManifest(entries: entries)
    return FolderRecord(
      artifact: manifest.artifact, manifest: manifest, listing: listing, listedAt: now, files: files)
  }

  /// Why what lies at a path cannot be the input that it is meant to be.
  static func refusal(of path: Path, as kind: ArtifactKind, _ look: Look) -> SystemError {
    let name = path.bytes.isEmpty ? "." : path.bytes.display
    switch look {
    case .missing: return SystemError(.notFound, "\(kind == .file ? "file" : "folder") '\(name)' does not exist")
    case .file: return SystemError(.wrongKind, "'\(name)' is a file, and a folder is wanted: use file(…)")
    case .folder: return SystemError(.wrongKind, "'\(name)' is a folder, and a file is wanted: use dir(…)")
    case .special:
      return SystemError(.wrongKind, "'\(name)' is neither file nor folder, and cannot be an input")
    case .refused(let error): return error
    }
  }

  // MARK: Looking again

  /// Looks at a source again after a step could read it, and reads it where the figures cannot be trusted.
  ///
  /// - Parameter grows: whether it is promised that it only grows: then what it was is what it begins with.
  /// - Returns: nil where it is what it was, and nothing says that it was something else in between: a file that is written and then
  ///   written back holds what it held, and has other figures.
  func change(of id: SourceID, _ source: Source, since record: SourceRecord, grows: Bool = false) -> Reply? {
    switch record {
    case .file(let path, let old):
      let look = fileSystem.look(at: path)
      if old.isTrusted, look == .file(old.hint) { return nil }
      if grows, case .file(let hint) = look, hint.size > old.hint.size, hint.hasOnlyGrown(since: old.hint) {
        return nil
      }
      let reply = read([Request(id: id, source: source, known: [:], grows: grows)])[0]
      if case .file(old.artifact) = reply.observation, case .file(_, let new)? = reply.record, new.hint == old.hint {
        return nil
      }
      return reply
    case .folder(let path, let old):
      if isUnchanged(path, old) { return nil }
      let known = Dictionary(
        zip(old.listing.entries, old.files).compactMap { entry, file in
          file.map { (path.appending(entry.path), $0) }
        }, uniquingKeysWith: { first, _ in first })
      let reply = read([Request(id: id, source: source, known: known)])[0]
      // The figures of the folders are those of their names, among them such as are no input.
      if case .folder(old.artifact, _) = reply.observation, case .folder(_, let new)? = reply.record,
        zip(new.files, old.files).allSatisfy({ $0?.hint == $1?.hint })
      {
        return nil
      }
      return reply
    }
  }

  private func isUnchanged(_ path: Path, _ old: FolderRecord) -> Bool {
    for folder in old.listing.folders {
      guard case .folder(let hint) = folder.look, hint.hasRested(before: old.listedAt),
        fileSystem.look(at: path.appending(relative: folder.path)) == folder.look
      else { return false }
    }
    for (entry, file) in zip(old.listing.entries, old.files) {
      guard let file else { continue }
      guard file.isTrusted, fileSystem.look(at: path.appending(entry.path)) == .file(file.hint) else { return false }
    }
    return true
  }
}

extension Path {
  /// As `appending`, where an empty path means the folder itself.
  func appending(relative path: ByteString) -> Path { path.isEmpty ? self : appending(path) }
}
