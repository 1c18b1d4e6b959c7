import Foundation
import Glibc
import Testing

/// A running `reflow watch`, followed by its events.
final class Watch {
  let project: Workspace
  let process: RunningProcess
  private let eventsPath: String
  private var eventsTaken = 0
  private var errorsTaken = 0

  /// Starts it, and waits until it has built what there was to build.
  init(on project: Workspace, _ arguments: [String] = [], environment: [String: String] = [:]) throws {
    self.project = project
    eventsPath = project.outside("logs/events-" + UUID().uuidString)
    process = try project.start(
      Workspace.binary, ["watch", "--events", eventsPath] + arguments, environment: environment)
    try #require(wait { $0.contains { $0.event == "watching" } }, "\(process.errorsSoFar)")
  }

  /// Events that no call has taken yet.
  private var newEvents: [Build.Event] { Array(((try? Build.events(in: eventsPath)) ?? []).dropFirst(eventsTaken)) }

  /// Waits until something holds of the events since the last call that took some.
  ///
  /// - Returns: false where it ended, or the time ran out.
  func wait(until holds: ([Build.Event]) -> Bool) -> Bool {
    process.wait(limit: 60) { holds(newEvents) }
    return holds(newEvents)
  }

  /// All since the last call, as one build: the status is the last round's.
  func take() -> Build {
    let events = newEvents
    eventsTaken += events.count
    let errors = process.errorsSoFar
    defer { errorsTaken = errors.utf8.count }
    let statuses: [String: Int32] = [
      "succeeded": 0, "failed": 1, "invalid": 2, "refused": 3, "interrupted": 130, "overtaken": 130,
    ]
    let last = events.last { $0.event == "buildFinished" }?.status
    return Build(
      status: last.flatMap { statuses[$0] } ?? 0,
      errors: String(decoding: errors.utf8.dropFirst(errorsTaken), as: UTF8.self),
      events: events)
  }

  /// Waits for a round that has ended, with nothing left to do after it.
  func next() throws -> Build {
    let hasEnded = wait { events in
      guard let end = events.lastIndex(where: { $0.event == "buildFinished" }) else { return false }
      return events[end...].contains { $0.event == "watching" }
    }
    try #require(hasEnded, "no round: \(process.errorsSoFar)")
    return take()
  }

  /// Waits until the watch has dealt with everything that has happened, by having it answer a build.
  func catchUp() throws -> Build {
    func rests() -> Int { newEvents.count { $0.event == "watching" } }
    for _ in 0..<10 {
      let before = rests()
      let build = try project.build()
      // A build that the watch did not answer, on a machine that is very busy, says nothing of the watch.
      process.wait(limit: 5) { rests() > before }
      if rests() > before { return build }
    }
    throw Workspace.Missing(text: "an answer", path: eventsPath)
  }

  func end(_ signal: Int32 = SIGINT) -> Execution {
    process.signal(signal)
    return process.wait(limit: 60)
  }
}

/// The two ways to have things built.
enum Mode: String, CaseIterable, Sendable { case build, watch }

/// One of the two ways, at work on a project.
final class Tool {
  private let project: Workspace
  private let arguments: [String]
  let watch: Watch?

  init(_ mode: Mode, on project: Workspace, _ arguments: String...) throws {
    self.project = project
    self.arguments = arguments
    watch = mode == .watch ? try Watch(on: project, arguments) : nil
    _ = watch?.take()
  }

  /// What comes of an edit: of a build after it, or of what the watch does by itself.
  func update() throws -> Build {
    guard let watch else { return try project.build(arguments, environment: [:]) }
    let first = try watch.next()
    // A request would have what failed run again.
    guard first.status == 0 else { return first }
    // An edit may be more than one event, and so more than one round.
    _ = try project.build(arguments, environment: [:])
    let rest = watch.take()
    return Build(
      status: rest.summary == nil ? first.status : rest.status, errors: first.errors + rest.errors,
      events: first.events + rest.events)
  }

  /// A build although nothing was edited, which a watch answers.
  func again() throws -> Build {
    let build = try project.build(arguments, environment: [:])
    _ = watch?.take()
    return build
  }
}
