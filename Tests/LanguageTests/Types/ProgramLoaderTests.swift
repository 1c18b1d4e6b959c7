import BuildGraph
import Diagnostics
import Testing

@testable import Language

struct ProgramLoaderTests {
  static func messages(_ files: [(String, String)]) -> [String] {
    check(files: files).diagnostics.map { "\($0.range?.file.name ?? "-"): \($0.message)" }
  }

  static let value = "val Value = 1"

  @Test func `a path that begins with a dot is relative to the file that says it, others to the root`() {
    let program = check(files: [
      (
        "sub/main.rf",
        "val a = make(\"./near.rf\")\nval b = make(\"far.rf\")\nval c = make(\"./../up.rf\")\nval Main = [a.Near, b.Far, c.Up]"
      ),
      ("sub/near.rf", "val Near = 1"), ("far.rf", "val Far = 2"), ("up.rf", "val Up = 3"),
    ])
    #expect(program.diagnostics == [])
    #expect(program.modules.map(\.tree.source.name) == ["sub/near.rf", "far.rf", "up.rf", "sub/main.rf"])
    #expect(program.entry === program.modules.last)
  }

  @Test(
    arguments: [
      ("./x.rf", "a/b.rf", "a/x.rf"), ("./../x.rf", "a/b.rf", "x.rf"), ("../x.rf", "a/b.rf", "../x.rf"),
      ("x.rf", "a/b.rf", "x.rf"), ("./x.rf", "b.rf", "x.rf"), ("a//./c/../x.rf", "b.rf", "a/x.rf"),
      ("/abs/../x.rf", "b.rf", "/x.rf"), ("./../../x.rf", "a/b.rf", "../x.rf"), ("./y.rf", "/abs/b.rf", "/abs/y.rf"),
    ]) func `a path names one file however it is spelled`(_ path: String, _ importer: String, _ expected: String)
  {
    #expect(ProgramLoader.resolve(ByteString(path), from: ByteString(importer)) == ByteString(expected))
  }

  @Test func `a module is read and checked once, and shared by all that make it`() {
    var reads: [String] = []
    let texts = [
      "main.rf":
        "val a = make(\"./lib.rf\")\nval b = make(\"./x/../lib.rf\")\nval c = make(\"mid.rf\")\nval Main = [a.Value, b.Value, c.Value]",
      "mid.rf": "val lib = make(\"lib.rf\")\nval Value = lib.Value", "lib.rf": "val Value = 1\nval unused = 2",
    ]
    let program = ProgramLoader { path in
      reads.append(path.display)
      return texts[path.display].map { .success(Array($0.utf8)) } ?? .failure(UnreadableModule("no"))
    }.load("./main.rf")
    #expect(reads == ["main.rf", "lib.rf", "mid.rf"])
    #expect(program.diagnostics.map(\.message) == ["unused declared and not used"])
    let makes = program.modules.flatMap { $0.imports.values }
    let libraries = makes.compactMap { (found: CheckedModule.Import) -> CheckedModule? in
      if case .module(let module) = found, module.tree.source.name == "lib.rf" { module } else { nil }
    }
    #expect(libraries.count == 3 && libraries.allSatisfy { $0 === program.modules[0] })
  }

  @Test func `a cycle is reported with its files, once for each that closes it`() {
    #expect(
      Self.messages([
        ("a.rf", "val b = make(\"./b.rf\")\nval A = b.B"), ("b.rf", "val c = make(\"./c.rf\")\nval B = c.C"),
        ("c.rf", "val a = make(\"./a.rf\")\nval C = a.A"),
      ]) == ["c.rf: module ./a.rf refers to itself: a.rf -> b.rf -> c.rf -> a.rf"])
    #expect(
      Self.messages([("a.rf", "val Main = make(\"./a.rf\")")]) == [
        "a.rf: module ./a.rf refers to itself: a.rf -> a.rf"
      ])
  }

  @Test func `a chain of ten thousand modules is loaded`() {
    let last = 10_000
    let program = ProgramLoader { path in
      let number = Int(path.display.dropFirst().prefix { $0 != "." })!
      let text = number == last ? Self.value : "val m = make(\"./m\(number + 1).rf\")\nval Value = m.Value"
      return .success(Array(text.utf8))
    }.load("m0.rf")
    #expect(program.diagnostics == [])
    #expect(program.modules.count == last + 1)
  }

  @Test func `a file that cannot be read is reported where it is named, and nothing that depends on it`() {
    #expect(
      Self.messages([("a.rf", "val m = make(\"./no.rf\", x := 1)\nval A = m.X + m.Y(3)\nval B = make(\"./no.rf\").Z")])
        == [
          "a.rf: failed to open module ./no.rf: open no.rf: no such file or directory",
          "a.rf: failed to open module ./no.rf: open no.rf: no such file or directory",
        ])
  }

  @Test func `an entry that cannot be read gives a diagnostic and no module`() {
    let program = ProgramLoader { _ in .failure(UnreadableModule("open x.rf: permission denied")) }.load("x.rf")
    #expect(program.entry == nil)
    #expect(program.diagnostics.map(\.message) == ["failed to open module x.rf: open x.rf: permission denied"])
    #expect(program.hasErrors)
  }

  @Test func `a module sees nothing of the one that makes it`() {
    #expect(
      Self.messages([
        ("a.rf", "val secret = 1\nval m = make(\"./m.rf\")\nval A = m.X + secret"), ("m.rf", "val X = secret"),
      ])
        == ["m.rf: identifier \"secret\" not defined"])
  }

  @Test func `arguments of make are checked against the parameters, and may be given by name alone`() {
    let library = "param (\n  a int\n  b = \"x\"\n  c [file] = []\n)\nval Value = a"
    let main = { (arguments: String) in "val a = 1\nval m = make(\"./m.rf\"\(arguments))\nval Main = (a, m.Value)" }
    #expect(Self.messages([("main.rf", main(", a")), ("m.rf", library)]) == [])
    #expect(Self.messages([("main.rf", main(", a := 2, b := \"y\", c := [file(\"f\")],")), ("m.rf", library)]) == [])
    #expect(
      Self.messages([("main.rf", main(", a := 1.5, d := 1")), ("m.rf", library)]) == [
        "main.rf: invalid type float for parameter a (type int)", "main.rf: module has no parameter d",
      ])
    #expect(
      Self.messages([("main.rf", main("")), ("m.rf", library)]) == ["main.rf: missing required module parameter a"])
  }

  @Test func `types that a module exports can be named through it`() {
    let program = check(files: [
      (
        "main.rf",
        "val m = make(\"./m.rf\")\nval A m.Pair = {left: 1, right: \"x\"}\nfunc F(p m.Pair) m.Side = #Left(p.left)"
      ),
      ("m.rf", "type Pair {left int, right string}\ntype Side #Left(int) | #Right\ntype hidden int"),
    ])
    #expect(program.diagnostics == [])
    #expect(
      program.entry?.exports.map { "\($0.type)" } == [
        "{left int, right string}", "func(p {left int, right string}) #Left(int) | #Right",
      ])
  }

  @Test func `every system module can be made, and has the functions of its table`() {
    for name in SystemModule.names {
      let program = check("val Main = make(\"$/\(name)\")")
      #expect(program.diagnostics == [], "\(name)")
      #expect(program.entry?.exports.first?.type.isEqual(to: SystemModule(name: name)!.type) == true)
    }
    #expect(SystemModule(name: "nosuch") == nil)
    #expect(Set(SystemFunction.allCases.map(\.module)) == Set(SystemModule.names))
  }
}
