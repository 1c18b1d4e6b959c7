/// A trace: all updates of an arrangement, in batches of roughly doubling size that are merged as they come.
///
/// Batches that arrived in the current activation are *fresh*: readers can tell them from the *settled* ones, which a join
/// needs in order to match each pair of updates exactly once. They settle when the next ones arrive.
///
/// Amortisation: a batch no smaller than its elder is merged with it. Merges beyond `eagerRows` are done in pieces:
/// every insertion of `n` rows gives each merge under way fuel for `fuelFactor * n` rows and some more. A merge
/// at a level of `s` rows costs `2 s`, and the next batch that could want to merge there needs `s` inserted rows, so with
/// a factor above 2 it is complete by then. Should it not be (batches that cancel much), it is completed at once: fuel is
/// about pauses, never about correctness. An update is moved O(log n) times in all.
///
/// Memory is in proportion to the updates that differ beyond the compaction epoch `since`: merges bring times up to it.
/// What arrives may cancel among itself and so never grow as large as an old batch, most of which it may have cancelled before:
/// a batch is therefore merged also when twice its rows have been inserted since it was made, which pays for that. For the oldest,
/// where a quarter of what was inserted took something away, as behind a window, half its rows are enough: such a trace is held one and a
/// half times, at three moves for each row that is inserted. A large merge of this kind holds both what it reads and what it makes,
/// and all traces of a window come to it at the same time: they take turns (``MergeTurn``).
@usableFromInline final class Spine<Key: Record, Value: Record, Time: Timestamp, Diff: Difference> {
  @usableFromInline typealias B = Batch<Key, Value, Time, Diff>
  @usableFromInline typealias Columns = BatchColumns<Key, Value, Time, Diff>

  /// A batch, or two with their merge under way.
  @usableFromInline struct Slot {
    @usableFromInline var older: B
    @usableFromInline var newer: B?
    @usableFromInline var merge: Merge<Key, Value, Time, Diff>?
    /// How many rows had been inserted when this was made, or its merge begun; and how many of them took something away.
    @usableFromInline var birth: Int
    @usableFromInline var takenAtBirth: Int
    /// Whether its merge is the one whose turn it is.
    @usableFromInline var hasTurn = false

    @inlinable init(_ batch: B, birth: Int, taken: Int) {
      older = batch
      self.birth = birth
      takenAtBirth = taken
      newer = nil
      merge = nil
    }

    @inlinable var rowCount: Int { older.rowCount + (newer?.rowCount ?? 0) }
  }

  @usableFromInline var slots: [Slot] = []
  /// How many rows have been inserted so far.
  @usableFromInline var insertedRows = 0
  /// How many of them took something away.
  @usableFromInline var takenRows = 0
  /// Which large merge of the dataflow is under way; none for a trace outside of one.
  @usableFromInline var turn: MergeTurn?
  /// How many slots have a merge under way.
  @usableFromInline var underWay = 0
  @usableFromInline var fresh: [B] = []
  /// Batches of another spine that this one shows.
  @usableFromInline var shown: [B] = []
  /// The columns of all batches, settled ones first; those not ready are to be put there.
  @usableFromInline var table: UnsafeMutablePointer<Columns>
  @usableFromInline var tableCapacity = 16
  @usableFromInline var settledCount = 0
  @usableFromInline var freshCount = 0
  /// Times before this epoch are no longer told apart.
  @usableFromInline var since: Time.Epoch = .minimum
  /// How many rows merges have moved so far: the measure of upkeep.
  @usableFromInline var movedRows = 0

  /// Merges of up to so many rows are done at once: they take less than the bookkeeping of doing them in pieces.
  @inlinable static var eagerRows: Int { 2048 }
  @inlinable static var fuelFactor: Int { 6 }
  /// Merges from so many rows on take turns, if nothing but what was taken away calls for them.
  @inlinable static var largeRows: Int { 1 << 14 }

  @inlinable init() { table = .allocate(capacity: 16) }

  deinit {
    for slot in slots { _ = slot.merge?.finish() }
    table.deallocate()
  }

  /// Every batch, settled ones first, ready to be searched.
  @inlinable var all: UnsafeBufferPointer<Columns> {
    if !isReady { prepareSettled() }
    if !isFreshReady { prepareFresh() }
    return UnsafeBufferPointer(start: table, count: settledCount + freshCount)
  }

  /// The batches from before the current activation, ready to be searched.
  @inlinable var settled: UnsafeBufferPointer<Columns> {
    if !isReady { prepareSettled() }
    return UnsafeBufferPointer(start: table, count: settledCount)
  }

  /// Whether the batches are in the table with their directories. Nobody looks before the first search.
  @usableFromInline var isReady = true
  @usableFromInline var isFreshReady = true

  @inlinable @inline(never) func prepareSettled() {
    isReady = true
    for slot in slots {
      slot.older.prepareSearches()
      slot.newer?.prepareSearches()
    }
    for batch in shown { batch.prepareSearches() }
    fillTable()
  }

  @inlinable @inline(never) func prepareFresh() {
    isFreshReady = true
    for (index, batch) in fresh.enumerated() {
      batch.prepareSearches()
      table[settledCount + index] = batch.columns
    }
  }

  /// How many updates are held.
  @inlinable var rowCount: Int {
    slots.reduce(0) { $0 + $1.rowCount } + shown.reduce(0) { $0 + $1.rowCount } + fresh.reduce(0) { $0 + $1.rowCount }
  }

  /// The memory that batches and merges under way take, in bytes; but for what is another spine's.
  var heldBytes: Int {
    slots.reduce(fresh.reduce(0) { $0 + $1.heldBytes }) { sum, slot in
      sum + slot.older.heldBytes + (slot.newer?.heldBytes ?? 0) + (slot.merge?.heldBytes ?? 0)
    }
  }

  /// Goes on showing what the records of batches hold; see ``Dataflow/showContents(inRound:atMost:_:)``.
  func showContents(inRound round: UInt32, _ budget: inout Int, _ body: (UnsafeRawBufferPointer) -> Void) -> Bool {
    for slot in slots {
      guard slot.older.showContents(inRound: round, &budget, body),
        slot.newer?.showContents(inRound: round, &budget, body) ?? true
      else { return false }
    }
    return fresh.allSatisfy { $0.showContents(inRound: round, &budget, body) }
  }

  /// Every settled batch, the oldest first, with how many rows have been inserted since it was made.
  @inlinable var batches: [(batch: B, age: Int)] {
    slots.flatMap { slot in
      let age = insertedRows - slot.birth
      return slot.newer.map { [(slot.older, age), ($0, 0)] } ?? [(slot.older, age)]
    }
  }

  /// Starts from batches that another spine had, the oldest first.
  ///
  /// - Precondition: It is empty.
  func adopt(_ batches: [(batch: B, age: Int)]) {
    precondition(slots.isEmpty && fresh.isEmpty, "only an empty trace takes up batches")
    insertedRows = batches.map(\.age).max() ?? 0
    slots = batches.map { Slot($0.batch, birth: insertedRows - $0.age, taken: 0) }
    rebuildTable()
  }

  /// Shows batches of another spine as settled, and nothing else. It merges none of them.
  @inlinable func show(_ batches: [B]) {
    shown = batches
    fresh.removeAll()
    freshCount = 0
    settledCount = 0
    reserve(batches.count)
    settledCount = batches.count
    isReady = false
  }

  /// Adds a batch as fresh.
  @inlinable func append(_ batch: B) {
    fresh.append(batch)
    reserve(settledCount + freshCount + 1)
    (table + settledCount + freshCount).initialize(to: batch.columns)
    freshCount += 1
    isFreshReady = false
  }

  @inlinable func reserve(_ count: Int) {
    guard count > tableCapacity else { return }
    let wider = UnsafeMutablePointer<Columns>.allocate(capacity: 2 * count)
    wider.moveInitialize(from: table, count: settledCount + freshCount)
    table.deallocate()
    table = wider
    tableCapacity = 2 * count
  }

  /// Makes the fresh batches settled, and merges what is due.
  @inlinable func settle() {
    guard freshCount > 0 else { return }
    let batches = fresh
    fresh.removeAll(keepingCapacity: true)
    freshCount = 0
    for batch in batches { insert(batch) }
    rebuildTable()
  }

  @inlinable func rebuildTable() {
    isReady = false
    reserve(2 * slots.count + freshCount)
    settledCount = slots.reduce(0) { $0 + ($1.newer == nil ? 1 : 2) }
  }

  /// Puts the columns of the settled batches in the table, whose size does not change.
  @inlinable func fillTable() {
    let table = self.table
    var count = 0
    for batch in shown {
      table[count] = batch.columns
      count += 1
    }
    for slot in slots {
      table[count] = slot.older.columns
      count += 1
      if let newer = slot.newer {
        table[count] = newer.columns
        count += 1
      }
    }
  }

  @inlinable func insert(_ batch: B) {
    var at = 0
    let fuel = Self.fuelFactor * batch.rowCount + 64
    while underWay > 0 && at < slots.count {
      if let merge = slots[at].merge {
        let before = merge.moved
        let isComplete = merge.work(fuel: fuel)
        movedRows &+= merge.moved &- before
        if isComplete { complete(at) } else { at += 1 }
      } else {
        at += 1
      }
    }
    rollUp(below: batch.rowCount)
    insertedRows &+= batch.rowCount
    takenRows &+= batch.columns.takenRows
    slots.append(Slot(batch, birth: insertedRows, taken: takenRows))
    restoreShape()
  }

  /// Merges the newest batches that are no larger than the one about to arrive, so that it is merged with one and not
  /// with each in turn. They are in geometric proportion, so this is O(rows) too.
  @inlinable func rollUp(below rows: Int) {
    while let last = slots.indices.last, slots[last].rowCount <= rows {
      if slots[last].merge != nil {
        force(last)
        continue
      }
      guard last > 0, slots[last - 1].rowCount <= rows else { return }
      if slots[last - 1].merge != nil {
        force(last - 1)
        continue
      }
      combine(last - 1)
      // The two may have cancelled altogether.
      if let last = slots.indices.last, slots[last].merge != nil { force(last) }
    }
  }

  /// Starts the merges that are due, from the newest batches on.
  @inlinable func restoreShape() {
    var right = slots.count - 1
    while right > 0 {
      let left = right - 1
      if slots[right].merge != nil {
        right -= 1
      } else if isDue(left, right) {
        if slots[left].merge != nil {
          // The newer ones have caught up with a merge still under way: it is late.
          force(left)
          right = slots.count - 1
        } else {
          combine(left)
          right = min(left, slots.count - 1)
        }
      } else {
        if left == 0, isHalfGone { beginInTurn() }
        right -= 1
      }
    }
  }

  /// Whether a batch is to be merged with the one after it.
  @inlinable func isDue(_ left: Int, _ right: Int) -> Bool {
    let rows = slots[left].rowCount
    return slots[right].rowCount >= rows || insertedRows &- slots[left].birth >= 2 &* rows
  }

  /// Whether much of the oldest batch may have been taken away by newer ones.
  @inlinable var isHalfGone: Bool {
    let inserted = insertedRows &- slots[0].birth
    return slots[0].merge == nil && 2 &* inserted >= slots[0].rowCount
      && 4 &* (takenRows &- slots[0].takenAtBirth) >= inserted
  }

  /// Merges the oldest batch with the one after it, when it is its turn.
  @inlinable @inline(never) func beginInTurn() {
    guard slots[0].rowCount >= Self.largeRows, let turn else { return combine(0) }
    guard turn.isFree else {
      return turn.wait(for: self) { [weak self] in
        guard let self, self.slots.count > 1, self.slots[1].merge == nil, self.isHalfGone else { return }
        self.beginInTurn()
        self.rebuildTable()
      }
    }
    combine(0)
    guard slots[0].merge != nil else { return }
    slots[0].hasTurn = true
    turn.take { [weak self] fuel in self?.goOn(fuel) ?? 0 }
  }

  @inlinable func combine(_ left: Int) {
    let older = slots[left].older
    let newer = slots[left + 1].older
    let merge = Merge(older, newer, since: since)
    slots[left].newer = newer
    slots[left].merge = merge
    slots[left].birth = insertedRows
    slots[left].takenAtBirth = takenRows
    underWay += 1
    slots.remove(at: left + 1)
    if older.rowCount + newer.rowCount <= Self.eagerRows { force(left) }
  }

  /// Goes on with the merge whose turn it is. Between steps: nothing is fresh.
  ///
  /// - Returns: How many rows it has moved.
  @usableFromInline func goOn(_ fuel: Int) -> Int {
    guard let at = slots.firstIndex(where: \.hasTurn), let merge = slots[at].merge else {
      turn?.pass()
      return 0
    }
    let before = merge.moved
    let isComplete = merge.work(fuel: fuel)
    let moved = merge.moved &- before
    movedRows &+= moved
    guard isComplete else { return moved }
    complete(at)
    rebuildTable()
    return moved
  }

  /// Completes a merge, whatever it takes.
  @inlinable func force(_ at: Int) {
    guard let merge = slots[at].merge else { return }
    let before = merge.moved
    while !merge.work(fuel: .max) {}
    movedRows &+= merge.moved &- before
    complete(at)
  }

  /// Replaces the two batches of a complete merge by its result.
  @inlinable func complete(_ at: Int) {
    guard let merge = slots[at].merge else { return }
    underWay -= 1
    if slots[at].hasTurn { turn?.pass() }
    if let batch = merge.finish() {
      if let newer = slots[at].newer { batch.isMade(of: slots[at].older, newer) }
      slots[at] = Slot(batch, birth: insertedRows, taken: takenRows)
    } else {
      slots.remove(at: at)
    }
  }

  /// Completes all merges under way, and those that become due by it.
  @inlinable func finishMerges() {
    while underWay > 0 {
      for at in slots.indices.reversed() where at < slots.count && slots[at].merge != nil { force(at) }
      restoreShape()
    }
    rebuildTable()
  }

  /// Merges everything to one batch: for a reader that is about to read all of it many times.
  @inlinable func compactFully() {
    settle()
    rollUp(below: .max)
    rebuildTable()
  }
}

/// Which large merge of a dataflow is under way, and which ones wait. It goes on with each step, in proportion to what all traces take
/// in: three moves for each row are enough for all of them, so each is complete when it is due again, whatever comes to its own trace.
@usableFromInline final class MergeTurn {
  private var work: ((_ fuel: Int) -> Int)?
  private var waiting: [(trace: ObjectIdentifier, begin: () -> Void)] = []
  /// Whether the one that has waited longest is being asked.
  private var isOffered = false
  /// How many rows all traces had taken in at the last step.
  private var arrangedRows = 0

  @usableFromInline init() {}

  /// Whether a merge may begin at once.
  @usableFromInline var isFree: Bool { work == nil && (isOffered || waiting.isEmpty) }

  /// - Parameter work: Goes on for about so many rows, and says how many it has moved. It is not called after ``pass()``.
  @usableFromInline func take(_ work: @escaping (_ fuel: Int) -> Int) { self.work = work }

  @usableFromInline func pass() { work = nil }

  /// Asks when it is free, once for each trace.
  @usableFromInline func wait(for trace: AnyObject, _ begin: @escaping () -> Void) {
    let trace = ObjectIdentifier(trace)
    if !waiting.contains(where: { $0.trace == trace }) { waiting.append((trace, begin)) }
  }

  /// Goes on at the end of a step.
  ///
  /// - Parameter rows: how many all traces have taken in so far.
  @usableFromInline func goOn(_ rows: Int) {
    var fuel = 6 * (rows - arrangedRows) + 64
    arrangedRows = rows
    while fuel > 0 {
      if let work {
        fuel -= max(1, work(fuel))
      } else if waiting.isEmpty {
        return
      } else {
        let next = waiting.removeFirst()
        isOffered = true
        next.begin()
        isOffered = false
      }
    }
  }

  @usableFromInline func giveUp() {
    work = nil
    waiting = []
  }
}
