import BuildGraph
import Ports
import Testing
import Watching

/// When a round begins, and what it is told, for histories that no file system would give on demand.
@Suite struct WatchStateTests {
  private func change(_ path: ByteString, _ kind: WatchEvent.Change = .written, isKnown: Bool = true) -> PathChange {
    PathChange(path: Path(path), kind: kind, isKnown: isKnown)
  }

  @Test func aLoneSaveBeginsAtOnce() {
    for kind in [WatchEvent.Change.written, .movedIn] {
      var state = WatchState()
      state.hear([change("a", kind)], at: 10)
      #expect(state.isDue(at: 10))
      #expect(state.begin() == WatchChanges(paths: [Path("a")], isWhole: true))
      #expect(!state.isDirty && state.due == nil)
    }
  }

  @Test func twoFilesALossOrAnUnknownNameAreABurst() {
    for changes in [
      [change("a"), change("b")], [change("a", .removed)], [change("a", .written, isKnown: false)],
      [change("a", .attributes)], [change("a", .created)], [change("a", .movedOut), change("a", .movedIn)],
    ] {
      var state = WatchState()
      state.hear(changes, at: 10)
      #expect(!state.isDue(at: 10), "\(changes)")
      #expect(state.isDue(at: 10 + WatchState.longestBurst), "\(changes)")
    }
  }

  @Test func aSaveRightAfterAnotherIsTakenForItsContinuation() {
    var state = WatchState()
    state.hear([change("a")], at: 10)
    _ = state.begin()
    state.hear([change("b")], at: 10.01)
    #expect(!state.isDue(at: 10.01))
    #expect(state.isDue(at: 10.06))
    _ = state.begin()
    state.hear([change("c")], at: 11)
    #expect(state.isDue(at: 11))
  }

  @Test func aBurstIsOneRoundAndItsWindowGrowsWithItsPauses() {
    var state = WatchState()
    state.hear([change("a", .removed)], at: 10)
    state.hear([change("a", .created)], at: 10.001)
    state.hear([change("a", .written)], at: 10.002)
    #expect(!state.isDue(at: 10.003))
    #expect(state.isDue(at: 10.005))
    state.hear([change("b")], at: 10.012)
    // A pause of ten milliseconds may come again.
    #expect(!state.isDue(at: 10.030))
    #expect(state.isDue(at: 10.0321))
    #expect(state.begin().paths == [Path("a"), Path("b")])
  }

  @Test func aFileThatIsGoneOrNotClosedIsWaitedForLonger() {
    var state = WatchState()
    state.hear([change("a", .removed)], at: 10)
    #expect(!state.isDue(at: 10.04))
    #expect(state.isDue(at: 10.051))
    state.hear([change("a", .created)], at: 10.045)
    #expect(!state.isDue(at: 10.09))
    state.hear([change("a", .written)], at: 10.092)
    #expect(state.isDue(at: 10.092 + WatchState.longestQuiet))
  }

  @Test func aBurstWithoutEndBeginsAllTheSame() {
    var state = WatchState()
    var now = 10.0
    while now < 10.295 {
      state.hear([change("a"), change("b")], at: now)
      #expect(!state.isDue(at: now))
      now += 0.001
    }
    #expect(state.isDue(at: 10 + WatchState.longestBurst))
  }

  @Test func aClockThatStandsStillDelaysNothing() {
    var state = WatchState()
    state.hear([change("a"), change("b")], at: 10)
    state.hear([change("a"), change("b")], at: 10)
    #expect(!state.isDue(at: 10))
    state.timeIsUp()
    #expect(state.isDue(at: 10))
    _ = state.begin()
    // The next burst has its window again.
    state.hear([change("a"), change("b")], at: 10)
    #expect(!state.isDue(at: 10))
  }

  @Test func anothersTemporaryFileIsForgotten() {
    var state = WatchState()
    state.hear([change("tmp", .created, isKnown: false)], at: 10)
    state.hear([change("tmp", .written, isKnown: false)], at: 10)
    state.hear([change("tmp", .movedOut, isKnown: false), change("a", .movedIn)], at: 10)
    #expect(state.begin().paths == [Path("a")])
    // A link that was made is there, whatever becomes of what it leads to.
    state.hear([change("link", .created, isKnown: false)], at: 10.5)
    state.hear([change("link", .removed, isKnown: true)], at: 10.5)
    #expect(state.begin().paths == [Path("link")])
    // Gone after a round that saw it, it is a change.
    state.hear([change("tmp", .created, isKnown: false)], at: 11)
    _ = state.begin()
    state.hear([change("tmp", .removed, isKnown: false)], at: 12)
    #expect(state.begin().paths == [Path("tmp")])
  }

  @Test func aNameThatWasThereBeforeTheBurstIsNotForgotten() {
    for first in [change("old", .removed, isKnown: false), change("old", .movedIn, isKnown: false)] {
      var state = WatchState()
      state.hear([first], at: 10)
      state.hear([change("old", .created, isKnown: false)], at: 10)
      state.hear([change("old", .removed, isKnown: false)], at: 10)
      #expect(state.begin().paths == [Path("old")])
    }
  }

  @Test func aFileThatIsBeingWrittenIsPartOfAnAnswerOnly() {
    var state = WatchState()
    state.hear([change("a", .modified)], at: 10)
    #expect(!state.isDirty && state.due == nil)
    #expect(state.begin().isEmpty)
    for _ in 0..<2 { #expect(state.begin(isAnswer: true).paths == [Path("a")], "it is still open") }
    state.hear([change("a")], at: 11)
    #expect(state.begin().paths == [Path("a")])
    #expect(state.begin(isAnswer: true).isEmpty)
    // Saving is writing and closing: it begins at once all the same.
    state.hear([change("a", .modified), change("a")], at: 12)
    #expect(state.isDue(at: 12))
  }

  @Test func lostEventsMakeTheChangesPartial() {
    var state = WatchState()
    state.hear([change("a")], at: 10)
    state.hearOfLoss(at: 10)
    #expect(state.begin() == WatchChanges(paths: [Path("a")], isWhole: false))
    #expect(state.begin().isEmpty)
  }

  @Test(arguments: 0..<200) func everyChangeIsInALaterRoundWithinTheBound(seed: Int) {
    // Any history: events dropped by nobody, repeated, together or apart, with a clock that now and then stands still.
    var random = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1
    func next(_ bound: UInt64) -> UInt64 {
      random ^= random << 13
      random ^= random >> 7
      random ^= random << 17
      return random % bound
    }
    let kinds: [WatchEvent.Change] = [.written, .created, .movedIn, .removed, .movedOut, .attributes]
    var state = WatchState()
    var now = 0.0
    var waiting: [Path: Double] = [:]
    var isWhole = true
    for _ in 0..<300 {
      switch next(10) {
      case 0..<6:
        var changes: [PathChange] = []
        for _ in 0...next(3) {
          let path = Path(ByteString("f\(next(4))"))
          changes.append(PathChange(path: path, kind: kinds[Int(next(6))]))
          waiting[path] = min(waiting[path] ?? now, now)
        }
        state.hear(changes, at: now)
      case 6:
        state.hearOfLoss(at: now)
        isWhole = false
      case 7: state.timeIsUp()
      case _: now += Double(next(100)) / 1000
      }
      if let first = waiting.values.min() {
        #expect(state.isDirty)
        #expect((state.due ?? .infinity) <= max(now, first + WatchState.longestBurst))
      }
      if state.isDue(at: now) {
        let changes = state.begin()
        #expect(Set(changes.paths) == Set(waiting.keys))
        #expect(changes.isWhole == isWhole)
        waiting = [:]
        isWhole = true
      }
    }
  }
}
