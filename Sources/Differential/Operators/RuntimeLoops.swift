/// A loop that is made by a program known only at run time. See ``LoopTime``.
public struct RuntimeLoop {
  /// Where the operators of the loop are.
  public let scope: Scope<LoopTime>
  /// How many loops there are around it.
  public let index: Int

  @inlinable init(scope: Scope<LoopTime>, index: Int) {
    self.scope = scope
    self.index = index
  }
}

extension Scope where Time == UInt32 {
  /// A loop outside all others. What the closure returns, having left the loop, is returned.
  @inlinable public func runtimeLoop<Result, Failure>(
    _ body: (RuntimeLoop) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let inner = Scope<LoopTime>(control: control)
    return try addLoop(inner, first: { LoopTime(0) }, around: { _ in 0 }) { () throws(Failure) in
      try body(RuntimeLoop(scope: inner, index: 0))
    }
  }
}

extension RuntimeLoop {
  /// A loop inside this one.
  ///
  /// - Precondition: There are fewer than ``LoopTime/depthLimit`` loops, this one included.
  @inlinable public func inner<Result, Failure>(
    _ body: (RuntimeLoop) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    precondition(index + 1 < LoopTime.depthLimit, "loops are nested too deeply")
    let loop = Scope<LoopTime>(control: scope.control)
    let next = index + 1
    return try scope.addLoop(
      loop, first: { [unowned scope] in scope.phase }, around: { $0.with(round: 0, of: next) }
    ) { () throws(Failure) in
      try body(RuntimeLoop(scope: loop, index: next))
    }
  }
}

extension Multiset where Time == UInt32 {
  /// The collection as seen inside a loop: there from round 0 on.
  @inlinable public func enter(_ loop: RuntimeLoop) -> Multiset<Data, LoopTime, Diff> {
    loop.scope.checkIsLoop(of: scope)
    return transform(in: loop.scope) { updates, i, out in
      out.append(updates.records[i], LoopTime(updates.time(at: i)), updates.difference(at: i))
    }
  }
}

extension Multiset where Time == LoopTime {
  /// The collection as seen inside an inner loop: there from round 0 on.
  @inlinable public func enter(_ loop: RuntimeLoop) -> Multiset {
    loop.scope.checkIsLoop(of: scope)
    return Multiset(scope: loop.scope, ports: ports)
  }

  /// Of a collection that has entered a loop: each record there from a round of its own on.
  ///
  /// - Precondition: The round is a function of the record.
  @inlinable public func delayed(in loop: RuntimeLoop, _ round: @escaping (Data) -> UInt32) -> Multiset {
    transform(in: loop.scope) { updates, i, out in
      let data = updates.records[i]
      out.append(data, updates.time(at: i).with(round: round(data), of: loop.index), updates.difference(at: i))
    }
  }

  /// The collection of a loop as seen from the loop around it.
  @inlinable public func leave(_ loop: RuntimeLoop, to around: RuntimeLoop) -> Multiset {
    loop.scope.checkIsLoop(of: around.scope)
    return transform(in: around.scope) { updates, i, out in
      out.append(updates.records[i], updates.time(at: i).with(round: 0, of: loop.index), updates.difference(at: i))
    }
  }

  /// The collection of a loop as seen from outside all loops.
  @inlinable public func leave(_ loop: RuntimeLoop, to root: Scope<UInt32>) -> Multiset<Data, UInt32, Diff> {
    loop.scope.checkIsLoop(of: root)
    return transform(in: root) { updates, i, out in
      out.append(updates.records[i], updates.time(at: i).epoch, updates.difference(at: i))
    }
  }

  /// What the collection is in every round of all the loops that it is in, seen from outside them.
  ///
  /// - Parameter mark: A record that tells in which rounds the given one is added or taken away.
  @inlinable public func leaveAll<Result: Record>(
    to root: Scope<UInt32>, _ mark: @escaping (Data, LoopTime) -> Result
  ) -> Multiset<Result, UInt32, Diff> {
    transform(in: root) { updates, i, out in
      let time = updates.time(at: i)
      out.append(mark(updates.records[i], time), time.epoch, updates.difference(at: i))
    }
  }
}

extension Arrangement where Lens == SameTime<UInt32> {
  /// The arrangement as seen inside a loop: the same trace.
  @inlinable public func enter(_ loop: RuntimeLoop) -> Arrangement<Key, Value, Diff, EnteredLoops> {
    Arrangement<Key, Value, Diff, EnteredLoops>(scope: loop.scope, hub: hub)
  }
}

extension Arrangement where Lens.Seen == LoopTime {
  /// The arrangement as seen inside an inner loop: the same trace.
  @inlinable public func enter(_ loop: RuntimeLoop) -> Arrangement { Arrangement(scope: loop.scope, hub: hub) }
}

/// The variable of a loop that is known only at run time. See ``Variable``.
public final class RuntimeVariable<Data: Record, Diff: Difference> {
  /// In round 0 what it was made from, or nothing; and in each further round what it was defined as in the one before.
  public let collection: Multiset<Data, LoopTime, Diff>
  @usableFromInline let start: Multiset<Data, LoopTime, Diff>?
  @usableFromInline let loop: RuntimeLoop
  @usableFromInline let feedback: Feedback<Data, LoopTime, Diff>

  /// - Parameters:
  ///   - start: Has entered the loop.
  ///   - isBuffered: See ``Variable``.
  @inlinable public init(
    _ loop: RuntimeLoop, from start: Multiset<Data, LoopTime, Diff>? = nil, isBuffered: Bool = true
  ) {
    self.loop = loop
    self.start = start
    feedback = Feedback(loop.scope, isBuffered: isBuffered)
    collection = start.map { [feedback] in $0.concat(feedback.collection) } ?? feedback.collection
  }

  /// Defines what the variable is in the next round.
  ///
  /// - Precondition: It has not been defined yet, and the result belongs to its loop.
  @inlinable public func set(_ result: Multiset<Data, LoopTime, Diff>) {
    let index = loop.index
    feedback.set(start.map { result.subtract($0) } ?? result) { $0.with(round: $0.round(of: index) + 1, of: index) }
  }
}
