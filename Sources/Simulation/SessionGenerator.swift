import BuildGraph
import Ports

/// Makes programs, and edits that a person might make between two builds.
package struct SessionGenerator {
  package var random: SplitMix
  private let names: [ByteString] = ["a", "b", "c", "sub/d"]
  private let linkNames: [ByteString] = ["l0", "d/l1", "sub/l2"]
  private let folderFiles: [ByteString] = ["d/f0", "d/f1", "d/f2", "d/f3", "d/in/f4"]

  package init(seed: UInt64) { random = SplitMix(seed: seed) }

  private mutating func bytes() -> [UInt8] {
    // Few contents of few sizes, so that old ones come back.
    Array("\(random.below(4))\(random.chance(30) ? "x" : "")".utf8)
  }

  /// Puts files into a new world, chooses what it is like, and makes a program.
  mutating func begin(_ world: SimulatedWorld) -> SimulatedProgram {
    populate(world.files)
    let program = program()
    world.files.grain = random.pick([1, 1_000, 4_000_000])
    world.jobs = 1 + random.below(3)
    world.favoursTheLast = random.chance(30)
    return program
  }

  package mutating func populate(_ files: SimulatedFiles) {
    for name in names { files.write(name, bytes()) }
    files.makeFolder("d")
    for name in folderFiles where random.chance(60) { files.write(name, bytes()) }
    for name in linkNames where random.chance(40) { files.link(name, to: random.pick(names), isAtOnce: true) }
  }

  private mutating func input(before index: Int, _ steps: [SimulatedProgram.StepSpec]) -> SimulatedProgram.Input {
    if index > 0, random.chance(55) {
      let step = random.below(index)
      let output = random.below(steps[step].outputs.count)
      if steps[step].outputs[output] == .folder, random.chance(50) {
        return .member(step: step, output: output, random.chance(90) ? "p0" : "sub/q0")
      }
      return .output(step: step, output: output)
    }
    switch random.below(10) {
    case 0: return .literal(ByteString(bytes: bytes()))
    case 1, 2: return .folder("d")
    case 3:
      var members: [ByteString: SimulatedProgram.Input] = ["x": .source(random.pick(names))]
      if index > 0 {
        let step = random.below(index)
        if steps[step].outputs[0] == .file { members["y/z"] = .output(step: step, output: 0) }
      }
      return .assembly(members)
    case 4: return .source(random.pick(linkNames))
    case _: return .source(random.pick(names))
    }
  }

  private mutating func step(_ index: Int, _ steps: [SimulatedProgram.StepSpec]) -> SimulatedProgram.StepSpec {
    var spec = SimulatedProgram.StepSpec(
      name: "s\(index)", salt: random.below(50), modulus: random.pick([1, 2, 1000]),
      failOn: random.chance(12) ? 2 : 0, inputs: [], outputs: [])
    for _ in 0...random.below(3) { spec.inputs.append(input(before: index, steps)) }
    for _ in 0...random.below(2) { spec.outputs.append(random.chance(25) ? .folder : .file) }
    spec.isFlaky = random.chance(10)
    spec.isSlow = random.chance(10)
    if random.chance(15) {
      spec.includes = true
      spec.inputs = [.source(random.pick(names)), .folder("d")]
    } else if random.chance(10) {
      spec.saltFrom = .source(random.pick(names))
    } else if index > 0, random.chance(10) {
      let step = random.below(index)
      if let output = steps[step].outputs.firstIndex(of: .file) { spec.saltFrom = .output(step: step, output: output) }
    }
    // A step that reads a part of its folder may keep a result that it had beside other files.
    spec.isLoose = !spec.includes && random.chance(8)
    return spec
  }

  package mutating func program() -> SimulatedProgram {
    var steps: [SimulatedProgram.StepSpec] = []
    for index in 0...random.below(6) { steps.append(step(index, steps)) }
    var program = SimulatedProgram(steps: steps, outputs: [], forEach: random.chance(25) ? "d" : nil)
    addOutputs(to: &program)
    return program
  }

  private mutating func addOutputs(to program: inout SimulatedProgram) {
    program.outputs = []
    defer {
      for index in program.outputs.indices where random.chance(70) {
        program.outputs[index].target = random.pick(SimulatedProgram.targets)
      }
    }
    for (index, step) in program.steps.enumerated() where index == program.steps.count - 1 || random.chance(45) {
      program.outputs.append(
        SimulatedProgram.Output(
          path: ByteString("out\(index)"), input: .output(step: index, output: random.below(step.outputs.count))))
    }
    if random.chance(15) { program.outputs.append(SimulatedProgram.Output(path: "plain", input: .source("a"))) }
    if random.chance(15) { program.outputs.append(SimulatedProgram.Output(path: "tree", input: .folder("d"))) }
  }

  /// What an edit may be only in some circumstances.
  package struct Hazards: OptionSet {
    package let rawValue: Int
    package init(rawValue: Int) { self.rawValue = rawValue }
    /// Objects go: not while a build holds the lock, which pruning waits for.
    package static let prune = Hazards(rawValue: 1)
    /// Stores into mapped memory, which a watch does not hear of.
    package static let silence = Hazards(rawValue: 2)
  }

  /// Changes one thing. Says what it was, for the log of a failing seed.
  package mutating func edit(
    _ world: SimulatedWorld, _ program: inout SimulatedProgram, _ hazards: Hazards = []
  ) -> String {
    let places = names + folderFiles + linkNames
    let name = random.pick(places)
    switch random.below(28) {
    case 0, 1, 2:
      world.files.write(name, bytes())
      return "write \(name.display)"
    case 3:
      world.files.touch(name)
      return "touch \(name.display)"
    case 4:
      if let old = world.files.file(at: name) {
        world.files.writeSecretly(name, old.bytes.reversed().map { $0 ^ 1 })
      }
      return "write \(name.display) with its old size and time"
    case 5:
      world.files.remove(name)
      return "remove \(name.display)"
    case 6:
      let other = random.pick(places)
      world.files.rename(name, to: other)
      return "rename \(name.display) to \(other.display)"
    case 7:
      world.files.setExecutable(name, random.chance(50))
      return "chmod \(name.display)"
    case 8, 9:
      let index = random.below(program.steps.count)
      program.steps[index].salt = random.below(50)
      return "edit the command of s\(index)"
    case 10:
      addOutputs(to: &program)
      return "other outputs"
    case 11:
      let index = program.steps.count
      program.steps.append(step(index, program.steps))
      program.outputs.append(
        SimulatedProgram.Output(path: ByteString("out\(index)"), input: .output(step: index, output: 0)))
      return "add s\(index)"
    case 12:
      if let path = world.tree.files.keys.sorted().randomElement(using: &random) {
        world.tree.erase(path)
        return "delete output \(path.display)"
      }
      return "nothing"
    case 13:
      // One that a crash left begun could no longer be told from a foreign file.
      let known = Set(((try? world.store.outputs()) ?? []).map(\.path))
      if let path = world.tree.files.keys.sorted().filter(known.contains).randomElement(using: &random) {
        world.tree.scribble(path, Array("edited \(random.below(1000))".utf8))
        return "edit output \(path.display)"
      }
      return "nothing"
    case 14 where hazards.contains(.prune):
      let objects = world.objects.contents.keys.sorted {
        ($0.digest, $0.isExecutable ? 1 : 0) < ($1.digest, $1.isExecutable ? 1 : 0)
      }
      world.objects.remove(Set(objects.filter { _ in random.chance(30) }))
      return "prune objects"
    case 15:
      world.files.copyAllAnew()
      return "a fresh copy of the project"
    case 16:
      let other = random.pick(places)
      world.files.swap(name, other)
      return "swap \(name.display) and \(other.display)"
    case 17:
      world.files.relink(name)
      return "put a copy in the place of \(name.display)"
    case 18:
      let (from, to): (ByteString, ByteString) = random.pick([
        ("d/in", "d/on"), ("d/on", "d/in"), ("d", "e"), ("e", "d"),
      ])
      world.files.renameFolder(from, to: to)
      return "rename the folder \(from.display) to \(to.display)"
    case 19:
      let folder: ByteString = random.pick(["d/in", "d/on", "sub"])
      world.files.removeFolder(folder)
      return "remove the folder \(folder.display)"
    case 20:
      world.files.makeFolder("d/empty")
      return "make the folder d/empty"
    case 21:
      let nanoseconds: Int64 = random.pick([
        1_000, 20_000_000, 2_000_000_000, 100_000_000_000, -20_000_000, -100_000_000_000,
      ])
      world.clock.setBack(by: nanoseconds)
      return "set the clock back by \(nanoseconds)"
    case 22:
      world.clock.standsStill.toggle()
      return world.clock.standsStill ? "the clock stands still" : "the clock goes on"
    case 23, 24, 25:
      // A name that is there is retargeted or gives way to a link; some lead nowhere, to folders, or in circles.
      let path: ByteString = random.chance(15) ? random.pick(["d", "d/in", "sub"]) : name
      let target = random.pick(places + ["nowhere", "d", "d/in", "e", "sub"])
      world.files.link(path, to: target, isAtOnce: random.chance(50))
      return "link \(path.display) to \(target.display)"
    case 26 where hazards.contains(.silence):
      world.files.write(name, bytes(), isSilent: true)
      return Self.silently + name.display
    case _:
      return "nothing"
    }
  }

  /// How the log tells of edits that no watch hears of.
  static let silently = "write silently to "
}
