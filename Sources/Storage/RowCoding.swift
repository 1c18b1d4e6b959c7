import BuildGraph
import Ports

/// A value of a row: writes its fields in a fixed order, and reads them back or gives nil. See <doc:StoreFormat>.
protocol RowValue {
  func encode(into writer: inout BinaryWriter)
  init?(decoding reader: inout BinaryReader)
}

extension RowValue {
  func sealed(_ seed: UInt64) -> [UInt8] {
    var writer = BinaryWriter()
    encode(into: &writer)
    return RowSeal.seal(writer.bytes, seed: seed)
  }

  /// Nil where the seal does not hold or the bytes are not exactly such a value.
  init?(sealed bytes: [UInt8], seed: UInt64) {
    guard var reader = RowSeal.open(bytes, seed: seed) else { return nil }
    self.init(decoding: &reader)
    guard reader.isAtEnd else { return nil }
  }
}

extension FileHint: RowValue {
  func encode(into writer: inout BinaryWriter) {
    writer.write(device)
    writer.write(inode)
    writer.write(size)
    writer.write(modifiedNanoseconds)
    writer.write(changedNanoseconds)
    writer.write(mode)
  }

  init?(decoding reader: inout BinaryReader) {
    guard let device = reader.readUInt64(), let inode = reader.readUInt64(), let size = reader.readInt64(),
      let modified = reader.readInt64(), let changed = reader.readInt64(), let mode = reader.readUInt32()
    else { return nil }
    self.init(
      device: device, inode: inode, size: size, modifiedNanoseconds: modified, changedNanoseconds: changed, mode: mode)
  }
}

extension Observation: RowValue {
  func encode(into writer: inout BinaryWriter) {
    writer.write(artifact)
    hint.encode(into: &writer)
    writer.write(isTrusted)
  }

  init?(decoding reader: inout BinaryReader) {
    guard let artifact = reader.readArtifact(), let hint = FileHint(decoding: &reader),
      let isTrusted = reader.readBool()
    else { return nil }
    self.init(artifact: artifact, hint: hint, isTrusted: isTrusted)
  }
}

extension RunOutcome.Usage: RowValue {
  func encode(into writer: inout BinaryWriter) {
    writer.write(wallSeconds)
    writer.write(cpuSeconds)
    writer.write(peakMemoryBytes)
    writer.write(memoryMeasure.rawValue)
  }

  init?(decoding reader: inout BinaryReader) {
    guard let wall = reader.readDouble(), let cpu = reader.readDouble(), let memory = reader.readInt64(),
      let measure = reader.readUInt8().flatMap(RunOutcome.MemoryMeasure.init(rawValue:))
    else { return nil }
    self.init(wallSeconds: wall, cpuSeconds: cpu, peakMemoryBytes: memory, memoryMeasure: measure)
  }
}

extension RunOutcome.Ending: RowValue {
  func encode(into writer: inout BinaryWriter) {
    switch self {
    case .exited(let code):
      writer.write(UInt8(0))
      writer.write(code)
    case .signaled(let signal):
      writer.write(UInt8(1))
      writer.write(signal)
    case .timedOut: writer.write(UInt8(2))
    case .cancelled: writer.write(UInt8(3))
    case .refused(let message):
      writer.write(UInt8(4))
      writer.write(message)
    }
  }

  init?(decoding reader: inout BinaryReader) {
    switch reader.readUInt8() {
    case 0:
      guard let code = reader.readInt32() else { return nil }
      self = .exited(code)
    case 1:
      guard let signal = reader.readInt32() else { return nil }
      self = .signaled(signal)
    case 2: self = .timedOut
    case 3: self = .cancelled
    case 4:
      guard let message = reader.readString() else { return nil }
      self = .refused(message: message)
    case _: return nil
    }
  }
}

extension StepResult: RowValue {
  func encode(into writer: inout BinaryWriter) {
    writer.write(run.number)
    writer.write(isSandboxed)
    usage.encode(into: &writer)
    writer.write(UInt32(outputs.count))
    for output in outputs { writer.write(output) }
  }

  init?(decoding reader: inout BinaryReader) {
    guard let run = reader.readInt64(), let isSandboxed = reader.readBool(),
      let usage = RunOutcome.Usage(decoding: &reader), let count = reader.readUInt32(), count <= reader.remaining
    else { return nil }
    var outputs: [Artifact] = []
    outputs.reserveCapacity(Int(count))
    for _ in 0..<count {
      guard let output = reader.readArtifact() else { return nil }
      outputs.append(output)
    }
    self.init(outputs: outputs, isSandboxed: isSandboxed, run: RunID(number: run), usage: usage)
  }
}

extension Derivation: RowValue {
  func encode(into writer: inout BinaryWriter) {
    writer.write(contentKey)
    writer.write(UInt32(inputs.count))
    for input in inputs { writer.write(input) }
  }

  init?(decoding reader: inout BinaryReader) {
    guard let key = reader.readDigest(), let count = reader.readUInt32(), count <= reader.remaining else { return nil }
    var inputs: [Digest] = []
    inputs.reserveCapacity(Int(count))
    for _ in 0..<count {
      guard let input = reader.readDigest() else { return nil }
      inputs.append(input)
    }
    self.init(contentKey: key, inputs: inputs)
  }
}

extension Variant: RowValue {
  func encode(into writer: inout BinaryWriter) {
    writer.write(contentKey)
    writer.write(outputs)
  }

  init?(decoding reader: inout BinaryReader) {
    guard let key = reader.readDigest(), let outputs = reader.readDigest() else { return nil }
    self.init(contentKey: key, outputs: outputs)
  }
}

extension ReadSet: RowValue {
  func encode(into writer: inout BinaryWriter) {
    writer.write(UInt32(paths.count))
    for path in paths { writer.write(path) }
  }

  init?(decoding reader: inout BinaryReader) {
    guard let count = reader.readUInt32(), count <= reader.remaining else { return nil }
    var paths: [ByteString] = []
    paths.reserveCapacity(Int(count))
    for _ in 0..<count {
      guard let path = reader.readByteString() else { return nil }
      paths.append(path)
    }
    self.init(paths: paths)
  }
}

/// The columns of a run that nothing is looked up by.
struct RunDetails: RowValue {
  var command: ByteString
  var reason: String
  var ending: RunOutcome.Ending
  var usage: RunOutcome.Usage
  var node: String?
  var plan: String?

  init(_ record: RunRecord) {
    command = record.command
    reason = record.reason
    ending = record.ending
    usage = record.usage
    node = record.node
    plan = record.plan
  }

  func encode(into writer: inout BinaryWriter) {
    writer.write(command)
    writer.write(reason)
    ending.encode(into: &writer)
    usage.encode(into: &writer)
    // Most have neither, and are written as they were before there was either.
    guard node != nil || plan != nil else { return }
    writer.write(node ?? "")
    writer.write(plan ?? "")
  }

  init?(decoding reader: inout BinaryReader) {
    guard let command = reader.readByteString(), let reason = reader.readString(),
      let ending = RunOutcome.Ending(decoding: &reader), let usage = RunOutcome.Usage(decoding: &reader)
    else { return nil }
    if !reader.isAtEnd {
      guard let node = reader.readString(), let plan = reader.readString() else { return nil }
      self.node = node.isEmpty ? nil : node
      self.plan = plan.isEmpty ? nil : plan
    }
    self.command = command
    self.reason = reason
    self.ending = ending
    self.usage = usage
  }
}

/// What is known of an owned output beside its path.
struct Ownership: RowValue {
  var owner: ByteString
  var artifact: Artifact
  var hint: FileHint?

  init(_ output: OwnedOutput) {
    owner = output.owner
    artifact = output.artifact
    hint = output.hint
  }

  func output(at path: ByteString) -> OwnedOutput {
    OwnedOutput(path: path, owner: owner, artifact: artifact, hint: hint)
  }

  func encode(into writer: inout BinaryWriter) {
    writer.write(owner)
    writer.write(artifact)
    writer.write(hint != nil)
    hint?.encode(into: &writer)
  }

  init?(decoding reader: inout BinaryReader) {
    guard let owner = reader.readByteString(), let artifact = reader.readArtifact(), let hasHint = reader.readBool()
    else { return nil }
    self.owner = owner
    self.artifact = artifact
    if hasHint {
      guard let hint = FileHint(decoding: &reader) else { return nil }
      self.hint = hint
    }
  }
}

/// What is known of an intent beside its path.
struct Promise: RowValue {
  var owner: ByteString
  var old: Artifact?
  var new: Artifact?

  init(_ intent: Intent) {
    owner = intent.owner
    old = intent.old
    new = intent.new
  }

  func intent(at path: ByteString) -> Intent { Intent(path: path, owner: owner, old: old, new: new) }

  func encode(into writer: inout BinaryWriter) {
    writer.write(owner)
    for side in [old, new] {
      writer.write(side != nil)
      if let side { writer.write(side) }
    }
  }

  init?(decoding reader: inout BinaryReader) {
    guard let owner = reader.readByteString(), let old = Self.readSide(&reader), let new = Self.readSide(&reader)
    else { return nil }
    self.owner = owner
    self.old = old
    self.new = new
  }

  private static func readSide(_ reader: inout BinaryReader) -> Artifact?? {
    guard let isThere = reader.readBool() else { return nil }
    guard isThere else { return .some(nil) }
    guard let artifact = reader.readArtifact() else { return nil }
    return .some(artifact)
  }
}
