// The parts of a flow graph as bytes. Numbers that are stored as tags are written out: never reuse one.
extension BinaryWriter {
  package mutating func write(_ path: Path) {
    write(path.root.index)
    write(compact: path.bytes)
  }

  mutating func write(_ location: ProgramLocation?) {
    write(location != nil)
    guard let location else { return }
    write(compact: ByteString(location.file))
    write(compact: max(0, location.line))
    write(compact: max(0, location.column))
  }

  mutating func write(_ place: Source.Place) {
    switch place {
    case .path(let path):
      write(UInt8(0))
      write(path)
    case .unmapped(let url):
      write(UInt8(1))
      write(compact: url)
    }
  }

  mutating func write(_ source: Source) {
    write(source.place)
    write(source.kind.rawValue)
    write(source.location)
  }

  mutating func write(_ reference: ArtifactReference) {
    switch reference {
    case .source(let id):
      write(UInt8(0))
      write(compact: UInt64(id.index))
    case .output(let step, let output):
      write(UInt8(1))
      write(compact: UInt64(step.index))
      write(compact: output)
    case .member(let step, let output, let path):
      write(UInt8(2))
      write(compact: UInt64(step.index))
      write(compact: output)
      write(compact: path)
    case .literal(let id):
      write(UInt8(3))
      write(compact: UInt64(id.index))
    case .assembly(let id):
      write(UInt8(4))
      write(compact: UInt64(id.index))
    }
  }

  mutating func write(_ step: Step) {
    switch step.work {
    case .exec(let exec):
      write(UInt8(0))
      write(exec)
    case .copy(let reference, let kind, let place):
      write(UInt8(1))
      write(reference)
      write(kind.rawValue)
      write(place)
    case .table(let table):
      write(UInt8(2))
      write(table)
    }
    write(compact: ByteString(step.name))
    write(step.location)
  }

  /// Without the plan's content, which only an evaluation has.
  private mutating func write(_ table: TableStep) {
    write(table.plan.key)
    write(compact: table.plan.outline)
    switch table.form {
    case .csv: write(UInt8(0))
    case .tsv: write(UInt8(1))
    case .jsonl: write(UInt8(2))
    case .rows: write(UInt8(3))
    case .summary: write(UInt8(4))
    case .parts(let count):
      write(UInt8(5))
      write(compact: count)
    }
    write(compact: table.inputs.count)
    for input in table.inputs {
      write(input.reference)
      write(input.kind.rawValue)
    }
  }

  private mutating func write(_ exec: Exec) {
    write(compact: exec.template.count)
    for fragment in exec.template {
      switch fragment {
      case .text(let text):
        write(UInt8(0))
        write(compact: text)
      case .input(let index):
        write(UInt8(1))
        write(compact: index)
      case .output(let index):
        write(UInt8(2))
        write(compact: index)
      }
    }
    write(compact: exec.inputs.count)
    for input in exec.inputs {
      write(input.reference)
      write(input.kind.rawValue)
    }
    write(compact: exec.outputs.count)
    for output in exec.outputs {
      write(compact: ByteString(output.label))
      write(output.kind.rawValue)
      write(output.isMentioned)
    }
    writeOption(exec.image) { $0.write(compact: $1) }
    write(compact: exec.environment.count)
    for variable in exec.environment {
      write(compact: variable.name)
      write(compact: variable.value)
    }
    write(exec.network)
    writeOption(exec.timeoutSeconds) { $0.write($1) }
    write(Int64(exec.retries))
    writeOption(exec.depfile) { $0.write(compact: $1) }
    write(exec.nondeterministic)
    write(Int64(exec.repetition))
    writeOption(exec.resources.cpu) { $0.write($1) }
    writeOption(exec.resources.memory) { $0.write($1) }
    writeOption(exec.resources.disk) { $0.write($1) }
    write(compact: exec.resources.cpuFeatures.count)
    for feature in exec.resources.cpuFeatures { write(compact: ByteString(feature)) }
  }

  private mutating func writeOption<Value>(_ value: Value?, _ body: (inout BinaryWriter, Value) -> Void) {
    write(value != nil)
    if let value { body(&self, value) }
  }
}

extension BinaryReader {
  /// A compact count, then as many elements; nil where one cannot be read.
  package mutating func readList<Element>(_ element: (inout BinaryReader) -> Element?) -> [Element]? {
    guard let count = readCompact(), count <= UInt64(remaining) else { return nil }
    var list: [Element] = []
    list.reserveCapacity(Int(count))
    for _ in 0..<count {
      guard let next = element(&self) else { return nil }
      list.append(next)
    }
    return list
  }

  /// The outer nil where the bytes are damaged.
  private mutating func readOption<Value>(_ value: (inout BinaryReader) -> Value?) -> Value?? {
    guard let isThere = readBool() else { return nil }
    guard isThere else { return .some(nil) }
    guard let value = value(&self) else { return nil }
    return .some(value)
  }

  mutating func readCompactString() -> String? { readCompactByteString()?.utf8 }

  private mutating func readCompactInt() -> Int? { readCompact().flatMap { Int(exactly: $0) } }

  private mutating func readKind() -> ArtifactKind? { readUInt8().flatMap(ArtifactKind.init(rawValue:)) }

  package mutating func readPath() -> Path? {
    guard let root = readUInt16(), let bytes = readCompactByteString() else { return nil }
    return Path(root: RootID(index: root), bytes)
  }

  mutating func readLocation() -> ProgramLocation?? {
    readOption { reader in
      guard let file = reader.readCompactString(), let line = reader.readCompactInt(),
        let column = reader.readCompactInt()
      else { return nil }
      return ProgramLocation(file: file, line: line, column: column)
    }
  }

  private mutating func readPlace() -> Source.Place? {
    switch readUInt8() {
    case 0: readPath().map { .path($0) }
    case 1: readCompactByteString().map { .unmapped(url: $0) }
    case _: nil
    }
  }

  mutating func readSource() -> Source? {
    guard let place = readPlace(), let kind = readKind(), let location = readLocation() else { return nil }
    return Source(place: place, kind: kind, location: location)
  }

  mutating func readReference() -> ArtifactReference? {
    guard let tag = readUInt8(), let index = readCompactUInt32() else { return nil }
    switch tag {
    case 0: return .source(SourceID(index: index))
    case 1:
      guard let output = readCompactUInt32() else { return nil }
      return .output(StepID(index: index), Int(output))
    case 2:
      guard let output = readCompactUInt32(), let path = readCompactByteString() else { return nil }
      return .member(StepID(index: index), Int(output), path)
    case 3: return .literal(LiteralID(index: index))
    case 4: return .assembly(AssemblyID(index: index))
    case _: return nil
    }
  }

  mutating func readMember() -> FlowGraph.Member? {
    guard let name = readCompactByteString(), let reference = readReference() else { return nil }
    return FlowGraph.Member(name: name, reference: reference)
  }

  mutating func readNeed() -> RecordedNeed? {
    guard let question = readUInt8().flatMap(RecordedNeed.Question.init(rawValue:)), let reference = readReference(),
      let answer = readDigest()
    else { return nil }
    return RecordedNeed(question, reference, answer: answer)
  }

  mutating func readStep() -> Step? {
    let work: Step.Work
    switch readUInt8() {
    case 0:
      guard let exec = readExec() else { return nil }
      work = .exec(exec)
    case 1:
      guard let reference = readReference(), let kind = readKind(), let place = readPlace() else { return nil }
      work = .copy(reference, kind: kind, to: place)
    case 2:
      guard let table = readTable() else { return nil }
      work = .table(table)
    case _: return nil
    }
    guard let name = readCompactString(), let location = readLocation() else { return nil }
    return Step(work: work, name: name, location: location)
  }

  private mutating func readTable() -> TableStep? {
    guard let key = readDigest(), let outline = readCompactString(), let form = readForm(),
      let inputs = readList({ $0.readInput() })
    else { return nil }
    return TableStep(
      plan: TablePlan(key: key, content: nil, outline: ByteString(outline)), form: form, inputs: inputs)
  }

  private mutating func readForm() -> TableStep.Form? {
    switch readUInt8() {
    case 0: .csv
    case 1: .tsv
    case 2: .jsonl
    case 3: .rows
    case 4: .summary
    case 5: readCompactUInt32().map { .parts(Int($0)) }
    case _: nil
    }
  }

  private mutating func readInput() -> Exec.Input? {
    guard let reference = readReference(), let kind = readKind() else { return nil }
    return Exec.Input(reference: reference, kind: kind)
  }

  private mutating func readFragment() -> Exec.Fragment? {
    switch readUInt8() {
    case 0: readCompactByteString().map { .text($0) }
    case 1: readCompactUInt32().map { .input(Int($0)) }
    case 2: readCompactUInt32().map { .output(Int($0)) }
    case _: nil
    }
  }

  private mutating func readExec() -> Exec? {
    guard let template = readList({ $0.readFragment() }),
      let inputs = readList({ $0.readInput() }),
      let outputs = readList({ reader -> Exec.Output? in
        guard let label = reader.readCompactString(), let kind = reader.readKind(),
          let isMentioned = reader.readBool()
        else { return nil }
        return Exec.Output(label: label, kind: kind, isMentioned: isMentioned)
      }), let image = readOption({ $0.readCompactByteString() }),
      let environment = readList({ reader -> Exec.Variable? in
        guard let name = reader.readCompactByteString(), let value = reader.readCompactByteString() else {
          return nil
        }
        return Exec.Variable(name: name, value: value)
      }), let network = readBool(), let timeout = readOption({ $0.readDouble() }), let retries = readInt64(),
      let depfile = readOption({ $0.readCompactByteString() }), let nondeterministic = readBool(),
      let repetition = readInt64(), let resources = readResources()
    else { return nil }
    // An index that leads nowhere would be acted upon.
    let isSound = template.allSatisfy { fragment in
      switch fragment {
      case .text: true
      case .input(let index): index < inputs.count
      case .output(let index): index < outputs.count
      }
    }
    guard isSound else { return nil }
    return Exec(
      template: template, inputs: inputs, outputs: outputs, image: image, environment: environment, network: network,
      timeoutSeconds: timeout, retries: Int(retries), depfile: depfile, nondeterministic: nondeterministic,
      repetition: Int(repetition), resources: resources)
  }

  private mutating func readResources() -> Resources? {
    guard let cpu = readOption({ $0.readDouble() }), let memory = readOption({ $0.readInt64() }),
      let disk = readOption({ $0.readInt64() }), let features = readList({ $0.readCompactString() })
    else { return nil }
    return Resources(cpu: cpu, memory: memory, disk: disk, cpuFeatures: features)
  }
}
