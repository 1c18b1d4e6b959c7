import BuildGraph
import Ports
import Testing

@testable import Driver

/// What a run remembers of sources that it has looked at and read.
@Suite struct SeenSourcesTests {
  private let id = SourceID(index: 3)
  private let path = Path("a")

  private func hint(_ time: Int64, size: Int64 = 5) -> FileHint {
    FileHint(device: 1, inode: 2, size: size, modifiedNanoseconds: time, changedNanoseconds: time, mode: 0o100644)
  }

  private func file(_ hint: FileHint, size: Int64 = 5, isExecutable: Bool = true) -> SourceRecord {
    let artifact = Artifact(digest: Digest(high: 7, low: 8), isExecutable: isExecutable, size: size)
    return .file(path, Observation(artifact: artifact, hint: hint, isTrusted: true))
  }

  private func looks(_ seen: SeenSources) -> [SourceID: Look] {
    var looks: [SourceID: Look] = [:]
    seen.eachLook { looks[$0] = $1 }
    return looks
  }

  private func observation(_ seen: SeenSources) -> Observation? {
    guard case .file(path, let observation)? = seen.record(of: id, at: { path }) else { return nil }
    return observation
  }

  @Test func aFileThatIsAsItLookedIsARecordAlone() {
    var seen = SeenSources()
    seen.set(.file(hint(1)), of: id, outOf: 9)
    #expect(looks(seen) == [id: .file(hint(1))] && observation(seen) == nil)
    seen.set(file(hint(1)), of: id, grows: false, outOf: 9)
    #expect(looks(seen).isEmpty)
    #expect(observation(seen)?.artifact == Artifact(digest: Digest(high: 7, low: 8), isExecutable: true, size: 5))
    #expect(observation(seen)?.hint == hint(1) && observation(seen)?.isTrusted == true)
  }

  @Test func aFileThatWasReadAsAnotherIsBoth() {
    var seen = SeenSources()
    seen.set(.file(hint(1)), of: id, outOf: 4)
    seen.set(file(hint(2)), of: id, grows: false, outOf: 4)
    #expect(looks(seen) == [id: .file(hint(1))] && observation(seen)?.hint == hint(2))
    seen.set(file(hint(1)), of: id, grows: false, outOf: 4)
    #expect(looks(seen).isEmpty)
  }

  @Test func whatHoldsLessThanItsFiguresSayIsKeptAsItIs() {
    var seen = SeenSources()
    seen.set(file(hint(1, size: 50), size: 5), of: id, grows: true, outOf: 4)
    #expect(observation(seen)?.artifact.size == 5 && observation(seen)?.hint.size == 50)
  }

  @Test func whatIsNoFileAndWhatCannotBeReadIsALook() {
    var seen = SeenSources()
    seen.set(.file(hint(1)), of: id, outOf: 4)
    seen.set(.missing, of: id, outOf: 4)
    #expect(looks(seen) == [id: .missing])
    seen.set(.file(hint(2)), of: id, outOf: 4)
    seen.set(nil, of: id, grows: false, outOf: 4)
    #expect(looks(seen) == [id: .file(hint(2))] && observation(seen) == nil)
    #expect(seen.record(of: SourceID(index: 70), at: { path }) == nil)
  }
}
