/// An evaluation of a table, as a step: what is to be computed is opaque here, and known by its key.
package struct TableStep: Hashable, Sendable {
  /// What the step makes of the table.
  package enum Form: Hashable, Sendable {
    /// A file with a header, rows ascending by their columns.
    case csv
    case tsv
    case jsonl
    /// A folder of so many CSV files, by a fixed hash of the row.
    case parts(Int)
    /// A file of all rows, ascending, in the coding of the language, for an evaluation to read.
    case rows
    /// A file of the count of rows, in eight bytes, and a digest of them that does not depend on their order, in sixteen; all
    /// little-endian.
    case summary

    /// Whether the output is a file or a folder.
    package var kind: ArtifactKind {
      switch self {
      case .csv, .tsv, .jsonl, .rows, .summary: .file
      case .parts: .folder
      }
    }
  }

  package var plan: TablePlan
  package var form: Form
  /// The files and folders that the plan reads, in its order; each once.
  package var inputs: [Exec.Input]

  package init(plan: TablePlan, form: Form, inputs: [Exec.Input]) {
    self.plan = plan
    self.form = form
    self.inputs = inputs
  }
}

/// A checked relational expression. The language makes it and the room of tables compiles it; in between it is its key.
package struct TablePlan: Hashable, Sendable {
  /// What the expression is, with everything in it by content and its inputs by identity.
  package let key: Digest
  /// For the room of tables. Nil where the graph comes from the state: then the program must be evaluated again before the
  /// step can run.
  package let content: (any Sendable)?
  /// The expression in words, a line for each part of it; says nothing that the key does not.
  package let outline: ByteString

  package init(key: Digest, content: (any Sendable)?, outline: ByteString = "") {
    self.key = key
    self.content = content
    self.outline = outline
  }

  package static func == (a: Self, b: Self) -> Bool { a.key == b.key }
  package func hash(into hasher: inout Hasher) { hasher.combine(key) }
}

extension FlowGraph {
  /// What a reference names, whatever is there and however the graph is numbered: a source's path, a step's command and what it
  /// reads in turn, the bytes of a literal.
  ///
  /// Stable from one build to the next for as long as the program says the same, so that what is kept of a table is found again when
  /// the contents have changed.
  /// - Complexity: O(steps behind it).
  package func identity(of reference: ArtifactReference) -> Digest {
    var known: [ArtifactReference: Digest] = [:]
    // A stack of our own: chains of steps may be long.
    var pending = [reference]
    while let next = pending.last {
      if known[next] != nil {
        pending.removeLast()
        continue
      }
      let missing = needed(for: next).filter { known[$0] == nil }
      guard missing.isEmpty else {
        pending += missing
        continue
      }
      known[next] = identity(next, known)
      pending.removeLast()
    }
    return known[reference] ?? Digest(high: 0, low: 0)
  }

  private func needed(for reference: ArtifactReference) -> [ArtifactReference] {
    switch reference {
    case .source, .literal: []
    case .assembly(let id): assemblies[Int(id.index)].map(\.reference)
    case .output(let step, _), .member(let step, _, _):
      switch steps[Int(step.index)].work {
      case .exec(let exec): exec.inputs.map(\.reference)
      case .table(let table): table.inputs.map(\.reference)
      case .copy(let inner, kind: _, to: _): [inner]
      }
    }
  }

  private func identity(_ reference: ArtifactReference, _ known: [ArtifactReference: Digest]) -> Digest {
    var manifest = DigestManifest()
    manifest.write(.scheme, Keys.scheme)
    func write(_ inner: ArtifactReference) {
      if let digest = known[inner] { manifest.write(.identity, digest) }
    }
    func write(_ step: StepID) {
      switch steps[Int(step.index)].work {
      case .exec(let exec):
        manifest.write(.command, CommandKey(exec, staging: Staging(exec) { _ in "input" }).digest)
        for input in exec.inputs { write(input.reference) }
      case .table(let table):
        manifest.write(.command, CommandKey(table).digest)
        for input in table.inputs { write(input.reference) }
      case .copy(let inner, kind: _, to: _): write(inner)
      }
    }
    switch reference {
    case .source(let id):
      let source = sources[Int(id.index)]
      switch source.place {
      case .path(let path):
        manifest.write(.ordinal, Int(path.root.index))
        manifest.write(.path, path.bytes)
      case .unmapped(let url): manifest.write(.name, url)
      }
      manifest.write(.kind, Int(source.kind.rawValue))
    case .literal(let id): manifest.write(.literal, literals[Int(id.index)])
    case .assembly(let id):
      manifest.write(.assembly, assemblies[Int(id.index)].count)
      for member in assemblies[Int(id.index)] {
        manifest.write(.name, member.name)
        write(member.reference)
      }
    case .output(let step, let index):
      write(step)
      manifest.write(.output, index)
    case .member(let step, let index, let path):
      write(step)
      manifest.write(.output, index)
      manifest.write(.member, path)
    }
    return manifest.finish()
  }
}

extension Step {
  /// What the step runs, as seen by whoever decides when: of a table, something with the same inputs and outputs. Nil for a
  /// copy, which runs nothing.
  package var command: Exec? {
    switch work {
    case .exec(let exec): exec
    case .copy: nil
    case .table(let table):
      Exec(
        template: [], inputs: table.inputs,
        outputs: [Exec.Output(label: table.form.label, kind: table.form.kind, isMentioned: true)])
    }
  }
}

extension TableStep.Form {
  /// What the output is called where it is staged.
  package var label: String {
    switch self {
    case .csv: "table.csv"
    case .tsv: "table.tsv"
    case .jsonl: "table.jsonl"
    case .parts: "parts"
    case .rows: "rows"
    case .summary: "summary"
    }
  }
}

extension CommandKey {
  /// Of a table: it has nothing but its expression.
  package init(_ table: TableStep) {
    self.init(parts: Part.allCases.map { $0 == .template ? table.command : Digest(high: 0, low: 0) })
  }
}

extension TableStep {
  /// What it computes but for the contents of its inputs; in the place of a command's digest in ``Keys``.
  package var command: Digest {
    var manifest = DigestManifest()
    manifest.write(.scheme, Keys.scheme)
    manifest.write(.table, plan.key)
    switch form {
    case .csv: manifest.write(.kind, 0)
    case .tsv: manifest.write(.kind, 1)
    case .jsonl: manifest.write(.kind, 2)
    case .rows: manifest.write(.kind, 3)
    case .summary: manifest.write(.kind, 4)
    case .parts(let count):
      manifest.write(.kind, 5)
      manifest.write(.count, count)
    }
    return manifest.finish()
  }
}
