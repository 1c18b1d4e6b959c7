package import BuildGraph
package import Diagnostics
package import Pictures
package import Ports

extension Report {
  /// What the state knows of a build.
  ///
  /// - Parameters:
  ///   - number: of the build; nil for the last that ran a step, or where none did, the last.
  ///   - read: The bytes of an object, to count records; nil for what is not there or too large.
  /// - Throws: `notFound` where there is no such build on record.
  /// - Complexity: O(runs on record, nodes and edges of the graph).
  package init(
    of number: Int64?, _ graph: PersistedGraph, store: any Store, read: (Artifact) -> [UInt8]?
  ) throws(SystemError) {
    let builds = try store.builds(limit: 1_000).filter { $0.summary != nil }
    let all = try store.runs(labelled: nil, limit: .max)
    let wanted = number ?? all.first?.build
    guard let chosen = builds.first(where: { $0.number == wanted }) ?? (number == nil ? builds.first : nil) else {
      let known = builds.isEmpty ? "" : "; there are \(builds[builds.count - 1].number) to \(builds[0].number)"
      throw SystemError(.notFound, "no build \(number.map { "\($0) " } ?? "")is on record\(known)")
    }
    try graph.loadAll()
    let steps = try Steps(graph)
    var records = all.filter { $0.build == chosen.number }
    records.sort { ($0.startedAt, $0.run) < ($1.startedAt, $1.run) }
    let origin = records.first?.startedAt ?? chosen.startedAt
    self.init(
      program: chosen.program.display, build: Past(chosen),
      runs: records.map { record in
        let resources = steps.byLabel[record.label]?.resources
        return Run(
          label: record.label, start: max(0, record.startedAt - origin), seconds: record.usage.wallSeconds,
          cpuSeconds: record.usage.cpuSeconds, peakBytes: record.usage.peakMemoryBytes,
          askedBytes: resources?.memory, askedCPU: resources?.cpu, hasFailed: record.ending != .exited(0),
          ending: record.ending == .exited(0) ? nil : record.ending.description, reason: record.reason,
          node: record.node ?? "")
      }, history: builds.prefix(100).reversed().map(Past.init), tables: [])
    markCritical(steps)
    tables = try Self.tables(graph, store: store, steps, all, read)
    requests = try ResourceReview.all(in: store).map(Request.init)
  }

  /// The last run of each step is the one that others waited for.
  private mutating func markCritical(_ steps: Steps) {
    var runOf: [Int: Int] = [:]
    for (index, run) in runs.enumerated() {
      if let step = steps.byLabel[run.label]?.index { runOf[step] = index }
    }
    let order = runOf.keys.sorted().compactMap { runOf[$0] }
    let stepOf = Dictionary(runOf.map { ($0.value, $0.key) }) { first, _ in first }
    markCritical(order: order) { run in
      // What was answered from the cache cost nothing: what it waited for was not waited for.
      stepOf[run].map { steps.inputs[$0].compactMap { runOf[$0] } } ?? []
    }
  }

  private static func tables(
    _ graph: PersistedGraph, store: any Store, _ steps: Steps, _ runs: [RunRecord], _ read: (Artifact) -> [UInt8]?
  ) throws(SystemError) -> [Table] {
    var last: [String: RunRecord] = [:]
    for run in runs where last[run.label] == nil { last[run.label] = run }
    let query = ProvenanceQuery(graph: graph, store: store)
    var tables: [Table] = []
    for node in steps.tables {
      guard case .step(let step, let frame) = try graph.definition(of: node).content, case .table(let table) = step.work
      else { continue }
      var names: [String] = []
      for input in table.inputs { names.append(try query.name(of: input.reference)) }
      var output: Artifact?
      if case .made(let made) = try graph.state(of: node) { output = made.outputs.first }
      tables.append(
        Table(
          label: frame.label, form: table.form.name, inputs: names,
          records: output.flatMap(read).flatMap { table.form.records(in: $0) }, bytes: output?.size,
          seconds: last[frame.label]?.usage.wallSeconds, plan: last[frame.label]?.plan))
    }
    return tables
  }

  /// The steps of a graph, and which wait for which.
  private struct Steps {
    var byLabel: [String: (index: Int, resources: Resources?)] = [:]
    /// By index of step; through the folders that the program puts together.
    var inputs: [[Int]] = []
    var tables: [GraphNode] = []

    init(_ graph: PersistedGraph) throws(SystemError) {
      var behind: [GraphNode: [Int]] = [:]
      for node in graph.nodes(of: .assembly) {
        var found: [Int] = []
        for reference in try graph.definition(of: node).inputs {
          if case .step(let id) = GraphNode(reference) { found.append(Int(id.index)) }
        }
        behind[node] = found
      }
      for node in graph.nodes(of: .step) {
        let definition = try graph.definition(of: node)
        var found: [Int] = []
        for reference in definition.inputs {
          switch GraphNode(reference) {
          case .step(let id): found.append(Int(id.index))
          case .assembly(let id): found += behind[.assembly(id)] ?? []
          case .source, .literal: break
          }
        }
        inputs.append(found)
        guard case .step(let step, let frame) = definition.content else { continue }
        var resources: Resources?
        if case .exec(let exec) = step.work { resources = exec.resources }
        if case .table = step.work { tables.append(node) }
        byLabel[frame.label] = (Int(node.index), resources)
      }
    }
  }
}

extension Report.Request {
  package init(_ review: ResourceReview) {
    self.init(
      name: review.kind, runs: review.runs, seconds: review.medianSeconds, askedBytes: review.askedMemory,
      peakBytes: review.largestMemory, askedCPU: review.askedCPU, usedCPU: review.usedCPU, remarks: review.remarks)
  }
}

extension Report.Past {
  package init(_ build: BuildRecord) {
    let summary =
      build.summary
      ?? BuildEvent.Summary(status: .interrupted, steps: 0, run: 0, cached: 0, failed: 0, seconds: 0)
    self.init(
      number: build.number, startedAt: build.startedAt, status: summary.status.rawValue, steps: summary.steps,
      run: summary.run, cached: summary.cached, failed: summary.failed, seconds: summary.seconds)
  }
}

extension TableStep.Form {
  /// As people call it.
  fileprivate var name: String {
    switch self {
    case .csv: "csv"
    case .tsv: "tsv"
    case .jsonl: "jsonl"
    case .parts(let count): "\(count) parts"
    case .rows: "rows for the program"
    case .summary: "count and digest"
    }
  }

  /// How many records the bytes of the output hold; nil where they do not tell.
  fileprivate func records(in bytes: [UInt8]) -> Int64? {
    switch self {
    case .csv, .tsv: max(0, Self.lines(bytes, quoted: true) - 1)
    case .jsonl: Self.lines(bytes, quoted: false)
    case .parts, .rows: nil
    case .summary: bytes.count >= 8 ? bytes.prefix(8).reversed().reduce(0) { $0 &<< 8 | Int64($1) } : nil
    }
  }

  /// Line ends, but for those between quotation marks; a last line without one counts.
  private static func lines(_ bytes: [UInt8], quoted: Bool) -> Int64 {
    var count: Int64 = 0
    var isQuoted = false
    for byte in bytes {
      if quoted, byte == UInt8(ascii: "\"") { isQuoted.toggle() }
      if byte == UInt8(ascii: "\n"), !isQuoted { count += 1 }
    }
    if let last = bytes.last, last != UInt8(ascii: "\n") { count += 1 }
    return count
  }
}
