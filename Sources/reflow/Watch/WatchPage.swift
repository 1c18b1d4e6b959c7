import BuildGraph
import Console
import Diagnostics
import LinuxSystem
import Pictures
import Ports
import Queries
import Storage

/// `reflow watch --ui`: the graph as a page, which is told what the watch does.
final class WatchPage: EventSink {
  private let server: PageServer
  private let log: EventLog

  /// - Throws: where the port cannot be had.
  init(port: UInt16, workspace: Workspace, program: String, clock: any Clock) throws(SystemError) {
    let state = workspace.stateFolder
    let title = "\(program) in \(workspace.root.display)"
    let server = try PageServer(port: port) { path in Self.answer(path, state: state, title: title) }
    self.server = server
    log = EventLog(clock: clock) { line in
      server.tell(line, isBeginning: line.hasPrefix("{\"event\":\"buildStarted\""))
    }
    server.start()
  }

  var address: String { server.address }

  func receive(_ event: BuildEvent) {
    switch event {
    // Nothing on the page shows them, and a first build writes many.
    case .outputWritten, .outputRemoved, .explained, .wouldRun, .wouldPublish: return
    case .buildStarted, .planned, .remaining, .stepStarted, .stepFinished, .outputDisplaced, .diagnostic, .printed,
      .buildFinished,
      .changed, .watching:
      log.receive(event)
    }
  }

  /// A page counts the seconds by itself.
  func tick() {}

  func close() { server.close() }

  /// On the server's thread: the state is opened for reading, beside the build that may be at work.
  private static func answer(_ path: String, state: ByteString, title: String) -> WebAnswer {
    switch path {
    case "/events": return .events
    case "/graph.json": return .content(type: "application/json", body: view(state, title).json)
    case "/": return .content(type: "text/html", body: view(state, title).page(isLive: true))
    case _: return .refusal(.notFound)
    }
  }

  private static func view(_ state: ByteString, _ title: String) -> GraphView {
    var picture = Picture(title: title, nodes: [], edges: [])
    // Before the first build there is nothing to see; the page asks again after it.
    if let store = try? SQLiteStore(in: state, options: SQLiteStore.Options(isReadOnly: true)) {
      if let key = try? store.graphKeys().first, let graph = try? PersistedGraph(in: store, key: key),
        let description = try? GraphDescription(graph, store: store)
      {
        picture = description.picture(title: title)
      }
      store.close()
    }
    return GraphView(picture)
  }
}
