import BuildGraph
import Ports
import Testing

@testable import Driver

/// What pruning decides, from values alone.
@Suite struct PrunePlanTests {
  private struct Numbers: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var mixed = state
      mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
      return mixed ^ (mixed >> 31)
    }
  }

  private static func digest(_ number: Int) -> Digest { Digest(high: 0, low: UInt64(number)) }

  private static func object(_ number: Int, _ kind: ArtifactKind = .file) -> ObjectID {
    ObjectID(kind: kind, digest: digest(number), isExecutable: false)
  }

  /// `builds` builds, a second apart; result n was made by build n + 1 with object n of 10 bytes and a log of 1.
  private static func history(builds: Int) -> PruneInventory {
    var inventory = PruneInventory()
    inventory.now = Double(builds)
    for number in 0..<builds {
      let run = RunID(number: Int64(number) + 1)
      inventory.builds.append(
        BuildStub(number: Int64(number) + 1, program: "main.rf", startedAt: Double(number), succeeded: true))
      inventory.results.append(.init(key: digest(number), run: run, outputs: [object(number)]))
      inventory.runs.append(
        RunStub(run: run, build: Int64(number) + 1, contentKey: digest(number), startedAt: Double(number)))
      inventory.objects.append(StoredObject(id: object(number), bytes: 10))
      inventory.leftovers.append(StateLeftover(kind: .log(run), path: ByteString("logs/\(run.number).log"), bytes: 1))
      inventory.derivations.append((key: digest(1_000 + number), contentKey: digest(number)))
    }
    inventory.graphs = [.init(key: digest(9_999), build: Int64(builds), results: [digest(builds - 1)])]
    return inventory
  }

  @Test func withoutLimitsAllGoesThatTheLastBuildsDidNotNeed() {
    let plan = PrunePlan(Self.history(builds: 6), limits: PruneLimits(keptBuilds: 2))
    #expect(plan.removal.results == (0..<4).map(Self.digest))
    #expect(plan.removal.derivations == (1_000..<1_004).map(Self.digest))
    #expect(plan.removal.runs.map(\.number) == [1, 2, 3, 4])
    #expect(plan.removal.builds == [1, 2, 3, 4])
    #expect(plan.objects.map(\.id) == (0..<4).map { Self.object($0) })
    #expect(plan.leftovers.count == 4)
    #expect(plan.remainingBytes == 22)
  }

  @Test func aVariantStaysAsLongAsItsResultOrAnEntryOfItsKeys() {
    var inventory = Self.history(builds: 6)
    func variant(_ contentKey: Int) -> Variant { Variant(contentKey: Self.digest(contentKey), outputs: Self.digest(7)) }
    inventory.variants = [
      Self.digest(1_000): variant(0), Self.digest(2_000): variant(5), Self.digest(1_005): variant(77),
    ]
    inventory.variants[Self.digest(3_000)] = variant(78)
    inventory.derivations.append(
      (key: Keys.derivation(variant: Self.digest(7), of: Self.digest(3_000)), contentKey: Self.digest(5)))
    let plan = PrunePlan(inventory, limits: PruneLimits(keptBuilds: 2))
    #expect(plan.removal.variants == [Self.digest(1_000)])
  }

  @Test func aResultThatLeftItsGraphIsAsOldAsTheBuildBefore() {
    var inventory = Self.history(builds: 6)
    inventory.lastUses = [Self.digest(0): 5, Self.digest(1_001): 5]
    let plan = PrunePlan(inventory, limits: PruneLimits(keptBuilds: 2))
    #expect(plan.removal.results == [Self.digest(2), Self.digest(3)])
  }

  @Test func aLimitOfSizeTakesTheOldestAndNoMoreThanItMust() {
    let plan = PrunePlan(Self.history(builds: 6), limits: PruneLimits(keptBuilds: 1, maximumBytes: 44))
    #expect(plan.removal.results == [Self.digest(0), Self.digest(1)])
    #expect(plan.remainingBytes == 44)
    let whole = PrunePlan(Self.history(builds: 6), limits: PruneLimits(keptBuilds: 1, maximumBytes: 66))
    #expect(whole.removal.isEmpty && whole.objects.isEmpty)
    let all = PrunePlan(Self.history(builds: 6), limits: PruneLimits(keptBuilds: 1, maximumBytes: 0))
    #expect(all.removal.results.count == 5, "the last build's stays")
  }

  @Test func ofOneBuildWhatWasMadeLastGoesFirst() {
    var inventory = Self.history(builds: 6)
    // All but the last were made by the second build, each perhaps of what the one before it made.
    for number in 0..<5 { inventory.runs[number].build = 2 }
    let plan = PrunePlan(inventory, limits: PruneLimits(keptBuilds: 1, maximumBytes: 44))
    #expect(plan.removal.results == [Self.digest(4), Self.digest(3)])
  }

  @Test func aLimitOfAgeGoesByTheLastUse() {
    var inventory = Self.history(builds: 6)
    inventory.lastUses = [Self.digest(0): 4]
    let plan = PrunePlan(inventory, limits: PruneLimits(keptBuilds: 1, ageSeconds: 3.5))
    #expect(plan.removal.results == [Self.digest(1), Self.digest(2)])
  }

  @Test func anObjectGoesWithTheLastThatNamesIt() {
    var inventory = Self.history(builds: 4)
    let folder = Self.object(100, .folder)
    inventory.members = { _ in [Self.object(0)] }
    inventory.results[3].outputs = [folder]
    inventory.objects.append(StoredObject(id: folder, bytes: 5))
    inventory.objects.append(StoredObject(id: Self.object(200), bytes: 7))
    let plan = PrunePlan(inventory, limits: PruneLimits(keptBuilds: 1))
    #expect(plan.objects.map(\.id) == [1, 2, 3, 200].map { Self.object($0) })
  }

  @Test func whatOutputsAndIntentsNameStays() {
    var inventory = Self.history(builds: 3)
    inventory.owned = [Self.object(0)]
    let plan = PrunePlan(inventory, limits: PruneLimits(keptBuilds: 1))
    #expect(plan.objects.map(\.id) == [Self.object(1)])
  }

  @Test func graphsBeyondTheNumberGoWithWhatOnlyTheyHold() {
    var inventory = Self.history(builds: 5)
    inventory.graphs.append(.init(key: Self.digest(8_888), build: 2, results: [Self.digest(0)]))
    inventory.leftovers.append(
      StateLeftover(kind: .snapshot(Self.digest(8_888)), path: "snapshots/8888", bytes: 3))
    let kept = PrunePlan(inventory, limits: PruneLimits(keptBuilds: 2))
    #expect(kept.removal.graphs.isEmpty && !kept.removal.results.contains(Self.digest(0)))
    let gone = PrunePlan(inventory, limits: PruneLimits(keptBuilds: 1))
    #expect(gone.removal.graphs == [Self.digest(8_888)] && gone.removal.results.contains(Self.digest(0)))
    #expect(gone.leftovers.contains { $0.kind == .snapshot(Self.digest(8_888)) })
    #expect(kept.leftovers.allSatisfy { $0.kind != .snapshot(Self.digest(8_888)) })
  }

  @Test func readSetsGoWithTheLastResultOfTheirDeclaredKey() {
    var inventory = Self.history(builds: 3)
    inventory.readSets = [Self.digest(500), Self.digest(501), Self.digest(502)]
    inventory.declaredKeys = [
      Self.digest(0): Self.digest(500), Self.digest(2): Self.digest(500), Self.digest(1): Self.digest(501),
    ]
    let plan = PrunePlan(inventory, limits: PruneLimits(keptBuilds: 1))
    #expect(plan.removal.readSets == [Self.digest(501)], "500 has a result left, of 502 nothing is known")
  }

  @Test(arguments: 0..<200)
  func nothingNeededEverGoes(seed: Int) {
    var numbers = Numbers(state: UInt64(seed))
    var inventory = Self.history(builds: 12)
    for number in 0..<12 where Bool.random(using: &numbers) {
      let key = Bool.random(using: &numbers) ? number : 1_000 + number
      inventory.lastUses[Self.digest(key)] = Int64.random(in: 0..<12, using: &numbers)
    }
    for index in inventory.results.indices {
      inventory.results[index].outputs = (0..<Int.random(in: 0..<4, using: &numbers)).map { _ in
        Self.object(Int.random(in: 0..<14, using: &numbers))
      }
    }
    inventory.graphs[0].results = Set((0..<3).map { _ in Self.digest(Int.random(in: 0..<12, using: &numbers)) })
    inventory.owned = [Self.object(Int.random(in: 0..<14, using: &numbers))]
    let limits = PruneLimits(
      keptBuilds: Int.random(in: 1..<6, using: &numbers),
      ageSeconds: Bool.random(using: &numbers) ? Double.random(in: 0..<12, using: &numbers) : nil,
      maximumBytes: Bool.random(using: &numbers) ? Int64.random(in: 0..<150, using: &numbers) : nil)
    let plan = PrunePlan(inventory, limits: limits)
    let removed = Set(plan.removal.results)
    let removedObjects = Set(plan.objects.map(\.id))
    let first = 12 - limits.keptBuilds + 1
    for (number, result) in inventory.results.enumerated() {
      let uses =
        [number + 1, Int(inventory.lastUses[result.key] ?? 0)]
        + [1_000 + number].map {
          Int(inventory.lastUses[Self.digest($0)] ?? 0)
        }
      if uses.max()! >= first || inventory.graphs[0].results.contains(result.key) {
        #expect(!removed.contains(result.key), "seed \(seed)")
      }
      if !removed.contains(result.key) { #expect(removedObjects.isDisjoint(with: result.outputs), "seed \(seed)") }
    }
    #expect(removedObjects.isDisjoint(with: inventory.owned), "seed \(seed)")
    let left = inventory.objects.filter { !removedObjects.contains($0.id) }.reduce(Int64(0)) { $0 + $1.bytes }
    let logs = inventory.runs.count - plan.removal.runs.count
    #expect(plan.remainingBytes == left + Int64(logs), "seed \(seed)")
    if limits.ageSeconds == nil, limits.maximumBytes == nil {
      #expect(PrunePlan(Self.after(plan, inventory), limits: limits).removal.results.isEmpty, "seed \(seed)")
    }
  }

  /// What is there once a plan was carried out.
  private static func after(_ plan: PrunePlan, _ inventory: PruneInventory) -> PruneInventory {
    var rest = inventory
    rest.results.removeAll { plan.removal.results.contains($0.key) }
    rest.runs.removeAll { plan.removal.runs.contains($0.run) }
    rest.derivations.removeAll { plan.removal.derivations.contains($0.key) }
    let gone = Set(plan.objects.map(\.id))
    rest.objects.removeAll { gone.contains($0.id) }
    return rest
  }
}
