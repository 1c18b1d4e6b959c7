import BuildGraph
import Diagnostics
import Ports

/// The byte form of events: a byte that says which, then the fields in order. A range of a diagnostic carries its file's text, so that
/// whoever shows it need not read a file that may have changed.
extension BuildEvent {
  func encode(into writer: inout BinaryWriter) {
    switch self {
    case .buildStarted(let program):
      writer.write(UInt8(1))
      writer.write(program)
    case .planned(let steps):
      writer.write(UInt8(2))
      writer.write(Int64(steps))
    case .stepStarted(let step, let label, let reason):
      writer.write(UInt8(3))
      for text in [step, label, reason] { writer.write(text) }
    case .stepFinished(let end):
      writer.write(UInt8(4))
      end.encode(into: &writer)
    case .wouldRun(let step, let label, let reason):
      writer.write(UInt8(5))
      for text in [step, label, reason] { writer.write(text) }
    case .explained(let step, let label, let lines):
      writer.write(UInt8(6))
      for text in [step, label] { writer.write(text) }
      writer.write(lines.map { ByteString($0) })
    case .outputWritten(let path):
      writer.write(UInt8(7))
      writer.write(path)
    case .outputRemoved(let path):
      writer.write(UInt8(8))
      writer.write(path)
    case .outputDisplaced(let path, let place):
      writer.write(UInt8(9))
      writer.write(path)
      writer.write(place)
    case .diagnostic(let diagnostic):
      writer.write(UInt8(10))
      diagnostic.encode(into: &writer)
    case .printed(let line):
      writer.write(UInt8(11))
      writer.write(line)
    case .buildFinished(let summary):
      writer.write(UInt8(12))
      writer.write(summary.status.rawValue)
      for count in [summary.steps, summary.run, summary.cached, summary.failed] { writer.write(Int64(count)) }
      writer.write(summary.seconds)
    case .changed(let paths, let others):
      writer.write(UInt8(13))
      writer.write(paths)
      writer.write(Int64(others))
    case .watching(let folders):
      writer.write(UInt8(14))
      writer.write(Int64(folders))
    case .remaining(let seconds, let steps):
      writer.write(UInt8(15))
      writer.write(seconds)
      writer.write(Int64(steps))
    case .wouldPublish(let path, let change):
      writer.write(UInt8(16))
      writer.write(path)
      writer.write(change.rawValue)
    }
  }

  init?(from reader: inout BinaryReader) {
    guard let kind = reader.readUInt8() else { return nil }
    switch kind {
    case 1:
      guard let program = reader.readString() else { return nil }
      self = .buildStarted(program: program)
    case 2:
      guard let steps = reader.readCount() else { return nil }
      self = .planned(steps: steps)
    case 3, 5:
      guard let step = reader.readString(), let label = reader.readString(), let reason = reader.readString() else {
        return nil
      }
      self =
        kind == 3
        ? .stepStarted(step: step, label: label, reason: reason) : .wouldRun(step: step, label: label, reason: reason)
    case 4:
      guard let end = StepEnd(from: &reader) else { return nil }
      self = .stepFinished(end)
    case 6:
      guard let step = reader.readString(), let label = reader.readString(), let lines = reader.readByteStrings() else {
        return nil
      }
      self = .explained(step: step, label: label, lines: lines.map(\.display))
    case 7, 8:
      guard let path = reader.readByteString() else { return nil }
      self = kind == 7 ? .outputWritten(path: path) : .outputRemoved(path: path)
    case 9:
      guard let path = reader.readByteString(), let place = reader.readByteString() else { return nil }
      self = .outputDisplaced(path: path, to: place)
    case 10:
      guard let diagnostic = Diagnostic(from: &reader) else { return nil }
      self = .diagnostic(diagnostic)
    case 11:
      guard let line = reader.readString() else { return nil }
      self = .printed(line)
    case 12:
      guard let status = reader.readString().flatMap(BuildStatus.init(rawValue:)), let steps = reader.readCount(),
        let run = reader.readCount(), let cached = reader.readCount(), let failed = reader.readCount(),
        let seconds = reader.readDouble()
      else { return nil }
      self = .buildFinished(
        Summary(status: status, steps: steps, run: run, cached: cached, failed: failed, seconds: seconds))
    case 13:
      guard let paths = reader.readByteStrings(), let others = reader.readCount() else { return nil }
      self = .changed(paths: paths, others: others)
    case 14:
      guard let folders = reader.readCount() else { return nil }
      self = .watching(folders: folders)
    case 15:
      guard let seconds = reader.readDouble(), let steps = reader.readCount() else { return nil }
      self = .remaining(seconds: seconds, steps: steps)
    case 16:
      guard let path = reader.readByteString(), let change = reader.readString().flatMap(OutputChange.init(rawValue:))
      else { return nil }
      self = .wouldPublish(path: path, change)
    case _: return nil
    }
  }
}

extension BuildEvent.StepEnd {
  func encode(into writer: inout BinaryWriter) {
    writer.write(step)
    writer.write(label)
    writer.write(status.rawValue)
    writer.write(usage != nil)
    if let usage {
      writer.write(usage.wallSeconds)
      writer.write(usage.cpuSeconds)
      writer.write(usage.peakMemoryBytes)
      writer.write(usage.memoryMeasure.rawValue)
    }
    writer.write(exitCode != nil)
    writer.write(exitCode ?? 0)
    writer.write(message != nil)
    writer.write(message ?? "")
    writer.write(logTail)
  }

  init?(from reader: inout BinaryReader) {
    guard let step = reader.readString(), let label = reader.readString(),
      let status = reader.readString().flatMap(BuildEvent.StepStatus.init(rawValue:)), let hasUsage = reader.readBool()
    else { return nil }
    var usage: RunOutcome.Usage?
    if hasUsage {
      guard let wall = reader.readDouble(), let cpu = reader.readDouble(), let memory = reader.readInt64(),
        let measure = reader.readUInt8().flatMap(RunOutcome.MemoryMeasure.init(rawValue:))
      else { return nil }
      usage = RunOutcome.Usage(
        wallSeconds: wall, cpuSeconds: cpu, peakMemoryBytes: memory, memoryMeasure: measure)
    }
    guard let hasCode = reader.readBool(), let code = reader.readInt32(), let hasMessage = reader.readBool(),
      let message = reader.readString(), let tail = reader.readByteString()
    else { return nil }
    self.init(
      step: step, label: label, status: status, usage: usage, exitCode: hasCode ? code : nil,
      message: hasMessage ? message : nil, logTail: tail)
  }
}

extension Diagnostic {
  func encode(into writer: inout BinaryWriter) {
    writer.write(id.description)
    writer.write(severity.rawValue)
    writer.write(message)
    writer.write(range)
    writer.write(UInt32(notes.count))
    for note in notes {
      writer.write(note.message)
      writer.write(note.range)
    }
    writer.write(UInt32(fixIts.count))
    for fixIt in fixIts { writer.write(fixIt.message) }
  }

  init?(from reader: inout BinaryReader) {
    guard let id = reader.readString(), let severity = reader.readString().flatMap(Severity.init(rawValue:)),
      let message = reader.readString(), let range = reader.readRange(), let noteCount = reader.readUInt32(),
      Int(noteCount) <= reader.remaining
    else { return nil }
    var notes: [Note] = []
    for _ in 0..<noteCount {
      guard let message = reader.readString(), let range = reader.readRange() else { return nil }
      notes.append(Note(message, at: range))
    }
    guard let mendCount = reader.readUInt32(), Int(mendCount) <= reader.remaining else { return nil }
    var mends: [FixIt] = []
    for _ in 0..<mendCount {
      guard let message = reader.readString() else { return nil }
      // What is shown of a fix-it is its message; its edits are for editors.
      mends.append(FixIt(message, []))
    }
    self.init(ID(id), severity, message, at: range, notes: notes, fixIts: mends)
  }
}

extension BinaryWriter {
  fileprivate mutating func write(_ list: [ByteString]) {
    write(UInt32(list.count))
    for element in list { write(element) }
  }

  fileprivate mutating func write(_ range: SourceRange?) {
    write(range != nil)
    guard let range else { return }
    write(range.file.name)
    write(ByteString(bytes: range.file.text))
    write(UInt64(range.lower))
    write(UInt64(range.upper))
  }
}

extension BinaryReader {
  fileprivate mutating func readCount() -> Int? { readInt64().flatMap { Int(exactly: $0) } }

  fileprivate mutating func readByteStrings() -> [ByteString]? {
    guard let count = readUInt32(), Int(count) <= remaining else { return nil }
    var list: [ByteString] = []
    for _ in 0..<count {
      guard let element = readByteString() else { return nil }
      list.append(element)
    }
    return list
  }

  /// The outer nil where the bytes are damaged.
  fileprivate mutating func readRange() -> SourceRange?? {
    guard let isThere = readBool() else { return nil }
    guard isThere else { return .some(nil) }
    guard let name = readString(), let text = readByteString(), let lower = readUInt64(), let upper = readUInt64(),
      lower <= upper, upper <= UInt64(text.count)
    else { return nil }
    return .some(SourceRange(SourceFile(name: name, text: text.bytes), Int(lower), Int(upper)))
  }
}
