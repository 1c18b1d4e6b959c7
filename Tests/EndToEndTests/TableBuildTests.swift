import Testing

/// fixtures/tables: what a program over records leaves in its output tree, and when it is made again.
@Suite struct TableBuildTests {
  private func built() throws -> Workspace {
    let project = try Workspace(fixture: "tables")
    let build = try project.build("mentions.rf")
    try #require(build.status == 0, "\(build.errors)")
    return project
  }

  @Test func `tables become files in the order of their columns`() throws {
    let outputs = try built().texts()
    #expect(outputs["edges.csv"] == "src,dst\nada,bob\nada,cyd\nbob,ada\nbob,cyd\ndee,eve\n")
    #expect(outputs["components.csv"] == "node,label\nada,ada\nbob,ada\ncyd,ada\ndee,dee\neve,dee\n")
    #expect(outputs["reach.csv"] == "node\nada\nbob\ncyd\n")
    #expect(outputs["last.csv"] == "from,at\nada,7\ncyd,5\ndee,6\n")
    #expect(outputs["top/names.txt"]?.hasPrefix("{\"node\":\"ada\",\"n\":2}\n") == true)
  }

  @Test func `nothing changed evaluates no table`() throws {
    let project = try built()
    let build = try project.build("mentions.rf")
    #expect(build.status == 0)
    #expect(build.started == [:])
    #expect(build.written == [])
  }

  @Test func `a record that changes one table writes one file`() throws {
    let project = try built()
    try project.append("cyd,cyd,5\n", to: "mentions.csv")
    let build = try project.build("mentions.rf")
    #expect(build.status == 0, "\(build.errors)")
    #expect(build.written == ["last.csv"])
    #expect(try project.read("out/last.csv") == "from,at\nada,7\ncyd,5\ncyd,5\ndee,6\n")
  }

  @Test func `a malformed record is an error with its place, and the outputs stay`() throws {
    let project = try built()
    let outputs = try project.snapshot()
    try project.append("eve,dee,soon\n", to: "mentions.csv")
    let build = try project.build("mentions.rf")
    #expect(build.status == 1)
    #expect(build.errors.contains("mentions.csv:9:9: field 'at' is not an int of 64 bits: 'soon'"), "\(build.errors)")
    #expect(try project.snapshot() == outputs)
  }

  @Test func `records that are left out are counted, once a build`() throws {
    let project = try Workspace(
      fixture: nil,
      [
        "data.csv": "a\n1\nx\n2\n",
        "main.rf": """
        val T = table(file("data.csv"), malformed := "drop") {a int}
        val Main = {t: T, double: [{a: r.a * 2} | r <- T]}
        """,
      ])
    let build = try project.build()
    #expect(build.status == 0)
    #expect(try project.texts() == ["t.csv": "a\n1\n2\n", "double.csv": "a\n2\n4\n"])
    #expect(
      build.errors.ranges(of: "1 malformed record is left out of data.csv").count == 1, "\(build.errors)")
  }

  @Test func `a sample sheet drives commands, and a command's output is a table`() throws {
    let project = try Workspace(
      fixture: nil,
      [
        "sheet.csv": "id,word\n1,ant\n2,bee\n",
        "main.rf": #"""
        val Sheet = table(file("sheet.csv")) {id int, word string}
        val Made = map([(r.word, exec() (out file) {" printf 'n\n{{r.id}}\n' > {{out}} "}) | r <- rows(Sheet)])
        val Numbers = table([f | (_, f) <- list(Made)]) {n int}
        val Main = {numbers: Numbers, squares: [{q: x.n * x.n} | x <- Numbers]}
        """#,
      ])
    let build = try project.build()
    #expect(build.status == 0, "\(build.errors)")
    #expect(try project.texts() == ["numbers.csv": "n\n1\n2\n", "squares.csv": "q\n1\n4\n"])
    try project.append("3,cat\n", to: "sheet.csv")
    let again = try project.build()
    #expect(again.status == 0, "\(again.errors)")
    #expect(again.ranLabels == ["Made#3", "Main", "Numbers", "Sheet"])
    #expect(try project.read("out/squares.csv") == "q\n1\n4\n9\n")
  }
}
