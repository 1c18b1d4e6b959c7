// Reading results outside the dataflow: as a collection that is kept, or as the differences of each epoch.

/// A collection as it is after the last step: each record with its multiplicity.
///
/// It follows by itself: every step that completes epochs adds their differences. Of a team's workers each holds the
/// records that are routed to it; together they hold the collection.
public final class Contents<Data: Record, Diff: Difference> {
  @usableFromInline var held: [Data: Diff] = [:]

  @inlinable init() {}

  /// Each record with its multiplicity, which is never zero.
  @inlinable public var records: [Data: Diff] { held }
  /// How many different records there are.
  @inlinable public var count: Int { held.count }
  /// The multiplicity of a record; zero if it is not there.
  @inlinable public subscript(record: Data) -> Diff { held[record] ?? .zero }
  /// The records in order, with their multiplicities.
  ///
  /// - Complexity: O(n log n).
  public var sorted: [Counted<Data, Diff>] {
    held.map { Counted($0.key, $0.value) }.sorted { $0.value < $1.value }
  }

  /// What the records show, where they are views; and how many of those kept have gone again.
  @usableFromInline var region = Region()
  @usableFromInline var gone = 0

  @inlinable func add(_ data: Data, _ difference: Diff) {
    guard let before = held[data] else {
      held[data.kept(in: region)] = difference == .zero ? nil : difference
      return
    }
    let sum = before + difference
    held[data] = sum == .zero ? nil : sum
    guard Data.isView, sum == .zero else { return }
    gone += 1
    if gone > 2 * held.count + 64 { keepAnew() }
  }

  @inlinable @inline(never) func keepAnew() {
    let fresh = Region()
    var kept: [Data: Diff] = [:]
    for (data, difference) in held { kept[data.kept(in: fresh)] = difference }
    held = kept
    region = fresh
    gone = 0
  }
}

extension Multiset where Time: EpochTime {
  /// The collection kept for reading between steps.
  ///
  /// Updates of epochs that are not complete wait until they are.
  ///
  /// - Complexity: A look-up in a dictionary an update; room for each record.
  @inlinable public func contents() -> Contents<Data, Diff> {
    let contents = Contents<Data, Diff>()
    let inbox = Inbox<Data, Time, Diff>(scope)
    inbox.index = scope.add("contents") {
      let list = inbox.take()
      for run in list.runs {
        for i in 0..<run.count { contents.add(run.data(at: i), run.difference(at: i)) }
      }
      list.deallocate()
    }
    deliver(to: inbox) { $0.route }
    return contents
  }

  /// Shows what each epoch changes to a closure: once an epoch that changes anything, epochs in their order, and each
  /// when its differences are final, consolidated and in the order of the records.
  ///
  /// - Returns: This collection.
  /// - Complexity: O(n log n) for the `n` updates of a step.
  @inlinable public func inspectEpochs(
    _ body: @escaping (_ epoch: Time, _ changes: [Counted<Data, Diff>]) -> Void
  ) -> Multiset {
    let inbox = Inbox<Pair<Data, Unit>, Time, Diff>(scope)
    inbox.index = scope.add("inspectEpochs") {
      guard let batch = makeBatch(consuming: inbox.take()) else { return }
      let columns = batch.columns
      var changes: [Time: [Counted<Data, Diff>]] = [:]
      for index in 0..<columns.keyCount {
        for row in columns.rows(at: index) {
          changes[columns.time(row), default: []].append(Counted(columns.keys[index], columns.difference(row)))
        }
      }
      for epoch in changes.keys.sorted() { body(epoch, changes[epoch] ?? []) }
    }
    map { Pair($0, Unit()) }.deliver(to: inbox) { $0.first.route }
    return self
  }
}
