import Foundation
import Testing

/// Plays the pages of the book: their programs, files and commands, in order, in a folder for each page.
@Suite struct BookTests {
  private static let folder = Workspace.fixtures + "/../Sources/reflow/reflow.docc"

  static let pages: [String] =
    ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter { $0.hasSuffix(".md") }.sorted()

  /// One fenced block: what its fence says, and its lines.
  private struct Block {
    var kind: String
    var name: String
    var lines: [String]
  }

  private static func blocks(of page: String) -> [Block] {
    var blocks: [Block] = []
    var open: Block?
    for line in page.components(separatedBy: "\n") {
      if line.hasPrefix("```") {
        if let block = open {
          blocks.append(block)
          open = nil
        } else {
          let words = line.dropFirst(3).split(separator: " ")
          open = Block(
            kind: words.first.map(String.init) ?? "", name: words.dropFirst().first.map(String.init) ?? "", lines: [])
        }
      } else {
        open?.lines.append(line)
      }
    }
    return blocks
  }

  /// Times differ from run to run.
  private static func timeless(_ line: Substring) -> String {
    guard line.hasSuffix(" s)"), let start = line.lastIndex(of: "(") else { return String(line) }
    return line[..<start] + "(… s)"
  }

  /// Whether what was said is what the page shows: `…` at the end of a line stands for the rest of it, alone for any lines.
  private static func agrees(_ said: [Substring], _ shown: [Substring]) -> Bool {
    guard let first = shown.first else { return said.isEmpty }
    if first == "…" {
      return (0...said.count).contains { agrees(Array(said.dropFirst($0)), Array(shown.dropFirst())) }
    }
    guard let line = said.first else { return false }
    let isSame =
      first.hasSuffix("…") ? line.hasPrefix(first.dropLast()) : timeless(line) == timeless(first)
    return isSame && agrees(Array(said.dropFirst()), Array(shown.dropFirst()))
  }

  @Test(arguments: pages) func `every program and command of the book does what its page says`(page: String) throws {
    let text = String(decoding: try Data(contentsOf: URL(fileURLWithPath: Self.folder + "/" + page)), as: UTF8.self)
    let project = try Workspace([:])
    let path = (Workspace.binary as NSString).deletingLastPathComponent + ":/usr/bin:/bin"
    for block in Self.blocks(of: text) {
      switch block.kind {
      case "text", "reflow":
        try #require(!block.name.isEmpty, "a file without a name in \(page)")
        try project.write(block.name, block.lines.joined(separator: "\n") + "\n")
        if block.kind == "reflow", !block.name.hasPrefix("wrong") {
          let check = try project.reflow("check", block.name)
          #expect(check.status == 0, "\(page), \(block.name): \(check.errors)")
          let style = try project.reflow("fmt", "--check", block.name)
          #expect(style.status == 0, "\(page), \(block.name): \(style.output)\(style.errors)")
        }
      case "console":
        for session in block.lines.joined(separator: "\n").components(separatedBy: "$ ").dropFirst() {
          let lines = session.split(separator: "\n", omittingEmptySubsequences: false)
          var shown = Array(lines.dropFirst())
          while shown.last == "" { shown.removeLast() }
          let done = try project.run(
            "sh", ["-c", "exec 2>&1; \(lines[0])"], environment: ["PATH": path])
          var said = done.output.split(separator: "\n", omittingEmptySubsequences: false)
          while said.last == "" { said.removeLast() }
          #expect(Self.agrees(said, shown), "\(page): $ \(lines[0])\n\(done.output)")
        }
      case _: break
      }
    }
  }

  @Test func `what README.md asks to be pasted works in an empty folder`() throws {
    let text = String(
      decoding: try Data(contentsOf: URL(fileURLWithPath: Workspace.fixtures + "/../README.md")), as: UTF8.self)
    let block = try #require(Self.blocks(of: text).first { $0.lines.first?.hasPrefix("mkdir -p first/") == true })
    let project = try Workspace([:])
    let path = (Workspace.binary as NSString).deletingLastPathComponent + ":/usr/bin:/bin"
    let done = try project.run("sh", ["-c", block.lines.joined(separator: "\n")], environment: ["PATH": path])
    #expect(done.status == 0 && done.errors.hasPrefix("build: 2 steps, 2 run, 0 unchanged, 0 failed"), "\(done.errors)")
    #expect(try project.texts("first/out") == ["cat.txt": "3\n", "dog.txt": "5\n"])
  }

  @Test func `every page is in the table of contents, and every reference leads to a page`() throws {
    let names = Set(Self.pages.map { String($0.dropLast(3)) })
    #expect(names.count >= 10)
    var referred: Set<String> = []
    for page in Self.pages {
      let text = String(decoding: try Data(contentsOf: URL(fileURLWithPath: Self.folder + "/" + page)), as: UTF8.self)
      for piece in text.components(separatedBy: "<doc:").dropFirst() {
        let name = String(piece.prefix { $0 != ">" })
        #expect(names.contains(name), "\(page) refers to \(name)")
        if page == "reflow.md" { referred.insert(name) }
      }
    }
    #expect(referred == names.subtracting(["reflow"]))
  }
}
