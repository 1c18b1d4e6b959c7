package import BuildGraph

/// A table as a checked and normalised expression: what it is made of, with nothing of how it is kept.
///
/// A graph of immutable nodes; equal expressions have equal keys, also across modules, and whoever keeps them may keep
/// one for each key. Names, positions and the numbering of the flow graph are in no key.
///
/// Rows are words (see ``ColumnKind``), one for each of the ``columns``. A table is a multiset of them.
package final class Relation: Sendable {
  package let operation: RelationalOperation
  package let columns: [Column]
  /// What it is, whatever it is called: the digest of the normalised expression, with captured values and functions by
  /// content and its inputs by ``FlowGraph/identity(of:)``.
  ///
  /// Of a node inside the body of a ``Fixpoint`` it holds only there, since it depends on the loop's variable.
  package let key: Digest
  /// The loops whose variable occurs free in it; none for what can be evaluated by itself.
  package let loops: Set<LoopID>
  /// Whether it certainly has no more than one row, whatever the sources are.
  package let isAtMostOneRow: Bool
  /// Files and folders that it reads, itself or through others, each once, in the order of first mention.
  package let inputs: [Input]
  /// The length of the longest chain of nodes below it.
  package let depth: Int
  /// Where the program makes it; the first place of several.
  package let location: ProgramLocation?
  /// The declaration in which the program makes it; empty outside of all.
  package let name: String

  /// A file or folder that a source reads.
  package struct Input: Hashable, Sendable {
    package var reference: ArtifactReference
    package var kind: ArtifactKind

    package init(reference: ArtifactReference, kind: ArtifactKind) {
      self.reference = reference
      self.kind = kind
    }
  }

  /// How deep a relation may be: whoever walks it may recur.
  package static let depthLimit = 400

  init(
    _ operation: RelationalOperation, columns: [Column], key: Digest, isAtMostOneRow: Bool = false,
    location: ProgramLocation?, name: String = ""
  ) {
    self.operation = operation
    self.columns = columns
    self.key = key
    self.isAtMostOneRow = isAtMostOneRow
    self.location = location
    self.name = name
    var loops: Set<LoopID> = []
    var inputs: [Input] = []
    var seen: Set<Input> = []
    var depth = 0
    for child in operation.children {
      loops.formUnion(child.loops)
      for input in child.inputs where seen.insert(input).inserted { inputs.append(input) }
      depth = max(depth, child.depth)
    }
    switch operation {
    case .files(let table): for input in table.parts where seen.insert(input).inserted { inputs.append(input) }
    case .loop(let id): loops.insert(id)
    case .fixpoint(let fixpoint): loops.remove(fixpoint.loop)
    case .literal, .project, .union, .distinct, .comprehension, .semijoin: break
    }
    self.loops = loops
    self.inputs = inputs
    self.depth = depth + 1
  }
}

/// Tells apart the variables of loops; has no meaning beyond one evaluation.
package struct LoopID: Hashable, Sendable {
  package let index: Int
  package init(index: Int) { self.index = index }
}

/// One node of a ``Relation``. Operands have exactly the columns that the operation needs: projections are nodes.
package enum RelationalOperation: Sendable {
  /// The records of files.
  case files(FileTable)
  /// Rows that the program itself has made, ascending, duplicates repeated.
  case literal(LiteralRows)
  /// The variable of an enclosing ``Fixpoint``.
  case loop(LoopID)
  /// Some of the columns, in a new order; duplicates are kept.
  case project(Relation, columns: [Int])
  /// All rows of all operands, whose columns have the same kinds in the same order.
  case union([Relation])
  case distinct(Relation)
  case comprehension(Comprehension)
  case semijoin(Semijoin)
  case fixpoint(Fixpoint)

  /// The relations that it is made of.
  package var children: [Relation] {
    switch self {
    case .files, .literal, .loop: []
    case .project(let inner, columns: _), .distinct(let inner): [inner]
    case .union(let parts): parts
    case .comprehension(let comprehension):
      comprehension.generators.compactMap { generator in
        switch generator.source {
        case .table(let relation): relation
        case .groups(let grouping): grouping.input
        case .list: nil
        }
      }
    case .semijoin(let join): [join.left, join.right]
    case .fixpoint(let fixpoint): [fixpoint.seed, fixpoint.body]
    }
  }
}

/// Rows as the program wrote them.
package struct LiteralRows: Hashable, Sendable {
  package var count: Int
  /// One after the other, by ``RowCoding``.
  package var bytes: [UInt8]

  package init(count: Int, bytes: [UInt8]) {
    self.count = count
    self.bytes = bytes
  }
}

/// `semijoin(a, b, f, g)` and `antijoin(a, b, f, g)`: the rows of `left`, multiplicities unchanged, whose key is, or is not,
/// the key of some row of `right`.
package struct Semijoin: Sendable {
  package var left: Relation
  package var right: Relation
  /// Reads generator 0, a row of `left`; makes key words.
  package var leftKey: RowFunction
  /// Reads generator 0, a row of `right`; its words equal those of `leftKey` exactly where the keys are equal.
  package var rightKey: RowFunction
  /// False for `antijoin`.
  package var keepsMatches: Bool
}

/// `fixpoint(seed, f)`: x₀ = seed, xₙ₊₁ = body(xₙ), up to the first xₙ that equals the next one. With a priority p, a seed
/// row enters in round p(row) only: x₀ = S≤0, xₙ₊₁ = body(xₙ) + (S≤n+1 − S≤n).
package struct Fixpoint: Sendable {
  package var loop: LoopID
  package var seed: Relation
  /// Mentions `loop`; has the columns of the seed.
  package var body: Relation
  /// Reads generator 0, a row of the seed; makes one int, which must not be negative (else a row error).
  package var priority: RowFunction?
}
