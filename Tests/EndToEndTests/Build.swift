import Foundation

/// One run of `reflow build`: what it said, and what its events tell.
struct Build {
  struct Event: Decodable {
    var event: String
    var time: Double
    var step: String?
    var label: String?
    var reason: String?
    var status: String?
    var path: String?
    var to: String?
    var id: String?
    var severity: String?
    var message: String?
    var file: String?
    var line: Int?
    var column: Int?
    var exitCode: Int?
    var seconds: Double?
    var maxrssBytes: Int?
    var steps: Int?
    var run: Int?
    var cached: Int?
    var failed: Int?
    var text: String?
    var paths: [String]?
    var folders: Int?
  }

  let status: Int32
  let output: String
  let errors: String
  let events: [Event]

  init(_ execution: Execution, eventsPath: String) throws {
    status = execution.status
    output = execution.output
    errors = execution.errors
    events = try Self.events(in: eventsPath)
  }

  init(status: Int32, errors: String, events: [Event]) {
    self.status = status
    output = ""
    self.errors = errors
    self.events = events
  }

  /// The whole lines of a file of events; its writer may be at work.
  static func events(in path: String) throws -> [Event] {
    let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    let end = text.lastIndex(of: "\n") ?? text.startIndex
    return try text[..<end].split(separator: "\n").map { try JSONDecoder().decode(Event.self, from: Data($0.utf8)) }
  }

  /// How often each label ended in this way.
  private func count(_ status: String) -> [String: Int] {
    var counts: [String: Int] = [:]
    for event in events where event.event == "stepFinished" && event.status == status {
      counts[Self.name(event), default: 0] += 1
    }
    return counts
  }

  /// A label without what tells apart the steps of one name: `Counts` for `Counts[ruth.txt]`.
  private static func name(_ event: Event) -> String { String((event.label ?? "?").prefix { $0 != "[" }) }

  /// Labels of the steps that ran to a good end, in full, ascending.
  var ranLabels: [String] {
    events.filter { $0.event == "stepFinished" && $0.status == "run" }.compactMap(\.label).sorted()
  }

  /// Labels of the steps that ran to a good end, with their numbers.
  var ran: [String: Int] { count("run") }
  var failed: [String: Int] { count("failed") }
  var cancelled: [String: Int] { count("cancelled") }

  /// Labels of all steps whose command was started.
  var started: [String: Int] {
    var counts: [String: Int] = [:]
    for event in events where event.event == "stepStarted" { counts[Self.name(event), default: 0] += 1 }
    return counts
  }

  /// The reasons of the steps that were started, by label; of several with one label, one.
  var reasons: [String: String] {
    var reasons: [String: String] = [:]
    for event in events where event.event == "stepStarted" { reasons[Self.name(event)] = event.reason }
    return reasons
  }

  /// Paths of outputs written, removed and moved aside, ascending.
  var written: [String] { events.filter { $0.event == "outputWritten" }.compactMap(\.path).sorted() }
  var removed: [String] { events.filter { $0.event == "outputRemoved" }.compactMap(\.path).sorted() }
  var displaced: [String] { events.filter { $0.event == "outputDisplaced" }.compactMap(\.path).sorted() }

  /// Messages of severity error.
  var complaints: [Event] { events.filter { $0.event == "diagnostic" && $0.severity == "error" } }

  /// The last event.
  var summary: Event? { events.last { $0.event == "buildFinished" } }
}
