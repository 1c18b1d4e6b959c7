import Foundation
import Testing

/// `reflow fmt`: files, standard input, and what it leaves alone.
struct FmtTests {
  private static let rough = "val  Main={a:1,b:2}   // it\n"
  private static let smooth = "val Main = {a: 1, b: 2} // it\n"

  private static func stamp(_ project: Workspace, _ path: String) throws -> [FileAttributeKey: NSObject] {
    let attributes = try FileManager.default.attributesOfItem(atPath: project.path(path))
    return [.modificationDate, .systemFileNumber, .posixPermissions].reduce(into: [:]) {
      $0[$1] = attributes[$1] as? NSObject
    }
  }

  @Test func `a file is laid out in its place and keeps its mode, and a second time it is not touched`() throws {
    let project = try Workspace()
    try project.write("main.rf", Self.rough)
    _ = try project.run("chmod", ["640", "main.rf"])
    #expect(try project.reflow("fmt", "main.rf").status == 0)
    #expect(try project.read("main.rf") == Self.smooth)
    let before = try Self.stamp(project, "main.rf")
    #expect(before[.posixPermissions] as? Int == 0o640)
    #expect(try project.reflow("fmt", "main.rf").status == 0)
    #expect(try Self.stamp(project, "main.rf") == before)
    #expect(try FileManager.default.contentsOfDirectory(atPath: project.folder) == ["main.rf"])
  }

  @Test func `check names the files that are not in the style, and changes nothing`() throws {
    let project = try Workspace()
    try project.write("a.rf", Self.rough)
    try project.write("b.rf", Self.smooth)
    let check = try project.reflow("fmt", "--check", "a.rf", "b.rf")
    #expect(check.status == 1)
    #expect(check.output == "a.rf:1: not in the style\n- val  Main={a:1,b:2}   // it\n+ \(Self.smooth)")
    #expect(try project.read("a.rf") == Self.rough)
    #expect(try project.reflow("fmt", "--check", "b.rf").status == 0)
  }

  @Test func `standard input is laid out to standard output`() throws {
    let project = try Workspace()
    try project.write("a.rf", Self.rough)
    let reflow = Workspace.binary
    for arguments in ["", "-"] {
      #expect(try project.run("sh", ["-c", "'\(reflow)' fmt \(arguments) < a.rf"]).output == Self.smooth)
    }
  }

  @Test func `a file with an error of syntax, a link and a missing file are left alone, and the others are done`()
    throws
  {
    let project = try Workspace()
    try project.write("bad.rf", "val  x = (1\n")
    try project.write("good.rf", Self.rough)
    try project.write("target.rf", Self.rough)
    try project.link("link.rf", to: "target.rf")
    let result = try project.reflow("fmt", "bad.rf", "link.rf", "gone.rf", "good.rf")
    #expect(result.status == 2)
    #expect(result.errors.contains("bad.rf:1:"))
    #expect(result.errors.contains("'link.rf' is not a regular file"))
    #expect(result.errors.contains("cannot open 'gone.rf'"))
    #expect(try project.read("bad.rf") == "val  x = (1\n")
    #expect(try project.read("target.rf") == Self.rough)
    #expect(try project.read("good.rf") == Self.smooth)
  }
}
