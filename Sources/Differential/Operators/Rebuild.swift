// Loops whose input changes so much in one step that starting anew is cheaper.
//
// Within a loop a change costs what it changes in every round, a few times over: the old derivation is taken back and the new
// one made. From a few hundredths of the data on that is more than deriving all from nothing. The engine sees that coming: it
// counts the changes before it hands them on.

extension Multiset where Time: EpochTime, Diff == Int {
  /// What a function makes of this collection, kept in a dataflow inside, which is made anew and loaded where a step changes a large
  /// part of the collection.
  ///
  /// The results are the same as without; what a step costs is at most about what loading costs.
  ///
  /// - Parameter share: It is made anew where the changes of a step are more than the records divided by this. For loops
  ///   50 is near the best. Operators without loops gain nothing.
  /// - Precondition: The function makes the same operators whenever it is called. There is one worker, and no
  ///   checkpoint is made: what is inside is not part of it.
  /// - Complexity: As the function; and a trace of the collection and one of the result.
  @inlinable public func rebuilding<Result: Record>(
    whenChangesExceedOneIn share: Int = 50,
    _ body: @escaping (Multiset<Data, Time, Int>) -> Multiset<Result, Time, Int>
  ) -> Multiset<Result, Time, Int> {
    precondition(scope.control.membership == nil, "one worker alone knows how much changes")
    precondition(share > 0, "a share is a positive number")
    scope.control.isFollowing = true
    let source = arrangeBySelf()
    let node = Rebuild<Data, Result, Time>(source.hub, share, body)
    let scope = self.scope
    let index = scope.add("rebuilding") { node.run() }
    source.hub.readers.append { batch in
      node.arrived = batch
      scope.activate(index)
    }
    return Multiset<Result, Time, Int>(scope: scope, ports: [node.outlet.port])
  }
}

/// A dataflow as an operator of another, that can be made anew.
///
/// The inner dataflow's epochs are those of the outer one. It is handed the changes of each step; or, new, all that the
/// collection is, and then its results are handed on less those of the old one.
@usableFromInline final class Rebuild<Data: Record, Result: Record, Time: EpochTime> {
  @usableFromInline typealias Inner = (flow: Dataflow<Time>, input: Input<Data, Time, Int>)
  @usableFromInline let hub: TraceHub<Data, Unit, Time, Int>
  @usableFromInline let share: Int
  @usableFromInline let body: (Multiset<Data, Time, Int>) -> Multiset<Result, Time, Int>
  @usableFromInline let outlet = Outlet<Result, Time, Int>()
  @usableFromInline var arrived: Batch<Data, Unit, Time, Int>?
  @usableFromInline var inner: Inner?
  /// What the inner dataflow has said in all, to be taken back if it is made anew.
  @usableFromInline let said = Spine<Result, Unit, Time, Int>()
  /// What it says in this step.
  @usableFromInline var saying = UpdateList<Pair<Result, Unit>, Time, Int>()

  @inlinable init(
    _ hub: TraceHub<Data, Unit, Time, Int>, _ share: Int,
    _ body: @escaping (Multiset<Data, Time, Int>) -> Multiset<Result, Time, Int>
  ) {
    self.hub = hub
    self.share = share
    self.body = body
  }

  deinit { saying.deallocate() }

  @inlinable func run() {
    guard let batch = arrived else { return }
    arrived = nil
    let control = hub.control
    let columns = batch.columns
    // Several epochs in one step need the old result at each of them.
    let isLarge = columns.rowCount > hub.spine.rowCount / share && columns.times == nil
    if isLarge || inner == nil { loadAnew(columns) } else { feed(columns) }
    guard let inner else { return }
    inner.input.advance(to: control.upper)
    inner.flow.step()
    let list = saying
    saying = UpdateList()
    guard let result = makeBatch(consuming: list) else { return }
    emit(result.columns, into: outlet) { result, _ in result }
    said.since = control.lower
    said.append(result)
    said.settle()
  }

  @inlinable func feed(_ columns: BatchColumns<Data, Unit, Time, Int>) {
    guard let input = inner?.input else { return }
    for index in 0..<columns.keyCount {
      for row in columns.rows(at: index) {
        input.update(columns.keys[index], at: columns.time(row), by: columns.difference(row))
      }
    }
  }

  /// Takes back what was said, and has a new dataflow say all of it again, at the epoch of the changes.
  @inlinable func loadAnew(_ changes: BatchColumns<Data, Unit, Time, Int>) {
    let flow = Dataflow<Time>()
    let (input, collection) = flow.input(Data.self)
    _ = body(collection).inspectRuns { [unowned self] run in
      for i in 0..<run.count { saying.append(Pair(run.data(at: i), Unit()), run.time(at: i), run.difference(at: i)) }
    }
    let time = changes.times == nil ? changes.commonTime : hub.control.lower
    for columns in said.all {
      for index in 0..<columns.keyCount {
        for row in columns.rows(at: index) {
          saying.append(Pair(columns.keys[index], Unit()), time, 0 - columns.difference(row))
        }
      }
    }
    inner = (flow, input)
    for columns in hub.spine.all {
      for index in 0..<columns.keyCount {
        for row in columns.rows(at: index) {
          input.update(
            columns.keys[index], at: columns.time(row).join(time), by: columns.difference(row))
        }
      }
    }
  }
}
