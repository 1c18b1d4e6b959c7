extension Scope {
  /// A loop in this scope with up to 2^32 rounds.
  @inlinable public func loop<Result>(_ body: (Scope<Product<Time, UInt32>>) -> Result) -> Result {
    loop(countedBy: UInt32.self, body)
  }

  /// A loop in this scope, whose rounds are a further coordinate of time.
  ///
  /// The closure makes the operators of the loop; what it returns, having left the loop, is returned.
  @inlinable public func loop<Inner: EpochTime, Result>(
    countedBy: Inner.Type, _ body: (Scope<Product<Time, Inner>>) -> Result
  ) -> Result {
    let inner = Scope<Product<Time, Inner>>(control: control)
    return addLoop(inner, first: { [unowned self] in Product(phase, 0) }, around: { $0.outer }) { body(inner) }
  }

  /// Makes a scope a loop of this one.
  ///
  /// - Parameters:
  ///   - first: The first phase of the loop in the current phase of this scope.
  ///   - around: The phase of this scope that a phase of the loop belongs to.
  @inlinable func addLoop<Inside: Timestamp, Result, Failure>(
    _ inner: Scope<Inside>, first: @escaping () -> Inside, around: @escaping (Inside) -> Time,
    _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    // The loop is an operator here. Its place is after all that is made before the closure ends, which is all it reads.
    let place = LoopPlace()
    inner.around = ObjectIdentifier(self)
    inner.firstPhase = first
    inner.belongsToCurrentRun = { [unowned self] in around($0) == phase }
    inner.requestRun = { [unowned self] later in
      if let later { schedule(place.index, at: around(later)) } else { activate(place.index) }
    }
    let result = try body()
    if let agreement = inner.agreement, !inner.meetings.isEmpty {
      // All workers enter the loop at each phase around; if none has anything to do there, they agree on that and leave.
      place.index = add("loop") {}
      meetings.append((place.index, { inner.runTogether(agreement) }))
      return result
    }
    place.index = add("loop") { [unowned self] in
      if !inner.run() {
        control.isInterrupted = true
        active[place.index >> 6] |= 1 << UInt64(place.index & 63)
      }
    }
    return result
  }
}

/// Where the loop stands among the operators around it, known once its own are made.
@usableFromInline final class LoopPlace {
  @usableFromInline var index = 0
  @inlinable init() {}
}

extension Multiset {
  /// The collection as seen inside a loop: there from round 0 on.
  ///
  /// - Precondition: It is a loop of the collection's own scope; enter nested ones from the outside in.
  @inlinable public func enter<Inner: EpochTime>(_ loop: Scope<Product<Time, Inner>>) -> Multiset<
    Data, Product<Time, Inner>, Diff
  > {
    loop.checkIsLoop(of: scope)
    return transform(in: loop) { updates, i, out in
      out.append(updates.records[i], Product(updates.time(at: i), 0), updates.difference(at: i))
    }
  }

  /// The collection as seen inside a loop, each record there from a round of its own on.
  ///
  /// Records that come late find the work of the early ones done: the paper's prioritized iteration.
  ///
  /// - Precondition: It is a loop of the collection's own scope, and the round is a function of the record.
  @inlinable public func enterAt<Inner: EpochTime>(
    _ loop: Scope<Product<Time, Inner>>, _ round: @escaping (Data) -> Inner
  ) -> Multiset<Data, Product<Time, Inner>, Diff> {
    loop.checkIsLoop(of: scope)
    return transform(in: loop) { updates, i, out in
      let data = updates.records[i]
      out.append(data, Product(updates.time(at: i), round(data)), updates.difference(at: i))
    }
  }

  /// The collection of a loop as seen from outside: what it is after all rounds.
  ///
  /// - Precondition: The given scope is the one around the loop; leave nested ones from the inside out.
  @inlinable public func leave<Outer: Timestamp, Inner: EpochTime>(
    _ scope: Scope<Outer>
  ) -> Multiset<Data, Outer, Diff> where Time == Product<Outer, Inner> {
    self.scope.checkIsLoop(of: scope)
    return transform(in: scope) { updates, i, out in
      out.append(updates.records[i], updates.time(at: i).outer, updates.difference(at: i))
    }
  }
}

extension Arrangement {
  /// The arrangement as seen inside a loop: the same trace.
  ///
  /// - Precondition: It is a loop of the arrangement's own scope.
  @inlinable public func enter<Inner: EpochTime>(
    _ loop: Scope<Product<Lens.Seen, Inner>>
  ) -> Arrangement<Key, Value, Diff, EnteredTime<Lens, Inner>> {
    loop.checkIsLoop(of: scope)
    return Arrangement<Key, Value, Diff, EnteredTime<Lens, Inner>>(scope: loop, hub: hub)
  }
}

/// A way back: what it is given comes out in a later round.
@usableFromInline final class Feedback<Data: Record, Time: Timestamp, Diff: Difference> {
  @usableFromInline let collection: Multiset<Data, Time, Diff>
  @usableFromInline let accept: (Updates<Data, Time, Diff>) -> Void
  @usableFromInline var isSet = false

  @inlinable init(_ loop: Scope<Time>, isBuffered: Bool) {
    let port = Port<Data, Time, Diff>()
    if isBuffered {
      let inbox = Inbox<Data, Time, Diff>(loop)
      inbox.index = loop.add("variable") {
        let list = inbox.take()
        for run in list.runs { port.push(run) }
        list.deallocate()
      }
      accept = { inbox.accept($0) }
    } else {
      accept = { port.push($0) }
    }
    collection = Multiset(scope: loop, ports: [port])
  }

  @inlinable func set(_ result: Multiset<Data, Time, Diff>, _ next: @escaping (Time) -> Time) {
    precondition(!isSet, "a variable is defined once")
    precondition(result.scope === collection.scope, "a variable is defined by a collection of its own loop")
    isSet = true
    let delayed = result.transform(in: result.scope) { updates, i, out in
      out.append(updates.records[i], next(updates.time(at: i)), updates.difference(at: i))
    }
    delayed.subscribe(accept)
  }
}

/// The variable of a loop: used before it is defined, and in each round what it was defined as in the round before.
public final class Variable<Data: Record, Outer: Timestamp, Inner: EpochTime, Diff: Difference> {
  /// The times of its loop.
  public typealias Time = Product<Outer, Inner>
  /// The variable as a collection. In round 0 it is the collection it was made from, or nothing.
  public let collection: Multiset<Data, Time, Diff>
  @usableFromInline let start: Multiset<Data, Time, Diff>?
  @usableFromInline let feedback: Feedback<Data, Time, Diff>

  /// A variable that is nothing in round 0, or the given collection.
  ///
  /// - Parameter isBuffered: Whether the variable keeps its updates until the next round. It need not if every way from
  ///   it to its definition passes an operator that arranges, which keeps them itself: then one copy less is made.
  @inlinable public init(
    _ loop: Scope<Product<Outer, Inner>>, from start: Multiset<Data, Time, Diff>? = nil, isBuffered: Bool = true
  ) {
    self.start = start
    feedback = Feedback(loop, isBuffered: isBuffered)
    collection = start.map { [feedback] in $0.concat(feedback.collection) } ?? feedback.collection
  }

  /// Defines what the variable is in the next round.
  ///
  /// What it was made from is subtracted, so that only the difference goes round.
  ///
  /// - Precondition: It has not been defined yet, and the result belongs to its loop.
  @inlinable public func set(_ result: Multiset<Data, Time, Diff>) {
    feedback.set(start.map { result.subtract($0) } ?? result) { Product($0.outer, $0.inner + 1) }
  }
}

extension Multiset {
  /// The fixed point of a function of collections, starting from this one.
  ///
  /// The rounds end when one changes nothing, which the function has to bring about: usually it ends in `distinct`, `min` or the
  /// like. It may contain loops itself.
  @inlinable public func iterate(
    _ body: (Scope<Product<Time, UInt32>>, Multiset<Data, Product<Time, UInt32>, Diff>) -> Multiset<
      Data, Product<Time, UInt32>, Diff
    >
  ) -> Multiset {
    scope.loop { loop in
      let variable = Variable(loop, from: enter(loop))
      let result = body(loop, variable.collection)
      variable.set(result.consolidate())
      return result.leave(scope)
    }
  }

  /// The fixed point of a function of collections, to which the records of this one are added in the order of a priority.
  ///
  /// Rounds run with the records of the least priority until the round numbered by the next, and so on: where early
  /// records settle what late ones would only repeat, that is a fraction of the work of `iterate`. The function
  /// has to be such that the order does not matter to its fixed point (say, the least label that reaches a node).
  @inlinable public func prioritizedIterate(
    priority: @escaping (Data) -> UInt32,
    _ body: (Scope<Product<Time, UInt32>>, Multiset<Data, Product<Time, UInt32>, Diff>) -> Multiset<
      Data, Product<Time, UInt32>, Diff
    >
  ) -> Multiset {
    scope.loop { loop in
      let start = enterAt(loop, priority)
      let variable = Variable(loop, from: start)
      let result = body(loop, variable.collection)
      variable.set(result.consolidate())
      return result.leave(scope)
    }
  }
}
