import Foundation
import Glibc
import Testing

/// `reflow verify`: what it finds, what it repairs, and that it leaves alone what is the user's.
struct VerifyTests {
  private static func firstObject(_ project: Workspace, holding text: String) throws -> String {
    let objects = try project.texts(".reflow/objects")
    return ".reflow/objects/" + (try #require(objects.first { $0.value == text }).key)
  }

  @Test func `a whole state has no damage`() throws {
    let project = try Samples.twoStepProject()
    let verify = try project.reflow("verify")
    #expect(verify.status == 0, "\(verify.output)\(verify.errors)")
    #expect(verify.output == "verify: 2 objects of 10 bytes, 2 outputs: no damage\n")
    #expect(try project.reflow("verify", "-q").output == "")
    let nothing = try Workspace().reflow("verify")
    #expect(nothing.status == 0)
    #expect(nothing.errors.contains("nothing has been built here yet"))
  }

  @Test func `a damaged object is reported, and repaired by work`() throws {
    let project = try Samples.twoStepProject()
    let object = try Self.firstObject(project, holding: "ONE\nTWO\n")
    _ = try project.run(
      "sh", ["-c", "chmod u+w '\(object)'; printf 'ONE\\nTWX\\n' > '\(object)'; chmod a-w '\(object)'"])
    let before = try project.snapshot(".reflow")
    let verify = try project.reflow("verify")
    #expect(verify.status == 1)
    let name = try #require(object.split(separator: "/").last)
    #expect(
      verify.output == """
        damage: the object \(name) is damaged: its content is another
        damage: what First made cannot be used: the object \(name) is damaged or gone
        verify: 2 objects of 10 bytes, 2 outputs: 2 damages: run 'reflow verify --repair', then 'reflow build', and it is \
        made again

        """)
    #expect(
      try project.snapshot(".reflow/objects")
        == before.filter { $0.key.hasPrefix("objects/") }.reduce(into: [:]) {
          $0[String($1.key.dropFirst("objects/".count))] = $1.value
        })
    let repair = try project.reflow("verify", "--repair")
    #expect(repair.status == 0, "\(repair.errors)")
    #expect(repair.output.contains("set aside as '.reflow/damaged/\(name)-1'"), "\(repair.output)")
    #expect(try project.reflow("verify").status == 0)
    try project.remove("out")
    let build = try project.build()
    #expect(build.ran == ["First": 1], "\(build.errors)")
    #expect(try project.texts() == ["first": "ONE\nTWO\n", "second": "2\n"])
    #expect(try project.reflow("verify").status == 0)
  }

  @Test func `edited, missing and replaced outputs are reported and left to the build`() throws {
    let project = try Samples.twoStepProject()
    // The same size and the same time: only reading shows it.
    _ = try project.run(
      "sh", ["-c", "touch -r out/first stamp; printf 'ONE\\nTWX\\n' > out/first; touch -r stamp out/first"])
    try project.remove("out/second")
    let verify = try project.reflow("verify", "--repair")
    #expect(verify.output.contains("damage: the output 'first' was edited, or is damaged: its content is another\n"))
    #expect(verify.output.contains("damage: the output 'second' is missing\n"))
    #expect(try project.texts() == ["first": "ONE\nTWX\n"])
    let build = try project.build()
    #expect(build.started == [:])
    #expect(try project.texts() == ["first": "ONE\nTWO\n", "second": "2\n"])
    #expect(try project.texts(".reflow/displaced").values.contains("ONE\nTWX\n"))
  }

  @Test(arguments: ["result", "output", "trace", "source", "run", "derivation"])
  func `a row that is not what was written is found, and forgotten`(table: String) throws {
    let project = try Samples.twoStepProject()
    let edit = try project.run(
      "python3",
      [
        "-c",
        """
        import sqlite3
        c = sqlite3.connect('.reflow/reflow.db')
        name = 'number' if '\(table)' == 'run' else 'path' if '\(table)' in ('output', 'source') else 'key'
        key, value = c.execute('SELECT %s, value FROM \(table) LIMIT 1' % name).fetchone()
        value = value[:9] + bytes([value[9] ^ 1]) + value[10:]
        c.execute('UPDATE \(table) SET value = ? WHERE %s = ?' % name, (value, key))
        c.commit(); c.close()
        """,
      ])
    try #require(edit.status == 0, "\(edit.errors)")
    let verify = try project.reflow("verify")
    #expect(verify.status == 1, "\(verify.output)")
    #expect(verify.output.contains("is not what was written"), "\(verify.output)")
    #expect(try project.reflow("verify", "--repair").status == 0)
    #expect(try project.reflow("verify").status == 0)
    let build = try project.build()
    #expect(build.status == 0, "\(build.errors)")
    #expect(build.displaced == [])
    #expect(try project.texts() == ["first": "ONE\nTWO\n", "second": "2\n"])
    #expect(try project.build().started == [:])
  }

  @Test(arguments: ["garbage", "cut"])
  func `a damaged database is reported and begun anew`(damage: String) throws {
    let project = try Samples.twoStepProject()
    // All of the log goes into the file.
    let flush = "import sqlite3; c = sqlite3.connect('.reflow/reflow.db'); c.execute('PRAGMA wal_checkpoint(TRUNCATE)')"
    try #require(try project.run("python3", ["-c", flush]).status == 0)
    for suffix in ["-wal", "-shm"] { unlink(project.path(".reflow/reflow.db" + suffix)) }
    let database = project.path(".reflow/reflow.db")
    if damage == "cut" {
      truncate(database, 5000)
    } else {
      try project.write(".reflow/reflow.db", String(repeating: "no ", count: 9_000))
    }
    let verify = try project.reflow("verify")
    #expect(verify.status == 1, "\(verify.output)\(verify.errors)")
    #expect(verify.output.contains("reflow.db"), "\(verify.output)")
    #expect(!project.exists(".reflow/reflow.db.damaged-1"))
    #expect(try project.reflow("verify", "--repair").status == 0)
    #expect(project.exists(".reflow/reflow.db.damaged-1"))
    #expect(try project.build().status == 0)
    #expect(try project.reflow("verify").status == 0)
  }

  @Test func `a missing object and a stranger among the objects are reported`() throws {
    let project = try Samples.twoStepProject()
    let object = try Self.firstObject(project, holding: "2\n")
    unlink(project.path(object))
    try project.write(".reflow/objects/ab/notes.txt", "mine")
    let verify = try project.reflow("verify")
    #expect(verify.status == 1)
    #expect(verify.output.contains("what Second made cannot be used"), "\(verify.output)")
    #expect(verify.output.contains("'.reflow/objects/ab/notes.txt' is no object"), "\(verify.output)")
    #expect(try project.reflow("verify", "--repair").status == 0)
    #expect(project.exists(".reflow/objects/ab/notes.txt"))
    try project.remove("out")
    #expect(try project.build().ran == ["Second": 1])
  }
}
