import BuildGraph
import Testing

@Suite struct KeyTests {
  private enum Entry: Hashable {
    case bytes(ManifestField, ByteString)
    case number(ManifestField, Int)
    case digest(ManifestField, Digest)

    func write(to manifest: inout some Manifest) {
      switch self {
      case .bytes(let field, let bytes): manifest.write(field, bytes)
      case .number(let field, let number): manifest.write(field, number)
      case .digest(let field, let digest): manifest.write(field, digest)
      }
    }
  }

  @Test func differentWritesGiveDifferentManifests() {
    // Few values, and such as could be taken for each other's encodings.
    let bytes: [ByteString] = ["", "a", "ab", "\u{1}", ByteString(bytes: [2, 1, 0, 0, 0, 0, 0, 0, 0])]
    let fields: [ManifestField] = [.text, .name]
    var entries: [Entry] = []
    for field in fields {
      entries += bytes.map { .bytes(field, $0) } + [.number(field, 0), .number(field, 1)]
      entries.append(.digest(field, Digest(high: 0, low: 1)))
    }
    var seen: [Digest: [Entry]] = [:]
    var texts: [[String]: [Entry]] = [:]
    var lists: [[Entry]] = [[]] + entries.map { [$0] }
    for first in entries { for second in entries { lists.append([first, second]) } }
    for list in lists {
      var manifest = DigestManifest()
      var text = TextManifest()
      for entry in list {
        entry.write(to: &manifest)
        entry.write(to: &text)
      }
      #expect(seen.updateValue(list, forKey: manifest.finish()) == nil)
      #expect(text.lines.count == list.count)
      texts[text.lines] = list
    }
    #expect(texts.count == lists.count, "two manifests print alike")
  }

  private static func exec(
    _ template: [Exec.Fragment] = [.text("cp "), .input(0), .text(" "), .output(0)]
  ) -> Exec {
    Exec(
      template: template,
      inputs: [Exec.Input(reference: .source(SourceID(index: 0)), kind: .file)],
      outputs: [Exec.Output(label: "copy", kind: .file, isMentioned: true)])
  }

  private static func key(_ exec: Exec) -> Digest {
    let staging = Staging(exec) { _ in "a.txt" }
    let artifact = Artifact(digest: Digest(hashing: Array("hello".utf8)), size: 5)
    return Keys.content(command: CommandKey(exec, staging: staging).digest, inputs: [artifact])
  }

  /// A change here makes everything that users have cached unreachable: raise `Keys.scheme` and say so.
  @Test func keysOfKnownStepsStayWhatTheyAre() {
    #expect(Self.key(Self.exec()).description == "fa7c7a076b537c9f0869b1f3070da38a")
    let staging = Staging(Self.exec()) { _ in "a.txt" }
    let command = CommandKey(Self.exec(), staging: staging).digest
    let source = Keys.derivation(of: Artifact(digest: Digest(high: 1, low: 2), size: 3))
    #expect(Keys.derivation(command: command, inputs: [source]).description == "a56adbd2f6394ca10df221e86415626d")
  }

  @Test func whatDoesNotChangeAResultIsInNoKey() {
    var other = Self.exec()
    other.resources = Resources(cpu: 4, memory: 1 << 30)
    other.timeoutSeconds = 3
    other.retries = 2
    other.nondeterministic = true
    #expect(Self.key(other) == Self.key(Self.exec()))
  }

  @Test func whatTheCommandSaysOrSeesIsInTheKey() {
    var variants: [Exec] = [Self.exec(), Self.exec([.text("mv "), .input(0), .text(" "), .output(0)])]
    func vary(_ change: (inout Exec) -> Void) {
      var exec = Self.exec()
      change(&exec)
      variants.append(exec)
    }
    vary { $0.image = "debian" }
    vary { $0.network = true }
    vary { $0.depfile = "x.d" }
    vary { $0.repetition = 1 }
    vary { $0.environment = [Exec.Variable(name: "A", value: "B")] }
    vary { $0.outputs[0].kind = .folder }
    vary { $0.outputs[0].label = "other" }
    #expect(Set(variants.map(Self.key)).count == variants.count)
    let staging = Staging(Self.exec()) { _ in "b.txt" }
    #expect(
      CommandKey(Self.exec(), staging: staging).digest
        != CommandKey(Self.exec(), staging: Staging(Self.exec()) { _ in "a.txt" }).digest)
  }

  @Test func theExecutableBitIsPartOfAContent() {
    let plain = Artifact(digest: Digest(high: 1, low: 1), size: 1)
    var executable = plain
    executable.isExecutable = true
    let command = Digest(high: 0, low: 0)
    #expect(Keys.content(command: command, inputs: [plain]) != Keys.content(command: command, inputs: [executable]))
  }
}

@Suite struct StagingTests {
  private func exec(_ references: [ArtifactReference], outputs: [String] = ["out"]) -> Exec {
    Exec(
      template: [], inputs: references.map { Exec.Input(reference: $0, kind: .file) },
      outputs: outputs.map { Exec.Output(label: $0, kind: .file, isMentioned: true) })
  }

  @Test func inputsLieUnderTheirOwnNamesInNumberedSlots() {
    let a = ArtifactReference.source(SourceID(index: 0))
    let b = ArtifactReference.source(SourceID(index: 1))
    let staging = Staging(exec([a, b, a])) { $0 == a ? "reads.fq" : "my file(1).txt" }
    #expect(staging.inputs == ["in/0/reads.fq", "in/1/my_file_1_.txt", "in/0/reads.fq"])
    #expect(staging.slots == [0, 1, 0])
    #expect(staging.outputs == ["out/out"])
  }

  @Test func manyInputsShareSlotsAsFewDo() {
    let references = (0..<50).map { ArtifactReference.source(SourceID(index: UInt32($0 % 20))) }
    let staging = Staging(exec(references)) { _ in "x" }
    #expect(staging.slots == (0..<50).map { $0 % 20 })
  }

  @Test(arguments: [("", "_"), (".", "_"), ("..", "_"), ("a b", "a_b"), ("ä", "__"), ("-x=1,2@3%4+5", "-x=1,2@3%4+5")])
  func namesAreMadePlain(_ pair: (String, String)) {
    #expect(Staging.sanitized(ByteString(pair.0)) == ByteString(pair.1))
  }
}
