import BuildGraph
import Diagnostics
import Ports

/// What a build says when it finds that nothing changed: its counts, and all that the evaluation which it skips said.
///
/// Layout, by `BinaryWriter`: a version byte; whether the build was a success; serial and definition of its graph; the number of steps; the number of files that grow, and for each its root and path; the number of printed lines and the lines; then to the end the diagnostics:
/// id, severity, message, range, the number of notes, and for each its message and range. A range is a flag, and if it is
/// set the file's name and two offsets. Fix-its are not kept.
struct SnapshotSummary {
  struct Range: Hashable {
    var file: String
    var lower: Int
    var upper: Int
  }

  struct Saying: Hashable {
    var id: String
    var severity: Diagnostic.Severity
    var message: String
    var range: Range?
    var notes: [Note]
  }

  struct Note: Hashable {
    var message: String
    var range: Range?
  }

  private static let version: UInt8 = 3

  /// False where a step failed: then there is something to do even if nothing has changed.
  var isComplete: Bool
  /// Of the graph that was saved with it: see ``GraphHeader``.
  var serial: Int64
  var definition: Digest
  var steps: Int
  /// Files of which is promised that they only grow, ascending.
  var growing: [Path]
  var printed: [String]
  var sayings: [Saying]

  init(
    isComplete: Bool, serial: Int64, definition: Digest, steps: Int, growing: [Path], printed: [String],
    diagnostics: [Diagnostic]
  ) {
    self.growing = growing
    self.isComplete = isComplete
    self.serial = serial
    self.definition = definition
    self.steps = steps
    self.printed = printed
    sayings = diagnostics.map { diagnostic in
      Saying(
        id: diagnostic.id.description, severity: diagnostic.severity, message: diagnostic.message,
        range: diagnostic.range.map(Range.init), notes: diagnostic.notes.map(Note.init))
    }
  }

  /// The diagnostics with their texts, which are as they were: the snapshot covers the program's files.
  ///
  /// - Complexity: O(bytes of the files that they are about).
  func diagnostics(_ fileSystem: any FileSystem) -> [Diagnostic] {
    var files: [String: SourceFile] = [:]
    func restored(_ range: Range?) -> SourceRange? {
      guard let range else { return nil }
      if files[range.file] == nil,
        let bytes = try? fileSystem.read(file: Path(ByteString(range.file)), limitBytes: 256 << 20)
      {
        files[range.file] = SourceFile(name: range.file, text: bytes)
      }
      guard let file = files[range.file], range.upper <= file.text.count else { return nil }
      return SourceRange(file, range.lower, range.upper)
    }
    return sayings.map { saying in
      Diagnostic(
        Diagnostic.ID(saying.id), saying.severity, saying.message, at: restored(saying.range),
        notes: saying.notes.map { Diagnostic.Note($0.message, at: restored($0.range)) })
    }
  }

  var encoded: [UInt8] {
    var writer = BinaryWriter()
    func write(_ range: Range?) {
      writer.write(range != nil)
      guard let range else { return }
      writer.write(range.file)
      writer.write(UInt64(range.lower))
      writer.write(UInt64(range.upper))
    }
    writer.write(Self.version)
    writer.write(isComplete)
    writer.write(serial)
    writer.write(definition)
    writer.write(UInt32(steps))
    writer.write(UInt32(growing.count))
    for path in growing {
      writer.write(UInt32(path.root.index))
      writer.write(path.bytes)
    }
    writer.write(UInt32(printed.count))
    for line in printed { writer.write(line) }
    for saying in sayings {
      writer.write(saying.id)
      writer.write(saying.severity.rawValue)
      writer.write(saying.message)
      write(saying.range)
      writer.write(UInt32(saying.notes.count))
      for note in saying.notes {
        writer.write(note.message)
        write(note.range)
      }
    }
    return writer.bytes
  }

  /// Nil where the bytes are damaged.
  init?(encoded bytes: [UInt8]) {
    var reader = BinaryReader(bytes)
    guard reader.readUInt8() == Self.version, let isComplete = reader.readBool(), let serial = reader.readInt64(),
      let definition = reader.readDigest(), let steps = reader.readUInt32(), let files = reader.readUInt32()
    else { return nil }
    self.init(
      isComplete: isComplete, serial: serial, definition: definition, steps: Int(steps), growing: [], printed: [],
      diagnostics: [])
    for _ in 0..<files {
      guard let root = reader.readUInt32().flatMap(UInt16.init(exactly:)), let path = reader.readByteString() else {
        return nil
      }
      growing.append(Path(root: RootID(index: root), path))
    }
    guard let lines = reader.readUInt32() else { return nil }
    for _ in 0..<lines {
      guard let line = reader.readString() else { return nil }
      printed.append(line)
    }
    while !reader.isAtEnd {
      guard let saying = Saying(from: &reader) else { return nil }
      sayings.append(saying)
    }
  }
}

extension SnapshotSummary.Range {
  init(_ range: SourceRange) { self.init(file: range.file.name, lower: range.lower, upper: range.upper) }

  /// The outer nil where the bytes are damaged.
  static func read(from reader: inout BinaryReader) -> Self?? {
    guard let isThere = reader.readBool() else { return nil }
    guard isThere else { return .some(nil) }
    guard let file = reader.readString(), let lower = reader.readUInt64(), let upper = reader.readUInt64() else {
      return nil
    }
    return .some(Self(file: file, lower: Int(truncatingIfNeeded: lower), upper: Int(truncatingIfNeeded: upper)))
  }
}

extension SnapshotSummary.Note {
  init(_ note: Diagnostic.Note) {
    self.init(message: note.message, range: note.range.map(SnapshotSummary.Range.init))
  }
}

extension SnapshotSummary.Saying {
  init?(from reader: inout BinaryReader) {
    guard let id = reader.readString(),
      let severity = reader.readString().flatMap(Diagnostic.Severity.init(rawValue:)),
      let message = reader.readString(), let range = SnapshotSummary.Range.read(from: &reader),
      let count = reader.readUInt32()
    else { return nil }
    self.init(id: id, severity: severity, message: message, range: range, notes: [])
    for _ in 0..<count {
      guard let message = reader.readString(), let range = SnapshotSummary.Range.read(from: &reader) else {
        return nil
      }
      notes.append(SnapshotSummary.Note(message: message, range: range))
    }
  }
}
