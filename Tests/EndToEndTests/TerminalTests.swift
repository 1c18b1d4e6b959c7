import Foundation
import Testing

/// A build on a real terminal: tmux shows what a person would see.
@Suite struct TerminalTests {
  private static let isThere = Workspace.has("tmux")
  private static let program = """
    func Slow(part file) = exec() (slow file) {" until test -e {{files}}/go; do sleep 0.05; done; cat {{part}} > {{slow}} "}
    val Main = map([(name, Slow(part)) | (name, part) <- dir("data")])

    """

  /// A terminal of its own server, so that nothing of the user's is touched.
  private final class Terminal {
    private let project: Workspace
    private let socket: String

    init(_ project: Workspace, columns: Int, rows: Int) throws {
      self.project = project
      socket = project.outside("tmux")
      _ = try tmux("-f", "/dev/null", "new-session", "-d", "-x", "\(columns)", "-y", "\(rows)", "env", "PS1=$ ", "sh")
    }

    @discardableResult
    func tmux(_ arguments: String...) throws -> Execution {
      try project.run("tmux", ["-S", socket] + arguments, environment: ["TERM": "xterm-256color"])
    }

    func type(_ line: String) throws { try tmux("send-keys", line, "Enter") }

    var screen: String { (try? tmux("capture-pane", "-p").output) ?? "" }

    /// Waits until something stands there, at most so long that only a hang can exceed it.
    func shows(_ holds: (String) -> Bool) -> Bool {
      for _ in 0..<600 {
        if holds(screen) { return true }
        usleep(100_000)
      }
      return false
    }

    func end() { _ = try? tmux("kill-server") }
  }

  @Test(.enabled(if: isThere, "there is no tmux here"))
  func `running steps have lines that are gone when the build is done`() throws {
    let project = try Workspace(["data/a.txt": "a\n", "data/b.txt": "b\n", "signal/none": ""])
    try project.write(
      "main.rf", Self.program.replacingOccurrences(of: "{{files}}", with: project.path("signal")))
    let terminal = try Terminal(project, columns: 90, rows: 24)
    defer { terminal.end() }
    try terminal.type("clear; \(Workspace.binary) build -j2 --sandbox=off")
    #expect(
      terminal.shows {
        $0.contains("[0/2] 2 running, ") && $0.contains("\n  Slow[a.txt]  ") && $0.contains("\n  Slow[b.txt]  ")
      })
    try project.write("signal/go", "")
    #expect(terminal.shows { $0.contains("build: 2 steps, 2 run, 0 unchanged, 0 failed (") })
    #expect(
      terminal.shows {
        $0.contains("\n  = the outputs are in out/") && !$0.contains("running") && !$0.contains("Slow[")
      })
  }

  @Test(.enabled(if: isThere, "there is no tmux here"))
  func `a dumb terminal gets whole lines and no codes`() throws {
    let project = try Workspace(["main.rf": "val Main = 42\n"])
    let terminal = try Terminal(project, columns: 60, rows: 10)
    defer { terminal.end() }
    try terminal.type("TERM=dumb \(Workspace.binary) build 2> said; echo done")
    #expect(terminal.shows { $0.contains("\ndone") })
    #expect(try !project.read("said").contains("\u{1B}"))
  }
}
