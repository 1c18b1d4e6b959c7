package import BuildGraph

/// What a step was like when it was last brought up to date; the state keeps it under the step's identity, so that the next
/// launch can say what has changed. Never decides whether a step runs: keys do.
package struct StepTrace: Hashable, Sendable {
  package struct Input: Hashable, Sendable {
    /// As staged; of a step with a depfile, each path that it read.
    package var path: ByteString
    /// ``Keys/derivation(of:)`` of what lay there.
    package var digest: Digest

    package init(path: ByteString, digest: Digest) {
      self.path = path
      self.digest = digest
    }
  }

  package var contentKey: Digest
  package var command: CommandKey
  package var inputs: [Input]

  package init(contentKey: Digest, command: CommandKey, inputs: [Input]) {
    self.contentKey = contentKey
    self.command = command
    self.inputs = inputs
  }
}

/// The byte form: a version byte, then all fields in order, numbers little-endian.
///
/// Versions: 1, the first.
extension StepTrace {
  private static let version: UInt8 = 1

  package var encoded: [UInt8] {
    var writer = BinaryWriter(reserving: 140 + inputs.count * 48)
    writer.write(Self.version)
    writer.write(contentKey)
    for part in command.parts { writer.write(part) }
    for input in inputs {
      writer.write(input.digest)
      writer.write(input.path)
    }
    return writer.bytes
  }

  /// Nil where the bytes are damaged or of another version.
  package init?(encoded bytes: [UInt8]) {
    var reader = BinaryReader(bytes)
    guard reader.readUInt8() == Self.version, let key = reader.readDigest() else { return nil }
    var parts: [Digest] = []
    parts.reserveCapacity(CommandKey.Part.allCases.count)
    for _ in CommandKey.Part.allCases {
      guard let part = reader.readDigest() else { return nil }
      parts.append(part)
    }
    var inputs: [Input] = []
    while !reader.isAtEnd {
      guard let value = reader.readDigest(), let path = reader.readByteString() else { return nil }
      inputs.append(Input(path: path, digest: value))
    }
    self.init(contentKey: key, command: CommandKey(parts: parts), inputs: inputs)
  }

  /// Why a step that is now like this must run, given what it was like before.
  ///
  /// - Parameter name: what people call the input at a staged path.
  /// - Complexity: O(inputs).
  package func reason(since old: StepTrace?, name: (ByteString) -> String) -> Reason {
    guard let old else { return .neverBuilt }
    if old.contentKey == contentKey { return .resultGone }
    let parts = CommandKey.Part.allCases.filter { command.parts[$0.rawValue] != old.command.parts[$0.rawValue] }
    if !parts.isEmpty { return .commandChanged(Set(parts)) }
    let before = Dictionary(old.inputs.map { ($0.path, $0.digest) }, uniquingKeysWith: { first, _ in first })
    let changed = inputs.filter { before[$0.path] != $0.digest }
    if let first = changed.first {
      return .inputChanged(
        Reason.Change(
          name: name(first.path), old: before[first.path], new: first.digest, others: changed.count - 1))
    }
    return .resultGone
  }

  /// Why a step that is now like this must run, given what the only step of its name was like when it read other inputs.
  ///
  /// - Parameter name: what people call the input at a staged path.
  /// - Complexity: O(inputs).
  package func reason(sinceNamesake old: StepTrace, name: (ByteString) -> String) -> Reason {
    // Places in the staging shift with the number of inputs, so they are compared by what lay there.
    var before: [Digest: Int] = [:]
    for input in old.inputs { before[input.digest, default: 0] += 1 }
    var others: [Input] = []
    for input in inputs {
      if let count = before[input.digest], count > 0 { before[input.digest] = count - 1 } else { others.append(input) }
    }
    guard others.isEmpty else {
      return .otherInputs(
        first: name(others[0].path), others: others.count - 1, areAdded: inputs.count - old.inputs.count == others.count
      )
    }
    return inputs.count < old.inputs.count ? .otherInputs(first: nil, others: 0, areAdded: false) : .neverBuilt
  }
}
