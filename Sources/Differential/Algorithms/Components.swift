/// When a label enters a loop whose least labels win.
public enum LabelOrder: Sendable {
  /// All at once.
  case together
  /// The least first, in classes by their number of bits: those that come late mostly find their place taken.
  case leastFirst
}

/// The round at which a label enters: its class has this many rounds to spread before the next.
@usableFromInline let roundsPerClass: UInt32 = 256

extension Multiset where Diff == Int {
  /// The least label that reaches each node along edges, from the labels given to nodes.
  @inlinable public func propagate<Node: Record, Label: Record & FixedWidthInteger & UnsignedInteger, Lens: TimeLens>(
    along edges: Arrangement<Node, Node, Int, Lens>, _ order: LabelOrder
  ) -> Multiset where Data == Pair<Node, Label>, Lens.Seen == Time {
    scope.loop { loop in
      let proposals = Variable<Data, Time, UInt32, Int>(loop, isBuffered: false)
      let entered: Multiset<Data, Product<Time, UInt32>, Int>
      switch order {
      case .together: entered = enter(loop)
      case .leastFirst:
        entered = enterAt(loop) { labelled in
          roundsPerClass * UInt32(Label.bitWidth - labelled.second.leadingZeroBitCount)
        }
      }
      let least = proposals.collection.concat(entered).arrangeByKey().reduceArranged(by: LeastReduction())
      proposals.set(least.join(edges.enter(loop)) { _, label, next in Pair(next, label) })
      return least.asCollection().leave(scope)
    }
  }
}

extension Multiset where Diff == Int {
  /// Each of these nodes with the least node of its connected component, edges taken both ways.
  @inlinable public func connectedComponents(
    _ edges: Edges<Data, Time>, _ order: LabelOrder = .leastFirst
  ) -> Multiset<Pair<Data, Data>, Time, Int> where Data: FixedWidthInteger & UnsignedInteger {
    let bothWays = edges.concat(edges.map { Pair($0.second, $0.first) }).arrangeByKey()
    return map { Pair($0, $0) }.propagate(along: bothWays, order)
  }

  /// The edges whose two ends are in the same strongly connected component, as often as they are there.
  ///
  /// An outer loop keeps the edges whose ends have the same least ancestor, then of those the ones with the same least
  /// descendant, and so on until nothing falls away; each finding of ancestors is a loop inside.
  @inlinable public func stronglyConnected<Node: Record & FixedWidthInteger & UnsignedInteger>(
    _ order: LabelOrder = .leastFirst
  ) -> Multiset where Data == Pair<Node, Node> {
    let forward = arrangeByKey()
    let reversed = map { Pair($0.second, $0.first) }
    let backward = reversed.arrangeByKey()
    let ends = map { Pair($0.second, $0.second) }.consolidate()
    let starts = map { Pair($0.first, $0.first) }.consolidate()
    return scope.loop { loop in
      let whole = enter(loop)
      let kept = Variable<Data, Time, UInt32, Int>(loop, from: whole)
      let once = kept.collection.trimmed(forward.enter(loop), ends.enter(loop), order)
      let twice = once.trimmed(backward.enter(loop), starts.enter(loop), order)
      kept.set(twice.consolidate())
      return twice.leave(scope)
    }
  }

  /// Of all edges, those whose ends have the same least label along the edges that are left, turned round.
  @inlinable func trimmed<Node: Record & FixedWidthInteger & UnsignedInteger, Lens: TimeLens>(
    _ all: Arrangement<Node, Node, Int, Lens>, _ nodes: Multiset<Pair<Node, Node>, Time, Int>, _ order: LabelOrder
  ) -> Multiset where Data == Pair<Node, Node>, Lens.Seen == Time {
    let labels = nodes.propagate(along: arrangeByKey(), order).arrangeByKey()
    return all.join(labels) { start, end, label in Pair(end, Pair(start, label)) }
      .arrangeByKey().join(labels) { end, other, label in
        Pair(Pair(end, other.first), Pair(other.second, label))
      }
      .filter { $0.second.first == $0.second.second }
      .map { $0.first }
  }

  /// The edges of the k-core: what is left when nodes with fewer than `k` edges, counted at both ends, are taken out again and
  /// again.
  @inlinable public func core<Node: Record>(_ k: Int) -> Multiset where Data == Pair<Node, Node> {
    let arranged = arrangeByKey()
    return scope.loop { loop in
      let kept = Variable<Data, Time, UInt32, Int>(loop, from: enter(loop))
      let busy = kept.collection.flatMap { [$0.first, $0.second] }
        .arrangeBySelf().thresholdArranged { _, degree in degree >= k ? 1 : 0 }
      let once = arranged.enter(loop).join(busy) { start, end, _ in Pair(end, start) }
      let twice = once.arrangeByKey().join(busy) { end, start, _ in Pair(start, end) }
      kept.set(twice)
      return twice.leave(scope)
    }
  }
}
