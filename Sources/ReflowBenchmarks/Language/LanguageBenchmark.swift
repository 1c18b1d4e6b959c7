import ArgumentParser
import BuildGraph
import Diagnostics
import Language

/// Lines parsed and checked per second, of a program that uses all of the language.
struct LanguageBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "language", abstract: "Lines parsed and checked per second.")

  @Option(help: "Lines of the program; repeat for several sizes.")
  var lines: [Int] = [10_000, 100_000]
  @Option(help: "Counted rounds.")
  var rounds = 5

  func run() {
    for count in lines {
      let text = Array(Self.program(lines: count).utf8)
      var parsing: [Double] = []
      var both: [Double] = []
      for _ in 0..<rounds {
        let start = ChildProcess.monotonicSeconds()
        let (tree, diagnostics) = Language.parse(SourceFile(name: "main.rf", text: text))
        parsing.append(ChildProcess.monotonicSeconds() - start)
        precondition(diagnostics.isEmpty && !tree.declarations.isEmpty, "the benchmark's program does not parse")
        let loader = ProgramLoader { _ in .success(text) }
        let again = ChildProcess.monotonicSeconds()
        let program = loader.load("main.rf")
        both.append(ChildProcess.monotonicSeconds() - again)
        precondition(!program.hasErrors, "the benchmark's program does not check: \(program.diagnostics.prefix(3))")
      }
      let parseSeconds = parsing.sorted()[rounds / 2]
      let checkSeconds = both.sorted()[rounds / 2]
      print(
        "lines=\(count) bytes=\(text.count) parse=\(Int(parseSeconds * 1000)) ms parse+check=\(Int(checkSeconds * 1000)) ms "
          + "lines/s=\(Int(Double(count) / checkSeconds))")
    }
  }

  /// Blocks of ten lines, each of its own names and using the block before.
  private static func program(lines: Int) -> String {
    var text = "val strings = make(\"$/strings\")\nval value0 = 1\nval names0 = [\"a\", \"b\"]\n"
    for block in 1...max(1, lines / 10) {
      text += """
        // Block \(block): a function, a struct, a list, a switch and a step.
        func scale\(block)(x, factor int, label string) = { y := x * factor; {label, total: y + \(block)} }
        val value\(block) = value\(block - 1) % 1000 + len(names\(block - 1)) * \(block)
        val record\(block) = {a: value\(block), b: "name \(block)", c: [1, 2, \(block)]}
        val {a: a\(block), b: b\(block)} = record\(block)
        val names\(block) = [name + "_" + strings.FromInt(a\(block)) | name <- names\(block - 1), if len(name) < 20]
        val choice\(block) = if value\(block) > 10 && b\(block) != "x" { #Large(value\(block)) } else { #Small }
        val size\(block) = switch choice\(block) { case #Large(n): n; case #Small: 0 }
        func Sorted\(block)(input file) = exec(mem := size\(block) * MiB) (out file) {" sort -k \(block) {{input}} > {{out}} "}
        val Result\(block) = scale\(block)(size\(block), 2, b\(block)).total + len(names\(block))

        """
    }
    return text
  }
}
