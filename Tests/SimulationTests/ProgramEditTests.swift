import BuildGraph
import Diagnostics
import Driver
import Language
import Ports
import Scheduling
import Simulation
import Testing

/// Edits of a program's text that leave what it says as it is.
@Suite struct ProgramEditTests {
  private static let file = Path("main.rf")
  private static let text = "val a = 1\nval Main = a\n"

  private final class Recorder: EventSink {
    var events: [BuildEvent] = []
    func receive(_ event: BuildEvent) { events.append(event) }
    func tick() {}
  }

  /// A world with a program in the language; what it makes of it is fixed.
  private final class Project {
    let world = SimulatedWorld(seed: 1)
    var evaluations = 0
    var saying: Diagnostic?

    private let program = SimulatedProgram(
      steps: [
        .init(name: "s0", salt: 1, modulus: 1000, failOn: 0, inputs: [.source("a")], outputs: [.file]),
        .init(name: "s1", salt: 2, modulus: 1000, failOn: 0, inputs: [.source("b")], outputs: [.file]),
      ],
      outputs: (0..<2).map { .init(path: ByteString("out\($0)"), input: .output(step: $0, output: 0)) })

    init() {
      edit("a", "1")
      edit("b", "2")
      edit(ProgramEditTests.file.bytes, ProgramEditTests.text)
    }

    func edit(_ path: ByteString, _ text: String) {
      world.files.write(path, Array(text.utf8))
      world.clock.nanoseconds += 5_000_000_000
    }

    func build() -> (status: BuildEvent.BuildStatus, started: [String]) {
      let world = world
      let text = (try? world.files.read(file: ProgramEditTests.file, limitBytes: 1 << 20)) ?? []
      let (tree, _) = parse(SourceFile(name: "main.rf", text: text))
      let options = BuildOptions(
        program: "main.rf", jobs: 1, pools: [Pool(name: "local", jobs: 1, cpu: 8, memory: 1 << 30)])
      let doors = World(
        fileSystem: world.files, objects: world.objects, outputs: world.tree, runner: world.runner,
        exporter: SimulatedExporter(files: world.files, objects: world.objects), snapshot: world.snapshot,
        lock: world.lock, clock: world.clock,
        openStore: { () throws(SystemError) -> any Store in
          world.store.open()
          return world.store
        }, concurrency: .simulated { _ in 0 })
      let recorder = Recorder()
      let summary = Driver.build(options, world: doors, sink: recorder) {
        evaluations += 1
        return .loaded(
          LoadedProgram(
            evaluation: SimulatedEvaluation(program), files: [ProgramEditTests.file], layouts: [tree.layout],
            diagnostics: saying.map { [$0] } ?? []))
      }
      let started = recorder.events.compactMap { event -> String? in
        if case .stepStarted(_, let label, _) = event { return label }
        return nil
      }
      return (summary.status, started)
    }
  }

  private func expectBuild(_ project: Project, _ started: [String]) {
    let build = project.build()
    #expect(build.status == .succeeded)
    #expect(build.started == started)
  }

  @Test func aCommentEvaluatesNothing() {
    let project = Project()
    #expect(project.build().started.count == 2)
    #expect(project.evaluations == 1)
    for text in ["// why\n\n" + Self.text, Self.text + "// end", Self.text.replacing("= 1", with: "= 1 // one")] {
      project.edit(Self.file.bytes, text)
      expectBuild(project, [])
      #expect(project.evaluations == 1, "\(text)")
      let looks = project.world.files.looks
      expectBuild(project, [])
      #expect(project.world.files.looks - looks <= 3, "the snapshot knows the file as it is now")
    }
  }

  @Test func whatElseChangedIsBuiltWithoutAnEvaluation() {
    let project = Project()
    _ = project.build()
    project.edit(Self.file.bytes, "// why\n" + Self.text)
    project.edit("b", "other")
    expectBuild(project, ["s1"])
    #expect(project.evaluations == 1)
  }

  @Test func anotherWordEvaluates() {
    let project = Project()
    _ = project.build()
    project.edit(Self.file.bytes, Self.text.replacing("1", with: "2"))
    expectBuild(project, [])
    #expect(project.evaluations == 2)
    project.edit(Self.file.bytes, "val a = // nothing\nval Main = a\n")
    _ = project.build()
    #expect(project.evaluations == 3, "what is wrong is said by an evaluation")
  }

  @Test func whatWasSaidAboutAPlaceIsSaidOfItsNewOne() {
    let project = Project()
    project.saying = Diagnostic("simulated.warning", .warning, "look here")
    _ = project.build()
    project.edit(Self.file.bytes, "// why\n" + Self.text)
    _ = project.build()
    #expect(project.evaluations == 2)
  }

  @Test func aFileThatHasNotRestedIsComparedAgain() {
    let project = Project()
    _ = project.build()
    project.world.files.write(Self.file.bytes, Array(("// a\n" + Self.text).utf8))
    expectBuild(project, [])
    // Within the clock's grain, so that the figures are the same.
    project.world.files.write(Self.file.bytes, Array(("/* */" + Self.text).utf8))
    expectBuild(project, [])
    #expect(project.evaluations == 2)
  }
}
