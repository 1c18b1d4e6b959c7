import BuildGraph
import Ports

/// What a coordinator hands to an agent, as bytes of a file. A file is whole or not there; its last eight bytes say that it is.
struct StepMessage: Hashable, Sendable {
  /// Another number, and neither side understands the other: a job of another version is left alone.
  static let version: UInt32 = 2

  var request: RunRequest

  var encoded: [UInt8] {
    var writer = BinaryWriter(reserving: 512)
    writer.write(Self.version)
    writer.write(request)
    writer.write(UInt64(0x5245_464C_4F57_4A42))
    return writer.bytes
  }

  init(request: RunRequest) { self.request = request }

  init?(encoded bytes: [UInt8]) {
    var reader = BinaryReader(bytes)
    guard reader.readUInt32() == Self.version, let request = reader.readRequest(),
      reader.readUInt64() == 0x5245_464C_4F57_4A42, reader.isAtEnd
    else { return nil }
    self.request = request
  }
}

/// What an agent says of a step that has ended.
struct ResultMessage: Hashable, Sendable {
  /// Of the request; nil where nothing is as good as running it.
  var key: Digest?
  /// When the request was written, in nanoseconds on the file system's clock.
  var requestedAt: Int64
  var outcome: RunOutcome

  var encoded: [UInt8] {
    var writer = BinaryWriter(reserving: 256)
    writer.write(StepMessage.version)
    writer.write(key != nil)
    writer.write(key ?? Digest(high: 0, low: 0))
    writer.write(requestedAt)
    writer.write(outcome)
    writer.write(UInt64(0x5245_464C_4F57_4F4B))
    return writer.bytes
  }

  init(key: Digest? = nil, requestedAt: Int64 = 0, outcome: RunOutcome) {
    self.key = key
    self.requestedAt = requestedAt
    self.outcome = outcome
  }

  init?(encoded bytes: [UInt8]) {
    var reader = BinaryReader(bytes)
    guard reader.readUInt32() == StepMessage.version, let hasKey = reader.readBool(), let key = reader.readDigest(),
      let requestedAt = reader.readInt64(), let outcome = reader.readOutcome(),
      reader.readUInt64() == 0x5245_464C_4F57_4F4B, reader.isAtEnd
    else { return nil }
    self.key = hasKey ? key : nil
    self.requestedAt = requestedAt
    self.outcome = outcome
  }
}

extension BinaryWriter {
  mutating func write(list count: Int) { write(UInt32(count)) }

  mutating func write(optional value: ByteString?) {
    write(value != nil)
    write(value ?? "")
  }

  mutating func write(optional value: Double?) {
    write(value != nil)
    write(value ?? 0)
  }

  mutating func write(optional value: Int64?) {
    write(value != nil)
    write(value ?? 0)
  }

  mutating func write(_ path: Path) {
    write(path.root.index)
    write(path.bytes)
  }

  mutating func write(_ origin: RunRequest.Origin) {
    switch origin {
    case .source(let path):
      write(UInt8(0))
      write(path)
    case .object(let artifact):
      write(UInt8(1))
      write(artifact)
    case .view(let members):
      write(UInt8(2))
      write(list: members.count)
      for member in members {
        write(member.path)
        write(member.origin)
      }
    }
  }

  mutating func write(_ request: RunRequest) {
    write(request.run.number)
    switch request.command {
    case .direct(let command):
      write(UInt8(0))
      write(command.script)
    case .shell(let script):
      write(UInt8(1))
      write(script)
    // Tables are evaluated where the program is known; they never come here.
    case .table: write(UInt8(2))
    }
    write(list: request.inputs.count)
    for input in request.inputs {
      write(input.stagedPath)
      write(input.kind.rawValue)
      write(input.origin)
    }
    write(list: request.outputs.count)
    for output in request.outputs {
      write(output.stagedPath)
      write(output.kind.rawValue)
      write(output.isMentioned)
    }
    write(optional: request.image)
    write(list: request.environment.count)
    for variable in request.environment {
      write(variable.name)
      write(variable.value)
    }
    write(request.network)
    write(optional: request.timeoutSeconds)
    write(optional: request.depfile)
    write(optional: request.resources.cpu)
    write(optional: request.resources.memory)
    write(optional: request.resources.disk)
    write(request.sandbox.rawValue)
    write(request.logLimitBytes)
    write(request.key != nil)
    write(request.key ?? Digest(high: 0, low: 0))
    write(optional: request.memoryLimit)
    write(optional: request.expectedSeconds)
    write(request.label)
    write(request.inputsChangedAt)
  }

  mutating func write(_ outcome: RunOutcome) {
    switch outcome.ending {
    case .exited(let code):
      write(UInt8(0))
      write(code)
    case .signaled(let signal):
      write(UInt8(1))
      write(signal)
    case .timedOut: write(UInt8(2))
    case .cancelled: write(UInt8(3))
    case .refused(let message):
      write(UInt8(4))
      write(message)
    }
    switch outcome.setback {
    case nil: write(UInt8(0))
    case .outOfMemory: write(UInt8(1))
    case .lostWorker(let message):
      write(UInt8(2))
      write(message)
    }
    write(outcome.usage.wallSeconds)
    write(outcome.usage.cpuSeconds)
    write(outcome.usage.peakMemoryBytes)
    write(outcome.usage.memoryMeasure.rawValue)
    write(list: outcome.outputs.count)
    for output in outcome.outputs { write(output) }
    write(outcome.isSandboxed)
    write(list: outcome.undeclaredOutputs.count)
    for path in outcome.undeclaredOutputs { write(path) }
    write(optional: outcome.depfile.map { ByteString(bytes: $0) })
    write(outcome.logTail)
  }
}

extension BinaryReader {
  /// - Parameter read: gives nil where the bytes cannot be meant so.
  mutating func readList<Element>(_ read: (inout BinaryReader) -> Element?) -> [Element]? {
    guard let count = readUInt32(), count <= remaining else { return nil }
    var list: [Element] = []
    list.reserveCapacity(Int(count))
    for _ in 0..<count {
      guard let element = read(&self) else { return nil }
      list.append(element)
    }
    return list
  }

  /// Nil where the bytes end too early; else what was written, which may have been nil.
  private mutating func readOptional<Value>(_ value: (inout BinaryReader) -> Value?) -> Value?? {
    guard let isThere = readBool(), let value = value(&self) else { return nil }
    return .some(isThere ? value : nil)
  }

  private mutating func readKind() -> ArtifactKind? { readUInt8().flatMap(ArtifactKind.init(rawValue:)) }

  mutating func readPath() -> Path? {
    guard let root = readUInt16(), let bytes = readByteString() else { return nil }
    return Path(root: RootID(index: root), bytes)
  }

  mutating func readOrigin(depth: Int = 0) -> RunRequest.Origin? {
    switch readUInt8() {
    case 0: return readPath().map { .source($0) }
    case 1: return readArtifact().map { .object($0) }
    case 2 where depth < 64:
      let members = readList { reader -> RunRequest.ViewMember? in
        guard let path = reader.readByteString(), let origin = reader.readOrigin(depth: depth + 1) else { return nil }
        return RunRequest.ViewMember(path: path, origin: origin)
      }
      return members.map { .view($0) }
    case _: return nil
    }
  }

  mutating func readRequest() -> RunRequest? {
    guard let run = readInt64() else { return nil }
    let command: RunRequest.Command
    switch readUInt8() {
    case 0:
      guard let script = readByteString() else { return nil }
      command = DirectCommand(script).map { RunRequest.Command.direct($0) } ?? .shell(script)
    case 1:
      guard let script = readByteString() else { return nil }
      command = .shell(script)
    case _: return nil
    }
    let inputs = readList { reader -> RunRequest.Input? in
      guard let path = reader.readByteString(), let kind = reader.readKind(), let origin = reader.readOrigin() else {
        return nil
      }
      return RunRequest.Input(stagedPath: path, kind: kind, origin: origin)
    }
    let outputs = readList { reader -> RunRequest.Output? in
      guard let path = reader.readByteString(), let kind = reader.readKind(), let isMentioned = reader.readBool() else {
        return nil
      }
      return RunRequest.Output(stagedPath: path, kind: kind, isMentioned: isMentioned)
    }
    guard let inputs, let outputs, let image = readOptional({ $0.readByteString() }) else { return nil }
    let environment = readList { reader -> Exec.Variable? in
      guard let name = reader.readByteString(), let value = reader.readByteString() else { return nil }
      return Exec.Variable(name: name, value: value)
    }
    guard let environment, let network = readBool(), let timeout = readOptional({ $0.readDouble() }),
      let depfile = readOptional({ $0.readByteString() }), let cpu = readOptional({ $0.readDouble() }),
      let memory = readOptional({ $0.readInt64() }), let disk = readOptional({ $0.readInt64() }),
      let sandbox = readString().flatMap(SandboxMode.init(rawValue:)), let logLimit = readInt64(),
      let key = readOptional({ $0.readDigest() }), let memoryLimit = readOptional({ $0.readInt64() }),
      let seconds = readOptional({ $0.readDouble() }), let label = readString(), let changedAt = readInt64()
    else { return nil }
    var request = RunRequest(
      run: RunID(number: run), command: command, inputs: inputs, outputs: outputs, image: image,
      environment: environment, network: network, timeoutSeconds: timeout, depfile: depfile,
      resources: Resources(cpu: cpu, memory: memory, disk: disk), sandbox: sandbox, logLimitBytes: logLimit)
    request.key = key
    request.memoryLimit = memoryLimit
    request.expectedSeconds = seconds
    request.label = label
    request.inputsChangedAt = changedAt
    return request
  }

  mutating func readOutcome() -> RunOutcome? {
    let ending: RunOutcome.Ending
    switch readUInt8() {
    case 0:
      guard let code = readInt32() else { return nil }
      ending = .exited(code)
    case 1:
      guard let signal = readInt32() else { return nil }
      ending = .signaled(signal)
    case 2: ending = .timedOut
    case 3: ending = .cancelled
    case 4:
      guard let message = readString() else { return nil }
      ending = .refused(message: message)
    case _: return nil
    }
    var setback: RunOutcome.Setback?
    switch readUInt8() {
    case 0: setback = nil
    case 1: setback = .outOfMemory
    case 2:
      guard let message = readString() else { return nil }
      setback = .lostWorker(message: message)
    case _: return nil
    }
    guard let wall = readDouble(), let cpu = readDouble(), let memory = readInt64(),
      let measure = readUInt8().flatMap(RunOutcome.MemoryMeasure.init(rawValue:)),
      let outputs = readList({ $0.readArtifact() }), let isSandboxed = readBool(),
      let undeclared = readList({ $0.readByteString() }), let depfile = readOptional({ $0.readByteString() }),
      let tail = readByteString()
    else { return nil }
    var outcome = RunOutcome(
      ending: ending,
      usage: .init(wallSeconds: wall, cpuSeconds: cpu, peakMemoryBytes: memory, memoryMeasure: measure),
      outputs: outputs, isSandboxed: isSandboxed, undeclaredOutputs: undeclared, depfile: depfile?.bytes, logTail: tail)
    outcome.setback = setback
    return outcome
  }
}
