import BuildGraph
import Diagnostics
import Driver
import Ports
import Synchronization
import Testing
import Watching

/// A watcher of folders in which some names are links.
private final class LinkWatcher: Watcher {
  private struct State {
    var targets: [Path: [ByteString]] = [:]
    var surveyed: [Path: WatchedFolder] = [:]
  }

  private let state = Mutex(State())

  /// From now on this name is a link that leads through these places.
  func link(_ path: Path, through places: ByteString...) { state.withLock { $0.targets[path] = places } }

  func watch(_ folder: Path) throws(SystemError) -> WatchedFolder {
    let found = WatchedFolder(links: links(in: folder))
    return state.withLock { state in
      if let known = state.surveyed[folder] { return known }
      state.surveyed[folder] = found
      return found
    }
  }

  func unwatch(_ folder: Path) { state.withLock { $0.surveyed[folder] = nil } }

  func links(in folder: Path) -> [ByteString] {
    state.withLock { state in state.targets.keys.filter { $0.parent == folder }.map(\.baseName).sorted() }
  }

  func places(behind link: Path) -> [ByteString] { state.withLock { $0.targets[link] ?? [] } }
  func await(timeoutSeconds: Double?) throws(SystemError) {}
  func take() throws(SystemError) -> [WatchEvent] { [] }
  func interrupt() {}
}

/// Which events a watch understands where links lead from what a build read to other places.
@Suite struct WatchMapTests {
  private let watcher = LinkWatcher()
  private let map: WatchMap
  private let link = Path("data/link")

  init() { map = WatchMap(watcher: watcher, roots: ["/work", "/work/out", "/"]) }

  /// Whether an edit of `/work/far/one` is heard of as one of the link.
  private func hearsOfTarget() -> Bool {
    let event = WatchEvent.changed(.written, name: "one", in: Path(root: RootID(index: 2), "work/far"))
    return map.meanings(of: [event]) == [.changes([PathChange(path: link, kind: .written)])]
  }

  @Test func theTargetOfALinkIsHeardOf() {
    watcher.link(link, through: "/work/far/one")
    #expect(!hearsOfTarget())
    map.willRead([link])
    #expect(hearsOfTarget())
  }

  @Test func aLinkInAListedFolderIsFollowedAlsoWhereNobodyLooksAtItAgain() {
    watcher.link(link, through: "/work/far/one")
    for _ in 0..<3 {
      map.beginSurvey()
      map.willList(Path("data"))
      map.endSurvey(isWhole: true)
      #expect(hearsOfTarget())
    }
  }

  @Test func aLinkThatCameIntoAWatchedFolderIsFollowedWhenItIsRead() {
    map.willRead([Path("data/other")])
    watcher.link(link, through: "/work/far/one")
    // Nobody asked for it when it came.
    #expect(map.meanings(of: [.changed(.created, name: "link", in: Path("data"))]) == [.nothing])
    map.willRead([link])
    #expect(hearsOfTarget())
  }

  @Test func aFileThatBecameALinkWhileEventsWereLostIsFollowed() {
    map.willRead([link])
    watcher.link(link, through: "/work/far/one")
    #expect(map.meanings(of: [.overflowed]) == [.unknown])
    map.reopenAll()
    map.willRead([link])
    #expect(hearsOfTarget())
  }

  @Test func aLinkThatIsRetargetedIsFollowedToItsNewPlace() {
    watcher.link(link, through: "/work/near/one")
    map.willRead([link])
    watcher.link(link, through: "/work/far/one")
    map.checkLinks([PathChange(path: link, kind: .movedIn)])
    #expect(hearsOfTarget())
  }

  @Test func theEchoOfAnOutputCostsTheSameHoweverManyThereAre() {
    func output(_ bytes: ByteString) -> Path { Path(root: RootID(index: 1), bytes) }
    for number in 0..<1_000 { map.keeps(ByteString("part/f\(number)"), nil) }
    #expect(map.outputs(below: [output("part/f9"), output("part/f7")]) == [output("part/f7"), output("part/f9")])
    map.reopen(below: [output("part/f7")])
    #expect(map.outputVisits == 0)
    // A folder of them is another matter: it may have been moved away.
    #expect(map.outputs(below: [output("part"), output("part/f9")]).count == 1_000)
    #expect(map.outputs(below: [output("part/f9"), output("other")]) == [output("part/f9")])
  }
}
