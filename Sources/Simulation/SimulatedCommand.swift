package import BuildGraph

/// What a simulated file or folder holds.
package enum SimulatedContent: Hashable, Sendable {
  case file([UInt8])
  case folder([ByteString: [UInt8]])

  /// A digest of all of it, by a way of its own: not the one under test.
  package var fingerprint: UInt64 {
    switch self {
    case .file(let bytes): return Self.mix(bytes, 1)
    case .folder(let members):
      var result: UInt64 = 2
      for (name, bytes) in members.sorted(by: { $0.key < $1.key }) {
        result = Self.mix(name.bytes, result)
        result = Self.mix(bytes, result)
      }
      return result
    }
  }

  package static func mix(_ bytes: [UInt8], _ start: UInt64) -> UInt64 {
    var result = start ^ 0xCBF2_9CE4_8422_2325
    for byte in bytes { result = (result ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return (result ^ UInt64(bytes.count)) &* 0x9E37_79B9_7F4A_7C15
  }
}

/// A command of the simulated world: a pure function from what it is told and what it reads to what it makes.
///
/// `mix salt=S mod=M failon=F paths…` makes each output from all inputs; of `mod` different results only, so that other inputs often
/// give equal outputs. It fails where its result is a multiple of F. `include …` reads of a folder only what the file names. A `loose` one
/// makes what chance says as well.
package struct SimulatedCommand {
  package struct Outcome {
    package var exitCode: Int32
    package var outputs: [SimulatedContent]
    /// Staged paths that were read, for a depfile.
    package var reads: [ByteString]
  }

  private let words: [Substring]

  package init(script: ByteString) {
    words = String(decoding: script.bytes, as: UTF8.self).split(separator: " ")
  }

  private func value(_ name: String) -> UInt64? {
    for word in words where word.hasPrefix(name + "=") { return UInt64(word.dropFirst(name.count + 1)) }
    return nil
  }

  package var isFlaky: Bool { words.contains("flaky") }
  package var isLoose: Bool { words.contains("loose") }
  package var isSlow: Bool { words.contains("slow") }

  /// - Parameter luck: what is different in each run.
  package func run(
    inputs: [(path: ByteString, content: SimulatedContent)], outputs: [(path: ByteString, kind: ArtifactKind)],
    luck: Int = 0
  ) -> Outcome {
    var state = SimulatedContent.mix(Array("salt \(value("salt") ?? 0)".utf8), 7)
    var reads: [ByteString] = []
    for input in inputs {
      state = SimulatedContent.mix(input.path.bytes, state)
      if words.first == "include", case .folder(let members) = input.content {
        state = include(inputs, folder: input.path, members, state, &reads)
      } else {
        state = state &* 31 &+ input.content.fingerprint
        reads.append(input.path)
      }
    }
    if let failOn = value("failon"), failOn > 0, state % failOn == 0 {
      return Outcome(exitCode: 1, outputs: [], reads: [])
    }
    if isLoose { state = SimulatedContent.mix([UInt8(luck)], state) }
    let modulus = max(1, value("mod") ?? 1_000_003)
    let made = outputs.map { output -> SimulatedContent in
      let own = SimulatedContent.mix(output.path.bytes, state % modulus)
      switch output.kind {
      case .file: return .file(Array("\(own % 1_000_000)".utf8))
      case .folder:
        var members: [ByteString: [UInt8]] = ["p0": Array("\(own % 997)".utf8)]
        for index in 0..<Int(own % 3) { members[ByteString("sub/q\(index)")] = Array("\(own % 13)".utf8) }
        return .folder(members)
      }
    }
    return Outcome(exitCode: 0, outputs: made, reads: reads)
  }

  /// Follows the names in files, as a preprocessor does.
  private func include(
    _ inputs: [(path: ByteString, content: SimulatedContent)], folder: ByteString,
    _ members: [ByteString: [UInt8]], _ start: UInt64, _ reads: inout [ByteString]
  ) -> UInt64 {
    var state = start
    var next: [UInt8] = []
    for input in inputs { if case .file(let bytes) = input.content { next += bytes } }
    for _ in 0..<3 {
      let name = ByteString("f\((next.first ?? 0) % 4)")
      guard let bytes = members[name] else {
        state = state &* 33 &+ 5
        break
      }
      reads.append(folder + "/" + name)
      state = SimulatedContent.mix(bytes, state)
      next = bytes
    }
    return state
  }
}
