import Foundation
import Glibc
import Testing

/// Inputs that are not what the program takes them for.
struct BadInputTests {
  /// Builds a project that was built before, after something has happened to its input; the outputs must stay.
  private func refuse(status: Int32 = 2, prefix: [String] = [], _ disturb: (Workspace) throws -> Void) throws -> String
  {
    let project = try Samples.twoStepProject()
    let before = try project.snapshot()
    try disturb(project)
    let build = try project.build([], prefix: prefix)
    #expect(build.status == status, "\(build.errors)")
    #expect(build.started == [:])
    #expect(try project.snapshot() == before)
    // With the input back, all is as it was.
    _ = try project.run("sh", ["-c", "chmod -R u+rwX in.txt; rm -rf in.txt"])
    try project.write("in.txt", "one\ntwo\n")
    let again = try project.build([], prefix: prefix)
    #expect(again.status == 0, "\(again.errors)")
    #expect(again.started == [:])
    return build.errors
  }

  @Test func `a missing input is named with the place that names it`() throws {
    let errors = try refuse { try $0.remove("in.txt") }
    #expect(errors.contains("in.txt"))
    #expect(errors.contains("main.rf:1:"))
  }

  @Test func `an unreadable input is named with what to do`() throws {
    let errors = try refuse(prefix: Sandbox.unprivileged) {
      chmod($0.path("in.txt"), 0)
      if !Sandbox.unprivileged.isEmpty {
        _ = try $0.run("chown", ["-R", "65534:65534", $0.folder, $0.outside("logs")])
      }
      // Another content, so that nothing known about it helps.
      try $0.shiftModificationTime("in.txt", seconds: 10)
    }
    #expect(errors.contains("in.txt"))
    #expect(errors.contains("permission"))
  }

  @Test func `a folder where a file is meant is named`() throws {
    let errors = try refuse {
      try $0.remove("in.txt")
      try $0.write("in.txt/file", "x\n")
    }
    #expect(errors.contains("in.txt"))
    #expect(errors.contains("folder"))
    #expect(errors.contains("dir("))
  }

  @Test func `a folder where a program is meant is named, with what to type`() throws {
    let project = try Workspace(["sub/main.rf": "val Main = 1\n", "data/a.txt": ""])
    for (command, status) in [("build", 2), ("check", 2), ("status", 2), ("test", 2)] {
      let answer = try project.reflow(command, "sub")
      #expect(
        answer.status == Int32(status) && answer.errors.contains("'sub' is a folder, and no program"), "\(command)")
      #expect(
        answer.errors.contains("reflow build --root sub") && answer.output.isEmpty, "\(command): \(answer.output)")
    }
    #expect(try project.reflow("build", "data").errors.contains("it holds no main.rf"))
    let taken = try project.reflow("init", "data/a.txt")
    #expect(taken.status == 2 && taken.errors.contains("'data/a.txt' is a file"), "\(taken.errors)")
  }

  @Test func `an output folder that cannot be made is refused at once`() throws {
    let project = try Workspace(["main.rf": "val Main = exec() (o file) {\" echo > {{o}} \"}\n"])
    let build = try project.reflow("build", "--out", "/proc/reflow-out")
    #expect(build.status == 3 && build.errors.contains("cannot make the folder '/proc/reflow-out'"), "\(build.errors)")
    #expect(!build.errors.contains("making it again"))
  }

  @Test func `a file where a folder is meant is named`() throws {
    let project = try Workspace(["main.rf": "val Main = dir(\"in.txt\")\n", "in.txt": "x\n"])
    let build = try project.build()
    #expect(build.status == 2)
    #expect(build.errors.contains("in.txt"))
    #expect(build.errors.contains("file("))
  }

  @Test func `a dangling link is named with its target`() throws {
    let errors = try refuse {
      try $0.remove("in.txt")
      try $0.link("in.txt", to: "nowhere.txt")
    }
    #expect(errors.contains("in.txt"))
    #expect(errors.contains("link"))
  }

  @Test func `a circular link is named`() throws {
    let errors = try refuse {
      try $0.remove("in.txt")
      try $0.link("in.txt", to: "other.txt")
      try $0.link("other.txt", to: "in.txt")
    }
    #expect(errors.contains("in.txt"))
    #expect(errors.contains("link"))
  }

  @Test func `a circular or dangling link in an input folder is named`() throws {
    let program = "val data = dir(\"data\")\nval Main = exec() (out file) {\" ls -R {{data}} > {{out}} \"}\n"
    for target in ["../data", "gone"] {
      let project = try Workspace(["main.rf": program, "data/a.txt": "a\n"])
      try project.link("data/link", to: target)
      let build = try project.build()
      #expect(build.status == 2, "\(build.errors)")
      #expect(build.errors.contains("data/link") || build.errors.contains("data"))
      #expect(build.errors.contains("link"))
      try project.remove("data/link")
      #expect(try project.build().status == 0)
    }
  }

  @Test func `a link out of the workspace is refused with the setting that allows it`() throws {
    let errors = try refuse {
      try $0.remove("in.txt")
      try $0.link("in.txt", to: "/etc/hostname")
    }
    #expect(errors.contains("in.txt"))
    #expect(errors.contains("roots"))
  }

  @Test func `a FIFO as input is refused and not waited for`() throws {
    let errors = try refuse {
      try $0.remove("in.txt")
      mkfifo($0.path("in.txt"), 0o600)
    }
    #expect(errors.contains("in.txt"))
  }

  @Test func `a name that is not UTF-8 goes through steps and is an error where it must become text`() throws {
    let project = try Workspace([
      "main.rf": "val data = dir(\"data\")\nval Main = exec() (copy dir) {\" cp -r {{data}}/. {{copy}} \"}\n",
      "data/a.txt": "a\n",
    ])
    try Workspace.writeBytes(Array("b\n".utf8), to: Array(project.path("data/").utf8) + [0xFF, 0x2E, 0x74])
    let build = try project.build()
    #expect(build.status == 0, "\(build.errors)")
    let copied = try project.run("sh", ["-c", "cat out/?.t"])
    #expect(copied.output == "b\n", "\(copied.errors)")
    let before = try project.run("find", ["out", "-type", "f"]).output
    try project.write(
      "main.rf", "val Main = map([(name, f) | (name, f) <- dir(\"data\")])\n")
    let listing = try project.build()
    #expect(listing.status == 2)
    #expect(listing.errors.contains("\\xff.t") || listing.errors.contains("\\xFF.t"), "\(listing.errors)")
    #expect(try project.run("find", ["out", "-type", "f"]).output == before)
  }

  @Test func `an empty input file is an input like any other`() throws {
    let project = try Workspace(["main.rf": Samples.twoSteps, "in.txt": ""])
    #expect(try project.build().status == 0)
    #expect(try project.texts() == ["first": "", "second": "0\n"])
  }
}

extension Workspace {
  static func writeBytes(_ bytes: [UInt8], to path: String) throws { try writeBytes(bytes, to: Array(path.utf8)) }

  /// Writes a file whose name may be any bytes.
  static func writeBytes(_ bytes: [UInt8], to path: [UInt8]) throws {
    let name = (path + [0]).map { CChar(bitPattern: $0) }
    let descriptor = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    guard descriptor >= 0 else { throw Missing(text: "", path: String(decoding: path, as: UTF8.self)) }
    defer { close(descriptor) }
    _ = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
  }
}
