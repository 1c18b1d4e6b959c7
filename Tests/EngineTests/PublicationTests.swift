import BuildGraph
import Engine
import Testing

@Suite struct PublicationTests {
  private func output(_ path: ByteString, _ text: String) -> DesiredOutput {
    let artifact = Rig.artifact(text)
    return DesiredOutput(path: path, content: .file(artifact), location: nil)
  }

  private func plan(
    _ desired: [DesiredOutput], kept: [ByteString] = [], claims: [ByteString: Publication.Claim] = [:],
    looks: [ByteString: TreeContent] = [:], isForced: Bool = false
  ) -> Publication {
    Publication(
      desired: DesiredOutputs(desired), kept: kept, owner: { _ in "me" }, owners: ["me"], claims: claims, looks: looks,
      isForced: isForced)
  }

  private func mine(_ texts: String..., isSettled: Bool = true, owner: ByteString = "me") -> Publication.Claim {
    Publication.Claim(owner: owner, artifacts: texts.map(Rig.artifact), isSettled: isSettled)
  }

  @Test func whatIsThereAndRightIsLeftAlone() {
    let plan = plan(
      [output("a", "1")], claims: ["a": mine("1")], looks: ["a": .holds(Rig.artifact("1"))])
    #expect(plan.actions == [])
    #expect(plan.refusals == [])
  }

  @Test func aMissingOutputIsWritten() {
    #expect(plan([output("a", "1")]).actions == [.write(output: 0)])
  }

  @Test func anOldOutputIsReplaced() {
    let plan = plan(
      [output("a", "2")], claims: ["a": mine("1")], looks: ["a": .holds(Rig.artifact("1"))])
    #expect(plan.actions == [.replace(output: 0, old: Rig.artifact("1"))])
  }

  @Test func anEditedOutputIsMovedAsideAndRestored() {
    let plan = plan(
      [output("a", "1")], claims: ["a": mine("1")], looks: ["a": .holds(Rig.artifact("edited"))])
    #expect(plan.actions == [.displace("a"), .write(output: 0)])
  }

  @Test func aForeignFileIsRefusedUnlessForced() {
    let looks: [ByteString: TreeContent] = ["a": .holds(Rig.artifact("foreign"))]
    let refused = plan([output("a", "1"), output("b", "2")], looks: looks)
    #expect(refused.refusals == [.foreign(path: "a", wanted: "a")])
    #expect(refused.actions == [], "nothing is done where something is refused")
    let forced = plan([output("a", "1")], looks: looks, isForced: true)
    #expect(forced.actions == [.displace("a"), .write(output: 0)])
  }

  @Test func aForeignFileWithTheRightContentIsAdopted() {
    let plan = plan([output("a", "1")], looks: ["a": .holds(Rig.artifact("1"))])
    #expect(plan.actions == [.adopt(output: 0)])
  }

  @Test func bothSidesOfAnIntentAreOurs() {
    let claim = mine("1", "2", isSettled: false)
    for text in ["1", "2"] {
      let plan = plan([output("a", "3")], claims: ["a": claim], looks: ["a": .holds(Rig.artifact(text))])
      #expect(plan.actions == [.replace(output: 0, old: Rig.artifact(text))])
    }
    let foreign = plan([output("a", "3")], claims: ["a": claim], looks: ["a": .holds(Rig.artifact("x"))])
    #expect(foreign.refusals == [.foreign(path: "a", wanted: "a")])
  }

  @Test func whatIsNoLongerMadeIsRemovedAfterTheRest() {
    let plan = plan(
      [output("b", "1")], claims: ["a": mine("1")], looks: ["a": .holds(Rig.artifact("1"))])
    #expect(plan.actions == [.write(output: 0), .remove("a", old: Rig.artifact("1"))])
  }

  @Test func whatCouldNotBeMadeIsKept() {
    let claims: [ByteString: Publication.Claim] = ["a": mine("1"), "dir/x": mine("2")]
    let looks: [ByteString: TreeContent] = ["a": .holds(Rig.artifact("1")), "dir/x": .holds(Rig.artifact("2"))]
    #expect(plan([], kept: ["a", "dir"], claims: claims, looks: looks).actions == [])
  }

  @Test func otherProgramsOutputsAreNotTouched() {
    let other = mine("1", owner: "other")
    #expect(plan([], claims: ["a": other], looks: ["a": .holds(Rig.artifact("1"))]).actions == [])
    #expect(
      plan([output("a", "1")], claims: ["a": other]).refusals == [.twoOwners(path: "a", other: "other")])
  }

  @Test func twoOutputsWithOnePathAreAnError() {
    #expect(
      plan([output("a", "1"), output("a", "2")]).refusals == [.twice(path: "a", first: nil, second: nil)])
    #expect(
      plan([output("a", "1"), output("a/b", "2")]).refusals == [.fileAndFolder(file: "a", inside: "a/b")])
  }

  @Test func aFileThatBecomesAFolderGoesFirst() {
    let plan = plan(
      [output("a/b", "2")], claims: ["a": mine("1")],
      looks: ["a": .holds(Rig.artifact("1")), "a/b": .blocked(by: "a")])
    #expect(plan.actions == [.remove("a", old: Rig.artifact("1")), .write(output: 0)])
  }

  @Test func aFolderThatBecomesAFileIsEmptiedFirst() {
    let plan = plan(
      [output("a", "2")], claims: ["a/b": mine("1")], looks: ["a": .folder, "a/b": .holds(Rig.artifact("1"))])
    #expect(plan.actions == [.remove("a/b", old: Rig.artifact("1")), .write(output: 0)])
  }
}
