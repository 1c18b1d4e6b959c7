import Diagnostics
package import Ports

/// Writes `--trace`: Chrome's trace format, one row for each step that ran at the same time as others.
///
/// Loads in Perfetto and chrome://tracing.
package final class TraceLog: EventSink {
  private struct Running {
    let lane: Int
    let label: String
    let reason: String
    let start: Double
  }

  private let clock: any Clock
  private let write: (String) -> Void
  private let origin: Double
  private var running: [String: Running] = [:]
  private var busyLanes: [Bool] = []
  private var hasEvents = false
  private let isContinuous: Bool

  /// - Parameters:
  ///   - isContinuous: Several builds follow each other; ``finish()`` ends the trace. Else the first one's end does.
  ///   - write: Gets pieces of one JSON array.
  package init(clock: any Clock, isContinuous: Bool = false, write: @escaping (String) -> Void) {
    self.clock = clock
    self.isContinuous = isContinuous
    self.write = write
    origin = clock.monotonic
    write("[")
  }

  /// Ends the array; viewers also read one that was cut off.
  package func finish() { write("\n]\n") }

  /// Nothing is written while nothing happens.
  package func tick() {}

  package func receive(_ event: BuildEvent) {
    switch event {
    case .stepStarted(let step, let label, let reason):
      let lane = busyLanes.firstIndex(of: false) ?? busyLanes.count
      if lane == busyLanes.count { busyLanes.append(true) } else { busyLanes[lane] = true }
      running[step] = Running(lane: lane, label: label, reason: reason, start: clock.monotonic)
    case .stepFinished(let end):
      guard let started = running.removeValue(forKey: end.step) else { return }
      busyLanes[started.lane] = false
      emit(started, end)
    case .buildFinished:
      if !isContinuous { finish() }
    case .buildStarted, .planned, .remaining, .wouldRun, .wouldPublish, .explained, .outputWritten, .outputRemoved,
      .outputDisplaced,
      .diagnostic,
      .printed, .changed, .watching:
      break
    }
  }

  private func emit(_ started: Running, _ end: BuildEvent.StepEnd) {
    var json = JSONText()
    json.beginObject()
    json.field("name", started.label)
    json.field("cat", end.status.rawValue)
    json.field("ph", "X")
    json.field("ts", Int64((started.start - origin) * 1e6))
    json.field("dur", Int64((clock.monotonic - started.start) * 1e6))
    json.field("pid", 1)
    json.field("tid", started.lane)
    json.key("args")
    json.beginObject()
    json.field("step", end.step)
    json.field("reason", started.reason)
    json.endObject()
    json.endObject()
    write((hasEvents ? ",\n" : "\n") + json.text)
    hasEvents = true
  }
}
