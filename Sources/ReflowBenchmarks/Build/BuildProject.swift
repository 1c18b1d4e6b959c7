import ArgumentParser

/// How the steps of a benchmark project hang together.
enum BuildShape: String, ExpressibleByArgument, CaseIterable {
  /// Each step reads a source of its own, and every second one a header that they share.
  case wide
  /// Each step joins eight sources or steps; the last is the output.
  case tree
  /// Each step copies the one before, by a command of its own.
  case chain
}

/// The same project for each tool: sources, `main.rf`, `build.ninja`, `Makefile`, `Tupfile`.
struct BuildProject {
  let folder: String
  let shape: BuildShape
  let steps: Int
  private(set) var sources: [String] = []

  private static let fanIn = 8

  init(in folder: String, _ shape: BuildShape, steps: Int) {
    self.folder = folder
    self.shape = shape
    self.steps = steps
    Scratch.makeFolder("\(folder)/src")
    Scratch.write("header\n", to: "\(folder)/src/header")
    sources = (0..<sourceCount).map { "src/f\($0)" }
    for (index, path) in sources.enumerated() { Scratch.write("file number \(index)\n", to: "\(folder)/\(path)") }
    write(editedStep: nil)
  }

  private var sourceCount: Int {
    switch shape {
    case .wide: steps
    // n joins of eight take one thing less than 7 n more things than they make.
    case .tree: steps * (Self.fanIn - 1) + 1
    case .chain: 1
    }
  }

  /// The step of the tree by its output's number; what it reads, by number, sources counting from 0 and steps behind them.
  private func inputs(ofStep step: Int) -> [Int] {
    (0..<Self.fanIn).map { step * Self.fanIn + $0 }
  }

  // MARK: Edits

  /// What a build in which nothing changed must look at: sources, the outputs under `out`, and their folders.
  var lookedAt: [String] {
    let outputs = shape == .wide ? (0..<steps).map { "out/f\($0)" } : ["out"]
    return ["src", "src/header", "main.rf", "out"].map { "\(folder)/\($0)" }
      + (sources + outputs).map { "\(folder)/\($0)" }
  }

  /// Another content for one source, the seventh (odd, so that it does not read the header) or the only one.
  func editLeaf(_ stamp: Double) {
    Scratch.write("changed \(stamp)\n", to: "\(folder)/\(sources[min(7, sources.count - 1)])")
  }

  func editHeader(_ stamp: Double) { Scratch.write("header \(stamp)\n", to: "\(folder)/src/header") }

  /// The same content, written again.
  func touchLeaf() {
    let index = min(7, sources.count - 1)
    Scratch.write(Scratch.read("\(folder)/\(sources[index])"), to: "\(folder)/\(sources[index])")
  }

  func touchAll() {
    for path in sources { Scratch.write(Scratch.read("\(folder)/\(path)"), to: "\(folder)/\(path)") }
  }

  func editComment(_ stamp: Double) {
    for (file, mark) in [("main.rf", "//"), ("build.ninja", "#"), ("Makefile", "#"), ("Tupfile", "#")] {
      Scratch.write(Scratch.read("\(folder)/\(file)") + "\(mark) edited at \(stamp)\n", to: "\(folder)/\(file)")
    }
  }

  /// One step gets another command.
  func editStep(_ stamp: Double) { write(editedStep: "edited-\(stamp)") }

  /// What Reflow runs for a step of ``BuildShape/wide``, with its shell where it needs one.
  func wideCommand(ofStep step: Int, to output: String) -> [String] {
    if step % 2 == 1 { return ["cp", "src/f\(step)", output] }
    return ["/bin/bash", "-e", "-o", "pipefail", "-c", "cat src/f\(step) src/header > \(output)"]
  }

  // MARK: Programs

  private func write(editedStep mark: String?) {
    Scratch.write(reflow(mark), to: "\(folder)/main.rf")
    Scratch.write(ninja(mark), to: "\(folder)/build.ninja")
    Scratch.write(make(mark), to: "\(folder)/Makefile")
    Scratch.write(tup(mark), to: "\(folder)/Tupfile")
  }

  /// An argument that is no file, so that the command is another and does the same.
  private func reflow(_ mark: String?) -> String {
    let note = mark.map { "true \($0); " } ?? ""
    switch shape {
    case .wide:
      return """
        val strings = make("$/strings")
        val header = file("src/header")
        func Plain(name string) = exec() (out file) {"cp {{file("src/" + name)}} {{out}}"}
        func Headed(name string) = exec() (out file) {"cat {{file("src/" + name)}} {{header}} > {{out}}"}
        func Edited(name string) = exec() (out file) {"\(note)cp {{file("src/" + name)}} {{out}}"}
        func Step(i int) (string, file) = {
          name := "f" + strings.FromInt(i)
          (name, if i == 7 { Edited(name) } else if i % 2 == 0 { Headed(name) } else { Plain(name) })
        }
        val Main = map([Step(i) | i <- range(0, \(steps))])

        """
    case .tree:
      // Level by level, as far as the things go round; what is left over joins the next level.
      var text = """
        val strings = make("$/strings")
        func Join(parts [file]) = exec() (out file) {"cat {{parts}} > {{out}}"}
        func Edited(parts [file]) = exec() (out file) {"\(note)cat {{parts}} > {{out}}"}
        func Joined(things [file], i int) file = {
          parts := things[i*\(Self.fanIn):i*\(Self.fanIn)+\(Self.fanIn)]
          if i == 7 { Edited(parts) } else { Join(parts) }
        }
        val level0 = [file("src/f" + strings.FromInt(i)) | i <- range(0, \(sources.count))]

        """
      var count = sources.count
      var level = 0
      while count > 1 {
        let (joined, rest) = count.quotientAndRemainder(dividingBy: Self.fanIn)
        text +=
          "val level\(level + 1) = level\(level)[\(joined * Self.fanIn):\(count)] + [Joined(level\(level), i) | i <- range(0, \(joined))]\n"
        count = joined + rest
        level += 1
      }
      return text + "val Main = level\(level)[0]\n"
    case .chain:
      return """
        func Next(at file, i int) = exec() (out file) {"cp {{at}} {{out}}; : {{i}}"}
        func Edited(at file, i int) = exec() (out file) {"\(note)cp {{at}} {{out}}; : {{i}}"}
        val Main = fold(func(at file, i int) => if i == 7 { Edited(at, i) } else { Next(at, i) }, range(0, \(steps)), file("src/f0"))

        """
    }
  }

  private func ninja(_ mark: String?) -> String {
    let note = mark.map { "true \($0); " } ?? ""
    var text = "rule cp\n  command = cp $in $out\nrule cat\n  command = cat $in > $out\n"
    text += "rule numbered\n  command = cp $in $out; : $n\n"
    text += "rule edited\n  command = \(note)cp $in $out\n"
    for step in 0..<steps {
      let name = "nout/f\(step)"
      switch shape {
      case .wide where step == 7: text += "build \(name): edited src/f\(step)\n"
      case .wide where step % 2 == 0: text += "build \(name): cat src/f\(step) src/header\n"
      case .wide: text += "build \(name): cp src/f\(step)\n"
      case .chain:
        let input = step == 0 ? "src/f0" : "nout/f\(step - 1)"
        text += "build \(name): \(step == 7 ? "edited" : "numbered") \(input)\n  n = \(step)\n"
      case .tree: text += "build \(name): cat \(names(ofInputsOf: step, "nout"))\n"
      }
    }
    return text
  }

  private func make(_ mark: String?) -> String {
    let note = mark.map { "true \($0); " } ?? ""
    var text = "all: \(shape == .wide ? "$(addprefix mout/,$(notdir $(wildcard src/f*)))" : "mout/f\(steps - 1)")\n"
    for step in 0..<steps {
      let name = "mout/f\(step)"
      switch shape {
      case .wide where step == 7: text += "\(name): src/f\(step)\n\t\(note)cp $< $@\n"
      case .wide where step % 2 == 0: text += "\(name): src/f\(step) src/header\n\tcat $^ > $@\n"
      case .wide: text += "\(name): src/f\(step)\n\tcp $< $@\n"
      case .chain:
        text +=
          "\(name): \(step == 0 ? "src/f0" : "mout/f\(step - 1)")\n\t\(step == 7 ? note : "")cp $< $@; : \(step)\n"
      case .tree: text += "\(name): \(names(ofInputsOf: step, "mout"))\n\tcat $^ > $@\n"
      }
    }
    return text
  }

  private func tup(_ mark: String?) -> String {
    let note = mark.map { "true \($0); " } ?? ""
    var text = ""
    for step in 0..<steps {
      let output = "|> tout/f\(step)\n"
      switch shape {
      case .wide where step == 7: text += ": src/f\(step) |> \(note)cp %f %o \(output)"
      case .wide where step % 2 == 0: text += ": src/f\(step) src/header |> cat %f > %o \(output)"
      case .wide: text += ": src/f\(step) |> cp %f %o \(output)"
      case .chain:
        let input = step == 0 ? "src/f0" : "tout/f\(step - 1)"
        text += ": \(input) |> \(step == 7 ? note : "")cp %f %o; : \(step) \(output)"
      case .tree: text += ": \(names(ofInputsOf: step, "tout")) |> cat %f > %o \(output)"
      }
    }
    return text
  }

  private func names(ofInputsOf step: Int, _ outputs: String) -> String {
    inputs(ofStep: step).map { $0 < sources.count ? "src/f\($0)" : "\(outputs)/f\($0 - sources.count)" }
      .joined(separator: " ")
  }
}
