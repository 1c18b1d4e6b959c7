import BuildGraph
import Ports
import Testing
import Watching

@Suite struct WatchInterestsTests {
  private func interests() -> WatchInterests {
    var interests = WatchInterests()
    _ = interests.insert(path: Path("src/a.c"))
    _ = interests.insert(folder: Path("data"))
    for folder: ByteString in ["src", "data"] { interests.insert(ancestor: Path(folder)) }
    interests.insert(alias: Path(root: RootID(index: 2), "far/one"), of: Path("src/a.c"))
    interests.insert(guarded: Path(".reflow"))
    return interests
  }

  private func meaning(
    _ kind: WatchEvent.Change, _ name: ByteString, _ folder: Path
  ) -> WatchInterests.Meaning { interests().meaning(of: .changed(kind, name: name, in: folder)) }

  @Test func onlyWhatWasReadMatters() {
    #expect(meaning(.written, "a.c", Path("src")) == .changes([PathChange(path: Path("src/a.c"), kind: .written)]))
    #expect(meaning(.written, "b.c", Path("src")) == .nothing)
    #expect(meaning(.written, "a.c", Path("")) == .nothing)
  }

  @Test func everyNameOfAListedFolderMatters() {
    let change = PathChange(path: Path("data/new"), kind: .created, isKnown: false)
    #expect(meaning(.created, "new", Path("data")) == .changes([change]))
  }

  @Test func aFolderOnTheWayThatComesOrGoesMakesAllBelowSuspect() {
    for kind in [WatchEvent.Change.created, .movedIn, .removed, .movedOut, .attributes] {
      #expect(meaning(kind, "src", Path("")) == .structure(Path("src")))
    }
    #expect(interests().meaning(of: .gone(Path("src"))) == .structure(Path("src")))
    #expect(interests().meaning(of: .overflowed) == .unknown)
  }

  @Test func aPlaceThatALinkLeadsToIsTheLink() {
    let place = Path(root: RootID(index: 2), "far")
    #expect(meaning(.written, "one", place) == .changes([PathChange(path: Path("src/a.c"), kind: .written)]))
    #expect(meaning(.written, "two", place) == .nothing)
  }

  @Test func whatIsAddedToAFileThatGrowsCountsBeforeItIsClosed() {
    var interests = interests()
    _ = interests.insert(path: Path("src/b.c"))
    interests.growing = [Path("src/a.c")]
    func kind(_ kind: WatchEvent.Change, _ name: ByteString, _ folder: Path) -> WatchInterests.Meaning {
      interests.meaning(of: .changed(kind, name: name, in: folder))
    }
    let written = WatchInterests.Meaning.changes([PathChange(path: Path("src/a.c"), kind: .written)])
    #expect(kind(.modified, "a.c", Path("src")) == written)
    #expect(kind(.modified, "one", Path(root: RootID(index: 2), "far")) == written)
    #expect(kind(.modified, "b.c", Path("src")) == .changes([PathChange(path: Path("src/b.c"), kind: .modified)]))
  }

  @Test func whatNoBuildReadsAnyLongerIsForgotten() {
    var interests = interests()
    let far = Path(root: RootID(index: 2), "far")
    let watched: Set<Path> = [Path(""), Path("src"), Path("data"), far]
    #expect(interests.needed(among: watched) == watched)
    interests.keep(paths: [Path("src/a.c")], folders: [])
    #expect(interests.needed(among: watched) == [Path(""), Path("src"), far])
    #expect(interests.meaning(of: .changed(.created, name: "new", in: Path("data"))) == .nothing)
    #expect(interests.meaning(of: .changed(.removed, name: "src", in: Path(""))) == .structure(Path("src")))
    interests.keep(paths: [], folders: [])
    // The state must not go away, whatever is read.
    #expect(interests.needed(among: watched) == [Path("")])
    #expect(interests.meaning(of: .changed(.removed, name: ".reflow", in: Path(""))) != .nothing)
    #expect(interests.meaning(of: .changed(.written, name: "one", in: far)) == .nothing)
  }

  @Test func theStateMattersOnlyWhenItGoes() {
    #expect(meaning(.created, ".reflow", Path("")) == .nothing)
    #expect(meaning(.attributes, ".reflow", Path("")) == .nothing)
    #expect(meaning(.removed, ".reflow", Path("")) != .nothing)
  }
}
