/// One build to look back on: what ran when and where its time went, and how builds went before it.
package struct Report: Hashable, Sendable {
  /// One run of one step.
  package struct Run: Hashable, Sendable {
    package var label: String
    /// Seconds from the first run's start.
    package var start: Double
    package var seconds: Double
    package var cpuSeconds: Double
    package var peakBytes: Int64
    /// What the program asked for; nil where it does not say.
    package var askedBytes: Int64?
    package var askedCPU: Double?
    package var hasFailed: Bool
    /// `exit 1`, `timed out`; nil where it went well.
    package var ending: String?
    package var reason: String
    /// The node of a cluster that it ran on; empty on this machine.
    package var node: String
    /// It lies on the chain of steps that no number of cores would have made shorter.
    package var isCritical: Bool

    package init(
      label: String, start: Double, seconds: Double, cpuSeconds: Double, peakBytes: Int64, askedBytes: Int64? = nil,
      askedCPU: Double? = nil, hasFailed: Bool = false, ending: String? = nil, reason: String = "",
      node: String = "", isCritical: Bool = false
    ) {
      self.label = label
      self.start = start
      self.seconds = seconds
      self.cpuSeconds = cpuSeconds
      self.peakBytes = peakBytes
      self.askedBytes = askedBytes
      self.askedCPU = askedCPU
      self.hasFailed = hasFailed
      self.ending = ending
      self.reason = reason
      self.node = node
      self.isCritical = isCritical
    }
  }

  /// What steps of one name ask for beside what they take, over the latest runs of all builds.
  package struct Request: Hashable, Sendable {
    package var name: String
    package var runs: Int64
    package var seconds: Double
    /// Nil where the program does not say.
    package var askedBytes: Int64?
    package var peakBytes: Int64
    package var askedCPU: Double?
    /// Nil where its runs are too short to tell.
    package var usedCPU: Double?
    /// What is wrong with it, a sentence each; empty where nothing is.
    package var remarks: [String]

    package init(
      name: String, runs: Int64, seconds: Double, askedBytes: Int64?, peakBytes: Int64, askedCPU: Double?,
      usedCPU: Double?, remarks: [String]
    ) {
      self.name = name
      self.runs = runs
      self.seconds = seconds
      self.askedBytes = askedBytes
      self.peakBytes = peakBytes
      self.askedCPU = askedCPU
      self.usedCPU = usedCPU
      self.remarks = remarks
    }
  }

  /// A build of the past.
  package struct Past: Hashable, Sendable {
    package var number: Int64
    package var startedAt: Double
    package var status: String
    package var steps: Int
    package var run: Int
    package var cached: Int
    package var failed: Int
    package var seconds: Double

    package init(
      number: Int64, startedAt: Double, status: String, steps: Int, run: Int, cached: Int, failed: Int, seconds: Double
    ) {
      self.number = number
      self.startedAt = startedAt
      self.status = status
      self.steps = steps
      self.run = run
      self.cached = cached
      self.failed = failed
      self.seconds = seconds
    }
  }

  /// A table that the program makes, as it is now.
  package struct Table: Hashable, Sendable {
    package var label: String
    package var form: String
    package var inputs: [String]
    /// Nil where nobody knows.
    package var records: Int64?
    package var bytes: Int64?
    /// Of its last run on record.
    package var seconds: Double?
    /// What went through its plan then, as text in columns; nil where that is not known.
    package var plan: String?

    package init(
      label: String, form: String, inputs: [String], records: Int64?, bytes: Int64?, seconds: Double?,
      plan: String? = nil
    ) {
      self.plan = plan
      self.label = label
      self.form = form
      self.inputs = inputs
      self.records = records
      self.bytes = bytes
      self.seconds = seconds
    }
  }

  package var program: String
  /// The build that is reported.
  package var build: Past
  /// In the order of their starts.
  package var runs: [Run]
  /// Oldest first, the reported one among them.
  package var history: [Past]
  package var tables: [Table]
  /// Those first that waste or lack the most.
  package var requests: [Request]

  package init(
    program: String, build: Past, runs: [Run], history: [Past], tables: [Table], requests: [Request] = []
  ) {
    self.program = program
    self.build = build
    self.runs = runs
    self.history = history
    self.tables = tables
    self.requests = requests
  }
}

extension Report {
  /// A row of the timeline: of this machine or of a node.
  package struct Lane: Hashable, Sendable {
    package var node: String
    /// From 0, of its node.
    package var number: Int
  }

  /// The rows of the timeline, node by node, this machine first; and for each run the index of its own, so that runs at the same
  /// time have different ones: the lowest of its node that is free.
  ///
  /// - Complexity: O(runs · lanes).
  package var lanes: (all: [Lane], ofRuns: [Int]) {
    var ends: [String: [Double]] = [:]
    let numbers = runs.map { run in
      var its = ends[run.node] ?? []
      // Clocks are read a little after the fact: touching is not overlapping.
      let lane = its.firstIndex { $0 <= run.start + 1e-4 } ?? its.count
      if lane == its.count { its.append(0) }
      its[lane] = run.start + run.seconds
      ends[run.node] = its
      return lane
    }
    var all: [Lane] = []
    var firsts: [String: Int] = [:]
    for (node, its) in ends.sorted(by: { $0.key < $1.key }) {
      firsts[node] = all.count
      all += its.indices.map { Lane(node: node, number: $0) }
    }
    return (all, zip(runs, numbers).map { (firsts[$0.node] ?? 0) + $1 })
  }

  /// From the first start to the last end.
  package var span: Double { runs.map { $0.start + $0.seconds }.max() ?? 0 }

  /// All runs of one name together.
  package struct Kind: Hashable, Sendable {
    package var name: String
    package var count: Int
    package var seconds: Double
    package var longest: Double
    package var peakBytes: Int64
  }

  /// Those that took most time first.
  package var kinds: [Kind] {
    var kinds: [String: Kind] = [:]
    for run in runs {
      let name = Picture.Node.group(ofStep: run.label)
      var kind = kinds[name] ?? Kind(name: name, count: 0, seconds: 0, longest: 0, peakBytes: 0)
      kind.count += 1
      kind.seconds += run.seconds
      kind.longest = max(kind.longest, run.seconds)
      kind.peakBytes = max(kind.peakBytes, run.peakBytes)
      kinds[name] = kind
    }
    return kinds.values.sorted { ($1.seconds, $0.name) < ($0.seconds, $1.name) }
  }

  /// Marks the longest chain of runs in which each waited for the one before.
  ///
  /// - Parameters:
  ///   - order: Indexes into `runs` so that what a run waits for comes before it.
  ///   - inputs: For each run, those that it waits for.
  /// - Complexity: O(runs and what they wait for).
  package mutating func markCritical(order: [Int], inputs: (Int) -> [Int]) {
    var longest = [Double](repeating: 0, count: runs.count)
    var before = [Int?](repeating: nil, count: runs.count)
    for index in order {
      for input in inputs(index) where longest[input] > (before[index].map { longest[$0] } ?? 0) {
        before[index] = input
      }
      longest[index] = runs[index].seconds + (before[index].map { longest[$0] } ?? 0)
    }
    var next = longest.indices.max { (longest[$0], $1) < (longest[$1], $0) }
    while let index = next {
      runs[index].isCritical = true
      next = before[index]
    }
  }
}

extension Report.Request {
  /// Name, runs, time, memory asked and used, cores asked and used, as people read them; empty for what nobody knows.
  package var words: [String] {
    [
      name, "\(runs)", Measure.seconds(seconds), askedBytes.map(Measure.bytes) ?? "", Measure.bytes(peakBytes),
      askedCPU.map(number) ?? "", usedCPU.map(number) ?? "",
    ]
  }
}
