/// The byte forms of a persisted graph's parts: see <doc:PersistedGraph>. Each value has one form, and reading gives nil for all else.
///
/// Versions of the header: 1, the first; 2, with the layouts of the program's files.
extension GraphHeader {
  private static let version: UInt8 = 3

  package var encoded: [UInt8] {
    var writer = BinaryWriter(reserving: 256 + sayings.count)
    writer.write(Self.version)
    writer.write(serial)
    writer.write(definition)
    writer.write(compact: counts.count)
    for count in counts { writer.write(compact: UInt64(count)) }
    writer.write(compact: wantedSteps)
    writer.write(compact: programFiles.count)
    for path in programFiles { writer.write(path) }
    writer.write(compact: programs.count)
    for program in programs { writer.write(program) }
    writer.write(compact: staleSteps.count)
    for step in staleSteps { writer.write(compact: UInt64(step.index)) }
    writer.append(sayings)
    return writer.bytes
  }

  package init?(encoded bytes: [UInt8]) {
    var reader = BinaryReader(bytes)
    guard reader.readUInt8() == Self.version, let serial = reader.readInt64(), let definition = reader.readDigest(),
      let counts = reader.readList({ $0.readCompactUInt32() }), counts.count == GraphNodeKind.allCases.count,
      let wanted = reader.readCompactUInt32(), let files = reader.readList({ $0.readPath() }),
      let programs = reader.readList({ $0.readPlacedProgram() }),
      let stale = reader.readList({ $0.readCompactUInt32() })
    else { return nil }
    self.init(
      serial: serial, definition: definition, counts: counts, wantedSteps: Int(wanted), programFiles: files,
      programs: programs, staleSteps: stale.map(StepID.init), sayings: Array(bytes[reader.offset...]))
    guard staleSteps.allSatisfy({ $0.index < counts[Int(GraphNodeKind.step.rawValue)] }) else { return nil }
  }
}

extension NodeDefinition {
  /// The dependents come first, so that following edges need not read what they lead to.
  package func encode(into writer: inout BinaryWriter) {
    writer.write(compact: dependents.count)
    var last: UInt64 = 0
    for dependent in dependents {
      writer.write(compact: dependent.code - last)
      last = dependent.code
    }
    switch content {
    case .source(let source):
      writer.write(GraphNodeKind.source.rawValue)
      writer.write(source)
    case .literal(let bytes):
      writer.write(GraphNodeKind.literal.rawValue)
      writer.write(compact: bytes)
    case .assembly(let members):
      writer.write(GraphNodeKind.assembly.rawValue)
      writer.write(compact: members.count)
      for member in members {
        writer.write(compact: member.name)
        writer.write(member.reference)
      }
    case .step(let step, let frame):
      writer.write(GraphNodeKind.step.rawValue)
      writer.write(step)
      writer.write(compact: ByteString(frame.label))
      writer.write(frame.rank)
      writer.write(frame.identity)
    }
    writer.write(compact: entries.count)
    for path in entries { writer.write(compact: path) }
    writer.write(compact: needs.count)
    for need in needs {
      writer.write(need.question.rawValue)
      writer.write(need.reference)
      writer.write(need.answer)
    }
  }

  package static func readDependents(from reader: inout BinaryReader) -> [GraphNode]? {
    var last: UInt64 = 0
    return reader.readList { reader -> GraphNode? in
      guard let difference = reader.readCompact(), difference >> 40 == 0 else { return nil }
      last += difference
      guard last >> 40 == 0, let kind = GraphNodeKind(rawValue: UInt8(truncatingIfNeeded: last >> 32)) else {
        return nil
      }
      return GraphNode(kind, UInt32(truncatingIfNeeded: last))
    }
  }

  package init?(decoding reader: inout BinaryReader) {
    guard let dependents = Self.readDependents(from: &reader) else { return nil }
    let content: Content
    switch reader.readUInt8().flatMap(GraphNodeKind.init(rawValue:)) {
    case .source:
      guard let source = reader.readSource() else { return nil }
      content = .source(source)
    case .literal:
      guard let bytes = reader.readCompactByteString() else { return nil }
      content = .literal(bytes)
    case .assembly:
      guard let members = reader.readList({ $0.readMember() }) else { return nil }
      content = .assembly(members)
    case .step:
      guard let step = reader.readStep(), let label = reader.readCompactString(), let rank = reader.readDouble(),
        let identity = reader.readDigest()
      else { return nil }
      content = .step(step, StepFrame(label: label, rank: rank, identity: identity))
    case nil: return nil
    }
    guard let entries = reader.readList({ $0.readCompactByteString() }), let needs = reader.readList({ $0.readNeed() })
    else { return nil }
    self.init(content: content, dependents: dependents, entries: entries, needs: needs)
  }
}

extension NodeState {
  private enum Tag: UInt8 { case unwanted, stale, known, keyed, made }

  package func encode(into writer: inout BinaryWriter) {
    switch self {
    case .unwanted: writer.write(Tag.unwanted.rawValue)
    case .stale: writer.write(Tag.stale.rawValue)
    case .known(let artifact):
      writer.write(Tag.known.rawValue)
      writer.write(artifact)
    case .keyed(let key):
      writer.write(Tag.keyed.rawValue)
      writer.write(key)
    case .made(let made):
      writer.write(Tag.made.rawValue)
      writer.write(made.key)
      writer.write(made.contentKey)
      writer.write(made.isSandboxed)
      writer.write(compact: made.outputs.count)
      for output in made.outputs { writer.write(output) }
    }
  }

  package init?(decoding reader: inout BinaryReader) {
    switch reader.readUInt8().flatMap(Tag.init(rawValue:)) {
    case .unwanted: self = .unwanted
    case .stale: self = .stale
    case .known:
      guard let artifact = reader.readArtifact() else { return nil }
      self = .known(artifact)
    case .keyed:
      guard let key = reader.readDigest() else { return nil }
      self = .keyed(key)
    case .made:
      guard let key = reader.readDigest(), let contentKey = reader.readDigest(), let isSandboxed = reader.readBool(),
        let outputs = reader.readList({ $0.readArtifact() })
      else { return nil }
      self = .made(StepMade(key: key, contentKey: contentKey, outputs: outputs, isSandboxed: isSandboxed))
    case nil: return nil
    }
  }
}

extension OutputEntry {
  package func encode(into writer: inout BinaryWriter) {
    writer.write(compact: path)
    writer.write(reference)
    writer.write(kind.rawValue)
    writer.write(location)
  }

  package init?(decoding reader: inout BinaryReader) {
    guard let path = reader.readCompactByteString(), let reference = reader.readReference(),
      let kind = reader.readUInt8().flatMap(ArtifactKind.init(rawValue:)), let location = reader.readLocation()
    else { return nil }
    self.init(path: path, reference: reference, kind: kind, location: location)
  }
}
