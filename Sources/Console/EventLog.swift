import BuildGraph
import Diagnostics
package import Ports

/// Writes `--events`: one JSON object a line, each with `event` and `time`. The names are stable.
package final class EventLog: EventSink {
  private let clock: any Clock
  private let write: (String) -> Void

  /// - Parameter write: Gets whole lines, line break included.
  package init(clock: any Clock, write: @escaping (String) -> Void) {
    self.clock = clock
    self.write = write
  }

  /// Nothing is written while nothing happens.
  package func tick() {}

  package func receive(_ event: BuildEvent) {
    var json = JSONText()
    json.beginObject()
    func begin(_ name: String) {
      json.field("event", name)
      json.field("time", seconds: clock.now)
    }
    func text(_ name: String, _ value: String) {
      json.field(name, value)
    }
    switch event {
    case .buildStarted(let program):
      begin("buildStarted")
      text("program", program)
    case .planned(let steps):
      begin("planned")
      json.field("steps", steps)
    case .remaining(let seconds, let steps):
      begin("remaining")
      json.field("seconds", seconds: seconds)
      json.field("steps", steps)
    case .stepStarted(let step, let label, let reason):
      begin("stepStarted")
      text("step", step)
      text("label", label)
      text("reason", reason)
    case .stepFinished(let end):
      begin("stepFinished")
      Self.write(end, to: &json)
    case .wouldRun(let step, let label, let reason):
      begin("wouldRun")
      text("step", step)
      text("label", label)
      text("reason", reason)
    case .wouldPublish(let path, let change):
      begin("wouldPublish")
      text("path", path.display)
      text("change", change.rawValue)
    case .explained(let step, let label, let lines):
      begin("explained")
      text("step", step)
      text("label", label)
      text("manifest", lines.joined(separator: "\n"))
    case .outputWritten(let path):
      begin("outputWritten")
      text("path", path.display)
    case .outputRemoved(let path):
      begin("outputRemoved")
      text("path", path.display)
    case .outputDisplaced(let path, let place):
      begin("outputDisplaced")
      text("path", path.display)
      text("to", place.display)
    case .diagnostic(let diagnostic):
      begin("diagnostic")
      Self.write(diagnostic, to: &json)
    case .printed(let line):
      begin("printed")
      text("text", line)
    case .buildFinished(let summary):
      begin("buildFinished")
      text("status", summary.status.rawValue)
      for (name, count) in [
        ("steps", summary.steps), ("run", summary.run), ("cached", summary.cached), ("failed", summary.failed),
      ] {
        json.field(name, count)
      }
      json.field("seconds", seconds: summary.seconds)
    case .changed(let paths, let others):
      begin("changed")
      json.key("paths")
      json.beginArray()
      for path in paths { json.string(path.display) }
      json.endArray()
      json.field("others", others)
    case .watching(let folders):
      begin("watching")
      json.field("folders", folders)
    }
    json.endObject()
    write(json.text + "\n")
  }

  private static func write(_ end: BuildEvent.StepEnd, to json: inout JSONText) {
    json.field("step", end.step)
    json.field("label", end.label)
    json.field("status", end.status.rawValue)
    json.field("seconds", seconds: end.usage?.wallSeconds ?? 0)
    json.field("maxrssBytes", end.usage?.peakMemoryBytes ?? 0)
    if let usage = end.usage {
      json.field("cpuSeconds", seconds: usage.cpuSeconds)
    }
    json.key("exitCode")
    json.literal(end.exitCode.map { "\($0)" } ?? "null")
    if let message = end.message {
      json.field("message", message)
    }
    if !end.logTail.isEmpty {
      json.field("log", String(decoding: end.logTail.bytes, as: UTF8.self))
    }
  }

  private static func write(_ diagnostic: Diagnostic, to json: inout JSONText) {
    json.field("id", diagnostic.id.description)
    json.field("severity", diagnostic.severity.rawValue)
    json.field("message", diagnostic.message)
    json.key("file")
    if let range = diagnostic.range {
      let start = range.start
      json.string(range.file.name)
      json.field("line", start.line)
      json.field("column", start.column)
    } else {
      json.literal("null")
      json.key("line")
      json.literal("null")
      json.key("column")
      json.literal("null")
    }
  }
}
