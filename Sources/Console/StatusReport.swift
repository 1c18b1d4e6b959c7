package import BuildGraph
import Diagnostics
package import Ports

/// Tells what a dry run found stale, for `reflow status`.
package final class StatusReport: EventSink {
  package enum Form: Hashable, Sendable { case text, json }

  /// A job of a cluster that has steps of this workspace, or had.
  package struct Job: Hashable, Sendable {
    /// Nil where the cluster has not taken it yet.
    package var id: String?
    /// Empty while it waits for the cluster.
    package var node: String
    /// Labels of steps.
    package var running: [String]
    package var waiting: [String]
    /// Steps that ended and that no build has committed.
    package var ended: Int

    package init(id: String?, node: String, running: [String], waiting: [String], ended: Int) {
      self.id = id
      self.node = node
      self.running = running
      self.waiting = waiting
      self.ended = ended
    }
  }

  private let form: Form
  private let style: Style
  private var differing: [(path: ByteString, change: BuildEvent.OutputChange)] = []
  private let programFiles: [ByteString]
  private let jobs: [Job]
  private let write: (String) -> Void
  private let writeError: (String) -> Void
  private var stale: [(label: String, reason: String)] = []

  /// - Parameters:
  ///   - programFiles: Those of the program's files, and of what shapes it, that are not as the last build read them.
  ///   - jobs: Of a cluster, the oldest first.
  ///   - write: Gets the answer, for standard output.
  ///   - writeError: Gets what is wrong with the program, for standard error.
  package init(
    form: Form, style: Style, programFiles: [ByteString] = [], jobs: [Job] = [],
    write: @escaping (String) -> Void, writeError: @escaping (String) -> Void
  ) {
    self.form = form
    self.style = style
    self.programFiles = programFiles
    self.jobs = jobs
    self.write = write
    self.writeError = writeError
  }

  package var isStale: Bool { !stale.isEmpty || !differing.isEmpty }

  /// Nothing is written while nothing happens.
  package func tick() {}

  package func receive(_ event: BuildEvent) {
    switch event {
    case .wouldRun(_, let label, let reason): stale.append((label, reason))
    case .wouldPublish(let path, let change): differing.append((path, change))
    case .diagnostic(let diagnostic): writeError(DiagnosticRenderer(style: style).render(diagnostic))
    case .buildFinished(let summary): finish(summary)
    case .buildStarted, .planned, .remaining, .stepStarted, .stepFinished, .explained, .outputWritten, .outputRemoved,
      .outputDisplaced, .printed, .changed, .watching:
      return
    }
  }

  private func finish(_ summary: BuildEvent.Summary) {
    if form == .json { return write(json(summary)) }
    switch summary.status {
    case .succeeded, .failed: break
    // What is wrong has been said.
    case .invalid, .refused, .interrupted, .overtaken: return
    }
    let width = max(7, min(40, stale.map(\.label.count).max() ?? 0))
    var text = ""
    if !programFiles.isEmpty {
      text += "the program changed: \(programFiles.map(\.display).joined(separator: ", "))\n"
    }
    for output in differing { text += Self.state(output.change) + "  \(output.path.display)\n" }
    for step in stale {
      let gap = String(repeating: " ", count: max(2, width + 2 - step.label.count))
      text += "stale    \(step.label)\(gap)\(style.quiet(step.reason))\n"
    }
    let steps = "\(summary.steps) \(summary.steps == 1 ? "step" : "steps")"
    if isStale {
      let outputs =
        differing.isEmpty ? "" : ", \(differing.count) \(differing.count == 1 ? "output" : "outputs") to put right"
      text += "status: \(stale.count) of \(steps) to run\(outputs); bring them up to date with 'reflow build'\n"
    } else {
      text += "status: up to date (\(steps))\n"
    }
    for job in jobs {
      let place = job.node.isEmpty ? "waits for the cluster" : "on \(job.node)"
      text += "job \(job.id ?? "(not submitted yet)") \(place): \(job.running.count) running, "
      text += "\(job.waiting.count) waiting, \(job.ended) ended\(Self.told(job.running))\n"
    }
    write(text)
  }

  /// What an output is that a build would do this to; all of one width.
  private static func state(_ change: BuildEvent.OutputChange) -> String {
    switch change {
    case .write: "missing"
    case .replace: "old    "
    case .restore: "edited "
    case .remove: "extra  "
    }
  }

  /// Those that run, where there are any; the first few.
  private static func told(_ labels: [String]) -> String {
    let more = labels.count > 4 ? ", …" : ""
    return labels.isEmpty ? "" : " (runs \(labels.prefix(4).joined(separator: ", "))\(more))"
  }

  private func json(_ summary: BuildEvent.Summary) -> String {
    var json = JSONText()
    json.beginObject()
    json.field("status", summary.status.rawValue)
    json.field("steps", summary.steps)
    json.field("isUpToDate", !isStale && summary.status == .succeeded)
    json.key("program")
    json.beginArray()
    for path in programFiles { json.string(path.display) }
    json.endArray()
    json.key("stale")
    json.beginArray()
    for step in stale {
      json.beginObject()
      json.field("step", step.label)
      json.field("reason", step.reason)
      json.endObject()
    }
    json.endArray()
    json.key("outputs")
    json.beginArray()
    for output in differing {
      json.beginObject()
      json.field("path", output.path.display)
      json.field("state", Self.state(output.change).filter { $0 != " " })
      json.endObject()
    }
    json.endArray()
    json.key("jobs")
    json.beginArray()
    for job in jobs { Self.write(job, &json) }
    json.endArray()
    json.endObject()
    return json.text + "\n"
  }

  private static func write(_ job: Job, _ json: inout JSONText) {
    json.beginObject()
    if let id = job.id { json.field("id", id) }
    if !job.node.isEmpty { json.field("node", job.node) }
    for (key, labels) in [("running", job.running), ("waiting", job.waiting)] {
      json.key(key)
      json.beginArray()
      for label in labels { json.string(label) }
      json.endArray()
    }
    json.field("ended", job.ended)
    json.endObject()
  }
}
