import Simulation
import Testing

/// Random sessions: after each build the outputs are those of a build from nothing, and a second build does nothing.
@Suite struct SessionTests {
  static let seeds: UInt64 = 10_000
  /// How many of them go through several rounds of edits.
  static let long: UInt64 = 1_000

  /// Under a watch: each is several rounds.
  static let watched: UInt64 = 1_000

  @Test(arguments: 0..<8)
  func everyWatchComesToRestInWhatABuildFromNothingMakes(part: UInt64) {
    for seed in stride(from: part, to: Self.watched, by: 8) {
      let problems = WatchedSession(seed: seed).run()
      #expect(problems.isEmpty, "seed \(seed):\n\(problems.joined(separator: "\n"))")
      if !problems.isEmpty { return }
    }
  }

  /// Seeds that broke a law once, beyond those that are tried anyway.
  @Test func sessionsThatBrokeALawHoldIt() {
    #expect(Session(seed: 104_710).run() == [], "a step that began twice and ended once")
    #expect(Session(seed: 118_189).run() == [], "a file that came between two listings within a tick of the clock")
    #expect(Session(seed: 181_036).run() == [], "a file that went from a folder which a part read, and others read it")
    #expect(Session(seed: 227_270).run() == [], "a step that the evaluation came to after one that made something else")
    #expect(WatchedSession(seed: 402_357).run() == [], "a step launched for what a source held between two edits")
    #expect(
      Session(seed: 607_674).run() == [], "a file of a folder that changed while a part was built, and others read it")
    #expect(WatchedSession(seed: 564_506).run() == [], "a folder that a part was the first to read into")
    #expect(WatchedSession(seed: 612_533).run() == [], "a run that was cut off, of a step that something failed behind")
    #expect(WatchedSession(seed: 701_440).run() == [], "a step that was spared, and is as it was recorded before")
    #expect(Session(seed: 729_950).run() == [], "a step with a depfile whose other command had been run by another")
    #expect(Session(seed: 1_043_293).run() == [], "a source that was written and written back while a step read it")
    #expect(WatchedSession(seed: 1_031_879).run() == [], "a write that nobody told of, and another process had seen")
    #expect(
      Session(seed: 1_186_188).run() == [], "an object that was removed, made again and lost before it was flushed")
    #expect(WatchedSession(seed: 1_108_065).run() == [], "what a step saw before another process built")
    #expect(
      WatchedSession(seed: 1_118_908).run() == [], "a file that came, and its folder looked as before by the clock")
    #expect(WatchedSession(seed: 1_354_439).run() == [], "a link that was made, and at once led nowhere")
    #expect(
      Session(seed: 2_060_499).run() == [], "a file of a folder that a part found to have changed, and began again")
    #expect(Session(seed: 5_023_239).run() == [], "a file that a part had read before its folder was seen to change")
    #expect(Session(seed: 2_006_580).run() == [], "the same of what a link leads to, beside a step that fails")
    #expect(Session(seed: 2_184_760).run() == [], "a step that ran again behind one that made something else")
    #expect(WatchedSession(seed: 2_014_490).run() == [], "a circle of links in a folder that nobody had listed before")
    #expect(WatchedSession(seed: 2_023_342).run() == [], "a folder that could be read after all, in the same round")
    #expect(WatchedSession(seed: 2_036_613).run() == [], "a source that went, of which a part had asked nothing")
    #expect(WatchedSession(seed: 2_028_201).run() == [], "a step that has become another's, by another process")
    #expect(
      WatchedSession(seed: 2_476_517).run() == [], "a program saved during a build, after the clock was set back")
    #expect(WatchedSession(seed: 112_044).run() == [], "a folder that came again behind a link that led nowhere")
    #expect(
      WatchedSession(seed: 183_687).run() == [], "a file in a folder that a part has, and in no other source of it")
    #expect(WatchedSession(seed: 153_293).run() == [], "a folder far above the place that a link leads to")
    #expect(WatchedSession(seed: 138_988).run() == [], "a write of which only a folder's reading told")
    #expect(
      WatchedSession(seed: 103_658).run() == [], "an output that a build with a missing input removed")
    #expect(WatchedSession(seed: 102_195).run() == [], "a patch that changed another process's snapshot")
    #expect(WatchedSession(seed: 100_279).run() == [], "an output that the snapshot of a failed build did not know")
  }

  @Test(arguments: 0..<8)
  func everySessionEndsInWhatABuildFromNothingMakes(part: UInt64) {
    for seed in stride(from: part, to: Self.seeds, by: 8) {
      let problems = Session(seed: seed, rounds: seed < Self.long ? 4 : 1).run()
      #expect(problems.isEmpty, "seed \(seed):\n\(problems.joined(separator: "\n"))")
      if !problems.isEmpty { return }
    }
  }
}
