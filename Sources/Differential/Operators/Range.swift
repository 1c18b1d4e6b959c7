extension Arrangement where Lens.Seen: EpochTime, Lens.Stored == Lens.Seen, Diff == Int {
  /// The values of keys within bounds, where the bounds change too: each as often as it is there, for each bound that admits it.
  ///
  /// What a bound admits is decided by the place of a key among the keys: between two neighbouring keys at which some question in
  /// `turns` changes its answer, `admits` gives the same answer for all.
  ///
  /// - Parameters:
  ///   - bounds: Few at any time, say one. They may come several times.
  ///   - turns: Questions with the answer no for the least keys, up to some key, and yes from there on.
  ///   - admits: Whether a key is within a bound.
  ///   - observer: Told on the way of what is not within the bounds.
  /// - Precondition: The dataflow is not a team's.
  /// - Complexity: For a change of the bounds, two searches in each batch and the values between the old and the new place.
  ///   For a change of a value, O(bounds).
  public func within<Bound: Record, Result: Record>(
    _ bounds: Arrangement<Bound, Unit, Int, SameTime<Lens.Seen>>, turns: [(Key, Bound) -> Bool],
    admits: @escaping (Key, Bound) -> Bool, observer: RangeObserver<Key, Value, Bound>? = nil,
    _ body: @escaping (Key, Value) -> Result
  ) -> Multiset<Result, Lens.Seen, Int> {
    precondition(scope === bounds.scope, "collections are combined within one scope; enter or leave first")
    precondition(scope.control.membership == nil, "each worker would need all bounds")
    let node = Within<Key, Value, Bound, Lens.Seen, Result>(hub, bounds.hub, turns, admits, observer, body)
    let scope = self.scope
    let index = scope.add("within") { node.run() }
    hub.readers.append { batch in
      node.arrived.append(batch)
      scope.activate(index)
    }
    bounds.hub.readers.append { batch in
      node.arrivedBounds.append(batch)
      scope.activate(index)
    }
    return Multiset(scope: scope, ports: [node.outlet.port])
  }
}

/// Hears of a selection by bounds what it has no use for, as long as the bounds do not go back.
public struct RangeObserver<Key: Record, Value: Record, Bound: Record> {
  /// Called with each bound that holds at an epoch in which something changes.
  let holds: (Bound) -> Void
  /// Called with what comes and is not within the bounds, and with what they leave behind, with its difference: only while there are
  /// bounds, and not with what goes and was not within them.
  let isOutside: (Key, Value, Int) -> Void

  public init(holds: @escaping (Bound) -> Void, isOutside: @escaping (Key, Value, Int) -> Void) {
    self.holds = holds
    self.isOutside = isOutside
  }
}

/// The state of a selection by bounds: what has arrived and not been looked at.
final class Within<Key: Record, Value: Record, Bound: Record, Time: EpochTime, Result: Record> {
  private let hub: TraceHub<Key, Value, Time, Int>
  private let boundHub: TraceHub<Bound, Unit, Time, Int>
  private let turns: [(Key, Bound) -> Bool]
  private let admits: (Key, Bound) -> Bool
  private let observer: RangeObserver<Key, Value, Bound>?
  private let body: (Key, Value) -> Result
  let outlet = Outlet<Result, Time, Int>()
  var arrived: [Batch<Key, Value, Time, Int>] = []
  var arrivedBounds: [Batch<Bound, Unit, Time, Int>] = []

  init(
    _ hub: TraceHub<Key, Value, Time, Int>, _ boundHub: TraceHub<Bound, Unit, Time, Int>,
    _ turns: [(Key, Bound) -> Bool], _ admits: @escaping (Key, Bound) -> Bool,
    _ observer: RangeObserver<Key, Value, Bound>?, _ body: @escaping (Key, Value) -> Result
  ) {
    self.observer = observer
    self.hub = hub
    self.boundHub = boundHub
    self.turns = turns
    self.admits = admits
    self.body = body
  }

  func run() {
    let fresh = arrived
    let freshBounds = arrivedBounds
    arrived.removeAll()
    arrivedBounds.removeAll()
    // Batches are fresh in their spines until the next ones arrive. What is settled was there before all that has arrived,
    // though its times may have been advanced to the first epoch of what has.
    let settled = fresh.isEmpty ? hub.spine.all : hub.spine.settled
    var epochs: Set<Time> = []
    for batch in fresh { note(batch.columns, &epochs) }
    for batch in freshBounds { note(batch.columns, &epochs) }
    var before: [(bound: Bound, count: Int)] = []
    for columns in freshBounds.isEmpty ? boundHub.spine.all : boundHub.spine.settled {
      add(columns, to: &before) { _ in true }
    }
    var out = Emitter(outlet)
    for epoch in epochs.sorted() {
      var old = before
      for batch in freshBounds { add(batch.columns, to: &old) { $0 < epoch } }
      var new = old
      for batch in freshBounds { add(batch.columns, to: &new) { $0 == epoch } }
      if let observer { for (bound, _) in new { observer.holds(bound) } }
      for batch in fresh { select(batch.columns, at: epoch, new, &out) }
      // Few bounds change at a time, and mostly all do.
      let changed = Self.differences(new, old)
      guard !changed.isEmpty else { continue }
      for columns in settled { move(columns, at: epoch, changed, &out) { _ in true } }
      for batch in fresh { move(batch.columns, at: epoch, changed, &out) { $0 < epoch } }
    }
    out.finish()
  }

  private func note<K, V>(_ columns: BatchColumns<K, V, Time, Int>, _ epochs: inout Set<Time>) {
    guard columns.times != nil else {
      epochs.insert(columns.commonTime)
      return
    }
    for row in 0..<columns.rowCount { epochs.insert(columns.time(row)) }
  }

  /// Adds bounds of some times, each once.
  private func add(
    _ columns: BatchColumns<Bound, Unit, Time, Int>, to found: inout [(bound: Bound, count: Int)],
    _ isWanted: (Time) -> Bool
  ) {
    for index in 0..<columns.keyCount {
      let key = columns.keys[index]
      for row in columns.rows(at: index) where isWanted(columns.time(row)) {
        if let at = found.firstIndex(where: { $0.bound == key }) {
          found[at].count += columns.difference(row)
        } else {
          found.append((key, columns.difference(row)))
        }
      }
    }
    found.removeAll { $0.count == 0 }
  }

  private static func differences(
    _ new: [(bound: Bound, count: Int)], _ old: [(bound: Bound, count: Int)]
  ) -> [(bound: Bound, count: Int)] {
    var changed = new
    for (bound, count) in old {
      if let at = changed.firstIndex(where: { $0.bound == bound }) {
        changed[at].count -= count
      } else {
        changed.append((bound, -count))
      }
    }
    return changed.filter { $0.count != 0 }
  }

  private func count(_ key: Key, _ bounds: [(bound: Bound, count: Int)]) -> Int {
    bounds.reduce(0) { admits(key, $1.bound) ? $0 + $1.count : $0 }
  }

  /// What comes at an epoch, under the bounds of that epoch.
  private func select(
    _ columns: BatchColumns<Key, Value, Time, Int>, at epoch: Time, _ bounds: [(bound: Bound, count: Int)],
    _ out: inout Emitter<Result, Time, Int>
  ) {
    guard !bounds.isEmpty else { return }
    for index in 0..<columns.keyCount {
      let key = columns.keys[index]
      let times = count(key, bounds)
      guard times != 0 else {
        guard let observer else { continue }
        for row in columns.rows(at: index) where columns.time(row) == epoch && columns.difference(row) > 0 {
          observer.isOutside(key, columns.values[row], columns.difference(row))
        }
        continue
      }
      for row in columns.rows(at: index) where columns.time(row) == epoch {
        out.append(body(key, columns.values[row]), epoch, columns.difference(row) * times)
      }
    }
  }

  /// What was there before an epoch, where the bounds that change there admit it.
  private func move(
    _ columns: BatchColumns<Key, Value, Time, Int>, at epoch: Time, _ changed: [(bound: Bound, count: Int)],
    _ out: inout Emitter<Result, Time, Int>, _ isBefore: (Time) -> Bool
  ) {
    var places = [0, columns.keyCount]
    for (bound, _) in changed { for turn in turns { places.append(place(columns) { turn($0, bound) }) } }
    places.sort()
    hub.control.work.searches &+= places.count &- 2
    for (start, end) in zip(places, places.dropFirst()) where start < end {
      let times = count(columns.keys[start], changed)
      guard times != 0 else { continue }
      for index in start..<end {
        let key = columns.keys[index]
        let rows = columns.rows(at: index)
        hub.control.work.readUpdates &+= rows.count
        for row in rows where isBefore(columns.time(row)) {
          out.append(body(key, columns.values[row]), epoch, columns.difference(row) * times)
          if times < 0, let observer { observer.isOutside(key, columns.values[row], columns.difference(row)) }
        }
      }
    }
  }

  /// The first key for which the answer is yes.
  private func place(_ columns: BatchColumns<Key, Value, Time, Int>, _ turn: (Key) -> Bool) -> Int {
    var low = 0
    var high = columns.keyCount
    while low < high {
      let middle = (low + high) / 2
      if turn(columns.keys[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
