import Foundation
import Glibc
import Testing

/// Short runs of what `reflow-bench` does at length, so that each of its campaigns works when somebody wants one.
struct CampaignTests {
  private static let binary =
    URL(fileURLWithPath: Workspace.binary).deletingLastPathComponent().path + "/reflow-bench"

  /// Runs one in a folder of its own, on the binary under test.
  private func run(_ arguments: String..., wantsReflow: Bool = true, prefix: [String] = []) throws -> Execution {
    let place = try Workspace()
    let works = wantsReflow ? ["--reflow", Workspace.binary, "--folder", place.path("work")] : []
    let command = prefix + [Self.binary] + arguments + works
    return try place.run(command[0], Array(command.dropFirst()))
  }

  private func expectGood(
    _ execution: Execution, _ text: String, _ location: SourceLocation = #_sourceLocation
  ) {
    #expect(execution.status == 0, "\(execution.output)\(execution.errors)", sourceLocation: location)
    #expect(
      execution.output.contains(text), "\(execution.output)\(execution.errors)", sourceLocation: location)
  }

  @Test func `kills at random moments, of builds and of watches`() throws {
    expectGood(
      try run("kill", "--rounds", "3", "--seed", "11", "--watches", "0", "--longest", "150"), "3 kills, all laws hold")
    expectGood(
      try run("kill", "--rounds", "3", "--seed", "12", "--watches", "100", "--longest", "150"), "3 kills, all laws hold"
    )
  }

  @Test func `edits of every kind below a watch`() throws {
    expectGood(try run("soak", "--rounds", "12", "--seed", "5"), "12 rounds, all as from nothing")
  }

  @Test(.enabled(if: Sandbox.isAvailable, "wants mount namespaces"))
  func `a disk with so many kilobytes left`() throws {
    let execution = try run(
      "full-disk", "--up-to", "240", "--by", "80", prefix: ["unshare", "-Urm"])
    if execution.output.contains("skipped") { return }
    expectGood(execution, "4 builds on a full disk")
    #expect(execution.output.contains("all laws hold"))
  }

  @Test func `simulated sessions, of builds and of watches`() throws {
    expectGood(try run("simulate", "--to", "40", wantsReflow: false), "40 sessions, all laws hold")
    expectGood(try run("simulate", "--watch", "--to", "20", wantsReflow: false), "20 sessions, all laws hold")
  }

  @Test func `a session that breaks a law would be told with its seed`() throws {
    let execution = try run("simulate", "--from", "7", "--to", "7", wantsReflow: false)
    #expect(execution.status != 0)
    #expect(execution.errors.contains("no seeds"))
  }

  @Test func `builds are measured`() throws {
    expectGood(
      try run("build", "--steps", "20", "--shape", "tree", "--tool", "reflow", "--rounds", "1", "--rest", "0"), "full")
  }

  @Test func `watches are measured`() throws {
    expectGood(try run("watch", "--steps", "10", "--samples", "3", "--pause", "20"), "10")
  }

  @Test func `the language is measured`() throws {
    expectGood(try run("language", "--lines", "300", "--rounds", "1", wantsReflow: false), "300")
  }

  @Test func `dataflows are measured`() throws {
    expectGood(try run("differential", "count", "k=100", "m=1000", "batches=10:5", wantsReflow: false), "count")
  }

  @Test func `tables are measured`() throws {
    expectGood(
      try run("tables", "--rows", "2000", "--changes", "3", "--tool", "reflow", "--rounds", "1"), "reflow")
  }

  @Test func `the project of a stream of mentions is written`() throws {
    let execution = try run(
      "mentions", "--generate", "--users", "200", "--mentions", "1000", "--fixture", Workspace.fixtures + "/mentions")
    #expect(execution.status == 0, "\(execution.output)\(execution.errors)")
  }
}
