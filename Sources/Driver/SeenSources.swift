import BuildGraph
import Engine
import Ports

/// What a run has seen of its sources, by index: of a file how it looked until it is read, then what was read.
///
/// A file takes 64 bytes: its path is the graph's, and its size that of its figures. What does not fit in lies apart.
struct SeenSources {
  private enum Row {
    case nothing
    case looked(FileHint)
    /// A file of the size that its figures say.
    case read(Digest, FileHint, isTrusted: Bool, isExecutable: Bool)
    indirect case other(SourceRecord)
  }

  private var rows: [Row] = []
  /// How sources looked that nobody has read, where that was no file; and such as were read as something else than they looked.
  private var others: [SourceID: Look] = [:]

  /// The sources of which something may have been seen.
  var indices: Range<UInt32> { 0..<UInt32(rows.count) }
  /// How many looks and records there are at most.
  var countAtMost: Int { rows.count + others.count }

  /// What was read of a source; nil where it was not read or could not be.
  ///
  /// - Parameter path: of a source that is a file.
  func record(of id: SourceID, at path: () -> Path?) -> SourceRecord? {
    guard Int(id.index) < rows.count else { return nil }
    switch rows[Int(id.index)] {
    case .nothing, .looked: return nil
    case .other(let record): return record
    case .read(let digest, let hint, let isTrusted, let isExecutable):
      let artifact = Artifact(digest: digest, isExecutable: isExecutable, size: hint.size)
      return path().map { .file($0, Observation(artifact: artifact, hint: hint, isTrusted: isTrusted)) }
    }
  }

  /// How each source looked that nobody has read, or that was read as something else.
  func eachLook(_ body: (SourceID, Look) -> Void) {
    for (id, look) in others { body(id, look) }
    for (index, row) in rows.enumerated() {
      if case .looked(let hint) = row { body(SourceID(index: UInt32(index)), .file(hint)) }
    }
  }

  /// - Parameter count: of all sources that are known.
  mutating func set(_ look: Look, of id: SourceID, outOf count: Int) {
    makeRoom(for: id, outOf: count)
    switch (look, rows[Int(id.index)]) {
    case (.file(let hint), .nothing), (.file(let hint), .looked):
      rows[Int(id.index)] = .looked(hint)
      forgetLook(of: id)
    case (_, .looked):
      rows[Int(id.index)] = .nothing
      others[id] = look
    case (_, .nothing), (_, .read), (_, .other): others[id] = look
    }
  }

  /// - Parameters:
  ///   - count: Of all sources that are known.
  ///   - grows: Whether it is promised that it only grows.
  mutating func set(_ record: SourceRecord?, of id: SourceID, grows: Bool, outOf count: Int) {
    makeRoom(for: id, outOf: count)
    if case .looked(let hint) = rows[Int(id.index)] { others[id] = .file(hint) }
    rows[Int(id.index)] = Self.row(for: record)
    // Of a file that is as it was when it was looked at the record says all; else both are kept, and no snapshot is written.
    if case .file(_, let observation)? = record, case .file(let seen)? = others[id],
      seen == observation.hint || grows && observation.hint.hasOnlyGrown(since: seen)
    {
      forgetLook(of: id)
    }
  }

  private mutating func forgetLook(of id: SourceID) {
    if others.isEmpty { return }
    others[id] = nil
    if others.isEmpty { others = [:] }
  }

  private mutating func makeRoom(for id: SourceID, outOf count: Int) {
    guard rows.count <= Int(id.index) else { return }
    rows += repeatElement(.nothing, count: max(count, Int(id.index) + 1) - rows.count)
  }

  private static func row(for record: SourceRecord?) -> Row {
    switch record {
    case nil: return .nothing
    case .file(_, let observation)?:
      let artifact = observation.artifact
      if artifact.kind == .file, artifact.size == observation.hint.size {
        return .read(
          artifact.digest, observation.hint, isTrusted: observation.isTrusted, isExecutable: artifact.isExecutable)
      }
      return .other(record!)
    case .folder?: return .other(record!)
    }
  }
}
