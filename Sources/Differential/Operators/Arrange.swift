/// A collection indexed by key: a trace that any number of operators read, seen through a lens of time.
///
/// Sharing one arrangement between operators, and entering it into loops, costs no copy.
public struct Arrangement<Key: Record, Value: Record, Diff: Difference, Lens: TimeLens> {
  /// The times of the scope from which it is seen.
  public typealias Time = Lens.Seen
  /// The scope from which it is seen.
  public let scope: Scope<Lens.Seen>
  @usableFromInline let hub: TraceHub<Key, Value, Lens.Stored, Diff>

  @inlinable init(scope: Scope<Lens.Seen>, hub: TraceHub<Key, Value, Lens.Stored, Diff>) {
    self.scope = scope
    self.hub = hub
  }

  /// How many updates the trace holds: what it costs in memory.
  @inlinable public var heldUpdates: Int { hub.spine.rowCount }

  /// How many updates the merges of the trace have moved so far.
  @inlinable public var movedUpdates: Int { hub.spine.movedRows }
}

/// A trace with those who read it.
@usableFromInline final class TraceHub<Key: Record, Value: Record, Time: Timestamp, Diff: Difference> {
  @usableFromInline var spine = Spine<Key, Value, Time, Diff>()
  @usableFromInline let control: Control<Time.Epoch>
  /// Told of each batch in the activation in which it arrives.
  @usableFromInline var readers: [(Batch<Key, Value, Time, Diff>) -> Void] = []
  /// Epochs that readers of history still want to tell apart from earlier ones.
  var holds = CountedAntichain<Time.Epoch>()
  @usableFromInline var leastHeld: Time.Epoch?
  @usableFromInline var settleAtEnd: () -> Void = {}
  /// Makes the trace ready to be stored, with its merges completed or not. A closure that whoever makes the trace compiles for its
  /// types: merges of millions of rows by code that is not specialised take several times as long.
  @usableFromInline var prepareToStore: (_ finishesMerges: Bool) -> Void = { _ in }
  @usableFromInline var isTouched = false
  /// The trace that is read, if this reads another's: who holds epochs apart holds them there.
  @usableFromInline var original: TraceHub?
  /// How what is fresh becomes settled, if the trace is another's.
  @usableFromInline var settling: (() -> Void)?

  /// - Parameter kind: What it is the trace of, for its name in checkpoints, if it is given none.
  @inlinable init(control: Control<Time.Epoch>, kind: String, name: String? = nil) {
    self.control = control
    prepare()
    register(kind, name: name)
  }

  /// A trace that reads another's, and is no state of its own. `settling` is to be set.
  @inlinable init(reading original: TraceHub, in control: Control<Time.Epoch>) {
    self.control = control
    self.original = original
    prepare()
  }

  @inlinable func prepare() {
    spine.turn = control.mergeTurn
    settleAtEnd = { [unowned self] in
      isTouched = false
      settle()
    }
    prepareToStore = { [unowned self] finishesMerges in
      settle()
      if finishesMerges { spine.finishMerges() }
      for (batch, _) in spine.batches where batch.storedName == nil { batch.prepareSearches() }
    }
    control.teardown.append { [weak self] in
      self?.readers.removeAll()
      self?.settling = nil
    }
  }

  /// Settles the fresh batches; times before the least epoch of interest are merged from now on.
  @inlinable func settle() {
    if let settling {
      settling()
      return
    }
    var since = control.lower
    if let leastHeld { since = min(since, leastHeld) }
    spine.since = since
    spine.settle()
  }

  /// Adds a batch and tells the readers.
  @inlinable func publish(_ batch: Batch<Key, Value, Time, Diff>) {
    settle()
    announce(batch)
  }

  @inlinable func announce(_ batch: Batch<Key, Value, Time, Diff>) {
    control.work.arrangedUpdates &+= batch.rowCount
    spine.append(batch)
    if !isTouched {
      isTouched = true
      control.touched.append(settleAtEnd)
    }
    for reader in readers { reader(batch) }
  }
}

extension Multiset {
  /// Arranges pairs by their first.
  ///
  /// - Parameters:
  ///   - name: What the trace is called in checkpoints; see ``Scope/named(_:_:)``.
  ///   - combines: whether equal pairs are added up by a hash table as they come, before what is left is sorted: where few are distinct.
  /// - Complexity: An update is sorted with its batch and then moved O(log n) times by merges.
  @inlinable public func arrangeByKey<Key: Record, Value: Record>(
    name: String? = nil, combines: Bool = false
  ) -> Arrangement<Key, Value, Diff, SameTime<Time>> where Data == Pair<Key, Value> {
    let hub = TraceHub<Key, Value, Time, Diff>(control: scope.control, kind: "arrange", name: name)
    let inbox = Inbox<Data, Time, Diff>(scope, name: name, combines: combines)
    inbox.index = scope.add("arrange") {
      if let batch = makeBatch(consuming: inbox.take()) { hub.publish(batch) }
    }
    deliver(to: inbox) { $0.first.route }
    return Arrangement(scope: scope, hub: hub)
  }

  /// Has every update put in the inbox of an operator made just now: at the worker that its route leads to.
  @inlinable func deliver(to inbox: Inbox<Data, Time, Diff>, _ route: @escaping (Data) -> UInt64) {
    guard let membership = scope.control.membership else {
      subscribe { inbox.accept($0) }
      return
    }
    let exchange = Exchange(membership, inbox, route: route)
    subscribe { exchange.accept($0) }
    scope.meetings.append((inbox.index, { exchange.swapUpdates() }))
  }

  /// Arranges records by themselves: a set or multiset to look up.
  ///
  /// - Parameters:
  ///   - name: What the trace is called in checkpoints; see ``Scope/named(_:_:)``.
  ///   - combines: whether equal records are added up by a hash table as they come, before what is left is sorted: where few are distinct.
  @inlinable public func arrangeBySelf(
    name: String? = nil, combines: Bool = false
  ) -> Arrangement<Data, Unit, Diff, SameTime<Time>> {
    map { Pair($0, Unit()) }.arrangeByKey(name: name, combines: combines)
  }

  /// The same collection with at most one update a record and time, and none that cancel.
  ///
  /// - Complexity: As `arrangeByKey`, without a trace.
  @inlinable public func consolidate() -> Multiset {
    let outlet = Outlet<Data, Time, Diff>()
    let inbox = Inbox<Pair<Data, Unit>, Time, Diff>(scope)
    inbox.index = scope.add("consolidate") {
      guard let batch = makeBatch(consuming: inbox.take()) else { return }
      emit(batch.columns, into: outlet) { key, _ in key }
    }
    map { Pair($0, Unit()) }.deliver(to: inbox) { $0.first.route }
    return Multiset(scope: scope, ports: [outlet.port])
  }
}

/// Hands on every row of a batch as an update.
@inlinable func emit<K: Record, V: Record, T: Timestamp, R: Difference, D: Record>(
  _ columns: BatchColumns<K, V, T, R>, into outlet: Outlet<D, T, R>, _ record: (K, V) -> D
) {
  var out = Emitter(outlet)
  for index in 0..<columns.keyCount {
    let key = columns.keys[index]
    for row in columns.rows(at: index) {
      out.append(record(key, columns.values[row]), columns.time(row), columns.difference(row))
    }
  }
  out.finish()
}

extension Arrangement {
  /// The collection that is arranged, as a stream of its updates.
  @inlinable public func asCollection<Result: Record>(
    _ record: @escaping (Key, Value) -> Result
  ) -> Multiset<Result, Lens.Seen, Diff> {
    let outlet = Outlet<Result, Lens.Seen, Diff>()
    var arrived: [Batch<Key, Value, Lens.Stored, Diff>] = []
    let index = scope.add("asCollection") {
      let batches = arrived
      arrived.removeAll()
      for batch in batches {
        let columns = batch.columns
        var out = Emitter(outlet)
        for at in 0..<columns.keyCount {
          let key = columns.keys[at]
          for row in columns.rows(at: at) {
            out.append(record(key, columns.values[row]), Lens.view(columns.time(row)), columns.difference(row))
          }
        }
        out.finish()
      }
    }
    hub.readers.append { [scope] batch in
      arrived.append(batch)
      scope.activate(index)
    }
    return Multiset(scope: scope, ports: [outlet.port])
  }

  /// The collection that is arranged, as pairs.
  @inlinable public func asCollection() -> Multiset<Pair<Key, Value>, Lens.Seen, Diff> {
    asCollection { Pair($0, $1) }
  }
}
