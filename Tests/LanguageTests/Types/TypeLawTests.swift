import Testing

@testable import Language

/// The laws of the type algebra, over every type of a small universe and all pairs and triples of them.
struct TypeLawTests {
  /// Every kind of type, and enough of each that width, depth, order and variance show.
  static let universe: [Type] = {
    let leaves: [Type] = [.int, .string, .file, .unit, .fileset, .top, .bottom]
    let flat: [Type] = leaves + [.float, .bool, .dir]
    var types = flat
    for leaf in leaves {
      types += [
        .list(leaf), .structure([.init("a", leaf)]), .sum([.init("A", leaf)]), .module([.init("X", leaf)], aliases: []),
        .function([], leaf), .function([.init("x", leaf)], .int), .map(key: .string, value: leaf),
      ]
    }
    types += [.map(key: .int, value: .int), .map(key: .top, value: .bottom), .map(key: .top, value: .int)]
    for a in [Type.int, .string, .bottom] {
      for b in [Type.int, .string] {
        types += [
          .tuple([.init(nil, a), .init(nil, b)]), .structure([.init("a", a), .init("b", b)]),
          .structure([.init("b", b), .init("a", a)]), .sum([.init("A", a), .init("B", b)]),
          .sum([.init("B", b), .init("A", a)]), .function([.init(nil, a), .init(nil, b)], .bool),
        ]
      }
    }
    types += [
      .tuple([.init("x", .int), .init("y", .int)]), .tuple([.init(nil, .int), .init(nil, .int), .init(nil, .int)]),
      .sum([.init("A", nil)]), .sum([.init("A", nil), .init("B", .int)]), .sum([.init("B", nil)]),
      .list(.list(.int)), .list(.list(.bottom)), .list(.structure([.init("a", .int)])),
      .function([.init("f", .structure([.init("a", .int)]))], .structure([.init("a", .int), .init("b", .int)])),
      .function(
        [.init("f", .structure([.init("a", .int), .init("b", .int)]))], .structure([.init("a", .int)])),
      .scheme(.listsSort), .scheme(.listsMax),
      .table(.structure([.init("a", .int)])), .table(.structure([.init("a", .int), .init("b", .string)])),
      .table(.structure([.init("b", .string), .init("a", .int)])), .table(.structure([.init("key", .int)])),
      .table(.structure([.init("key", .int), .init("rows", .list(.structure([.init("a", .int)])))])),
      .table(
        .structure([
          .init("key", .int), .init("rows", .list(.structure([.init("a", .int), .init("b", .string)]))),
        ])), .list(.table(.structure([.init("a", .int)]))),
      .module([.init("X", .int), .init("Y", .string)], aliases: [.init("T", .int)]),
    ]
    return types
  }()

  @Test func `equality is an equivalence`() {
    for a in Self.universe {
      #expect(a.isEqual(to: a), "\(a)")
      for b in Self.universe {
        #expect(a.isEqual(to: b) == b.isEqual(to: a), "\(a), \(b)")
        guard a.isEqual(to: b) else { continue }
        for c in Self.universe { if b.isEqual(to: c) != a.isEqual(to: c) { Issue.record("\(a), \(b), \(c)") } }
      }
    }
  }

  @Test func `subtyping is a preorder whose equivalence is equality`() {
    for a in Self.universe {
      #expect(a.isSubtype(of: a), "\(a)")
      for b in Self.universe {
        #expect((a.isSubtype(of: b) && b.isSubtype(of: a)) == a.isEqual(to: b), "\(a), \(b)")
        guard a.isSubtype(of: b) else { continue }
        for c in Self.universe where b.isSubtype(of: c) {
          if !a.isSubtype(of: c) { Issue.record("\(a) ⊑ \(b) ⊑ \(c)") }
        }
      }
    }
  }

  @Test func `bottom is below and top above everything`() {
    for a in Self.universe {
      #expect(Type.bottom.isSubtype(of: a))
      #expect(a.isSubtype(of: .top))
    }
  }

  @Test func `unification is symmetric and idempotent and has bottom as its identity`() throws {
    for a in Self.universe {
      #expect(try Type.unify(a, a).get().isEqual(to: a), "\(a)")
      #expect(try Type.unify(a, .bottom).get().isEqual(to: a), "\(a)")
      for b in Self.universe {
        switch (Type.unify(a, b), Type.unify(b, a)) {
        case (.success(let one), .success(let other)): #expect(one.isEqual(to: other), "\(a), \(b)")
        case (.failure, .failure): break
        case (.success, .failure), (.failure, .success): Issue.record("\(a), \(b)")
        }
      }
    }
  }

  @Test func `where it succeeds unification is the least upper bound`() {
    for a in Self.universe {
      for b in Self.universe {
        guard case .success(let join) = Type.unify(a, b) else { continue }
        #expect(a.isSubtype(of: join) && b.isSubtype(of: join), "\(a), \(b): \(join)")
        for c in Self.universe where a.isSubtype(of: c) && b.isSubtype(of: c) {
          if !join.isSubtype(of: c) { Issue.record("\(a), \(b): \(join), but also \(c)") }
        }
      }
    }
  }

  @Test func `related types unify to the greater one unless a field or parameter differs`() {
    for a in Self.universe {
      for b in Self.universe where a.isSubtype(of: b) {
        guard case .success(let join) = Type.unify(a, b) else {
          // Functions must have equal parameters and tables equal rows, though some others have a common supertype.
          #expect(
            a.kindName == "func" || a.kindName == "table" || a.kindName == "list" || a.kindName == "module"
              || a.kindName == "struct", "\(a), \(b)")
          continue
        }
        #expect(join.isEqual(to: b), "\(a) ⊑ \(b), not \(join)")
      }
    }
  }

  @Test func `types that differ print differently and a type prints in one way`() {
    var seen: [String: Type] = [:]
    for a in Self.universe {
      // Aliases of modules are not printed; nor do they count.
      if let other = seen[a.description] { #expect(other.isEqual(to: a), "\(a)") }
      seen[a.description] = a
    }
  }

  @Test func `an error fits everything and spreads in silence`() {
    for a in Self.universe {
      #expect(Type.error.isSubtype(of: a) && a.isSubtype(of: .error) && a.isEqual(to: .error))
      guard case .success(.error) = Type.unify(a, .error) else {
        Issue.record("\(a)")
        continue
      }
    }
  }

  @Test func `a discrepancy is named only where there is one`() {
    for a in Self.universe {
      for b in Self.universe where a.isSubtype(of: b) { #expect(a.discrepancy(with: b) == nil, "\(a), \(b)") }
    }
  }

  @Test(
    arguments: [
      (Type.structure([.init("a", .int), .init("b", .int), .init("c", .string)]), "{a, b int, c string}"),
      (.tuple([.init("x", .int), .init("y", .string)]), "(x int, y string)"),
      (.tuple([.init(nil, .int), .init(nil, .int)]), "(int, int)"),
      (.tuple([.init("out", .file)]), "(out file)"),
      (.function([.init("x", .int), .init("y", .int)], .string), "func(x, y int) string"),
      (.function([.init(nil, .int), .init(nil, .string)], .bool), "func(int, string) bool"),
      (.function([], .int), "func() int"),
      (.sum([.init("A", nil), .init("B", .int)]), "#A | #B(int)"),
      (.map(key: .string, value: .list(.float)), "[string:[float]]"),
      (.map(key: .top, value: .bottom), "[top:bottom]"),
      (
        .module([.init("F", .function([.init("x", .int)], .file)), .init("G", .dir)], aliases: []),
        "module{F func(x int) file, G dir}"
      ),
      (.list(.unit), "[unit]"),
      (.fileset, "fileset"),
      (.table(.structure([.init("a", .int), .init("b", .int)])), "table {a, b int}"),
    ] as [(Type, String)]) func `types print as programs write them`(_ type: Type, _ text: String)
  {
    #expect(type.description == text)
  }

  @Test func `what can be compared, and what can be a key`() {
    let function = Type.function([.init("x", .int)], .int)
    for type in [Type.int, .float, .string, .bool, .file, .dir, .list(.int), .map(key: .top, value: .bottom)] {
      #expect(type.isComparable, "\(type)")
    }
    for type in [function, .unit, .top, .module([], aliases: []), .list(function), .structure([.init("a", .unit)])] {
      #expect(!type.isComparable, "\(type)")
    }
    for type in [Type.string, .int, .float, .bool, .file, .top] { #expect(type.isMapKey, "\(type)") }
    for type in [Type.dir, .list(.int), .bottom, .unit, function] { #expect(!type.isMapKey, "\(type)") }
  }

  @Test func `the measure of a type counts its parts and levels, and stops at the limit`() {
    #expect(Type.int.measured() == TypeMeasure(nodes: 1, depth: 1))
    #expect(Type.list(.tuple([.init(nil, .int), .init(nil, .int)])).measured() == TypeMeasure(nodes: 4, depth: 3))
    var wide = Type.int
    for _ in 0..<40 { wide = .tuple([.init(nil, wide), .init(nil, wide)]) }
    #expect(wide.measured() == nil)
    var deep = Type.int
    for _ in 0..<200 { deep = .list(deep) }
    #expect(deep.measured() == nil)
  }
}
