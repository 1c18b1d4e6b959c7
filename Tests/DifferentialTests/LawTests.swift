import Differential
import Testing

/// The laws of lattices and times, for every triple of the given elements.
private func checkTimes<T: Timestamp>(_ times: [T]) {
  for a in times {
    #expect(a.precedes(a))
    #expect(T.minimum.precedes(a))
    #expect(a.phase.precedes(a))
    #expect(a.advanced(to: a.epoch) == a)
    for b in times {
      #expect(a.join(b) == b.join(a))
      #expect(a.meet(b) == b.meet(a))
      #expect(a.join(a.meet(b)) == a)
      #expect(a.meet(a.join(b)) == a)
      #expect(a.precedes(b) == (a.join(b) == b))
      #expect(a.precedes(b) == (a.meet(b) == a))
      #expect(!(a.precedes(b) && b.precedes(a)) || a == b)
      #expect(!a.precedes(b) || a <= b, "the total order extends the partial one")
      #expect((a < b ? 1 : 0) + (b < a ? 1 : 0) + (a == b ? 1 : 0) == 1)
      if T.isTotallyOrdered { #expect(a.precedes(b) || b.precedes(a)) }
      for c in times {
        #expect(a.join(b).join(c) == a.join(b.join(c)))
        #expect(a.meet(b).meet(c) == a.meet(b.meet(c)))
        #expect(!(a.precedes(b) && b.precedes(c)) || a.precedes(c))
      }
    }
  }
}

private func pairs(_ n: UInt32) -> [Loop1] { (0..<n).flatMap { a in (0..<n).map { Product(a, $0) } } }
private func triples(_ n: UInt32) -> [Loop2] { pairs(n).flatMap { a in (0..<n).map { Product(a, $0) } } }

@Test func epochsAndNestedProductsAreLattices() {
  checkTimes([0, 1, 2, 7] as [UInt32])
  checkTimes([0, 3, .max] as [UInt64])
  checkTimes(pairs(3))
  checkTimes(triples(2))
}

private func checkGroup<R: Weight>(_ elements: [R]) {
  for a in elements {
    #expect(a + .zero == a)
    #expect(a - a == .zero)
    #expect(a * .one == a && .one * a == a)
    for b in elements {
      #expect(a + b == b + a)
      for c in elements {
        #expect((a + b) + c == a + (b + c))
        #expect(a * (b + c) == a * b + a * c)
        #expect((a + b) * c == a * c + b * c)
      }
    }
  }
}

@Test func differencesAreGroupsWithAProduct() {
  checkGroup([-2, 0, 1, 5] as [Int])
  checkGroup([-2, 0, 1] as [Int32])
  checkGroup([DifferencePair(1, 2), DifferencePair(-1, 0), DifferencePair(3, -7)] as [DifferencePair<Int, Int64>])
}

private func checkRadix<D: Record>(_ records: [D]) {
  for a in records {
    if D.radixWidth < 64 { #expect(a.radix < 1 << UInt64(D.radixWidth)) }
    for b in records {
      if a < b { #expect(a.radix <= b.radix) }
      if D.radixIsTotal && a.radix == b.radix { #expect(a == b) }
      if a == b { #expect(a.route == b.route) }
    }
  }
}

@Test func radicesFollowTheOrderOfRecords() {
  checkRadix([-5, -1, 0, 1, .min, .max] as [Int])
  checkRadix([-5, -1, 0, 1, .min, .max] as [Int16])
  checkRadix([0, 1, 1 << 40, .max] as [UInt64])
  let small: [UInt32] = [0, 1, 77, .max]
  checkRadix(small.flatMap { a in small.map { Pair(a, $0) } })
  checkRadix(small.flatMap { a in small.map { Pair(a, UInt64($0) << 9) } })
  checkRadix(small.flatMap { a in small.map { Pair(UInt64($0) << 9, a) } })
  checkRadix(small.flatMap { a in small.map { Pair(Pair(a, $0), Int8(truncatingIfNeeded: $0)) } })
  checkRadix([Pair(3 as UInt8, Unit()), Pair(9 as UInt8, Unit())])
}

@Test func frontiersKeepOnlyMinimalTimes() {
  let frontier = Antichain([Product(1, 1), Product(0, 2), Product(2, 2), Product(1, 1)] as [Loop1])
  #expect(frontier.elements == [Product(0, 2), Product(1, 1)])
  #expect(frontier.precedes(Product(5, 2)))
  #expect(!frontier.precedes(Product(1, 0)))
  #expect(!Antichain<Loop1>().precedes(Product(9, 9)))
}

@Test func compactionKeepsEveryAnswerBeyondTheFrontierAndIsCanonical() {
  let times = pairs(4)
  // Room beyond the given frontiers, so that times they cannot tell apart are equal for all that is beyond.
  let all = pairs(6)
  for a in times {
    for b in times {
      let frontier = Antichain([a, b])
      let beyond = all.filter { frontier.precedes($0) }
      for t in times {
        let representative = frontier.representative(of: t)!
        for f in beyond { #expect(t.precedes(f) == representative.precedes(f)) }
        for s in times where beyond.allSatisfy({ s.precedes($0) == t.precedes($0) }) {
          #expect(frontier.representative(of: s)! == representative)
        }
      }
    }
  }
}

@Test func heldTimesGiveTheFrontier() {
  var held = CountedAntichain<UInt32>()
  held.update(3, by: 2)
  held.update(5, by: 1)
  held.update(3, by: -1)
  #expect(held.frontier.elements == [3])
  held.update(3, by: -1)
  #expect(held.frontier.elements == [5])
}
