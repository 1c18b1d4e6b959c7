import Glibc
import Testing

/// A watch on a file that others append to ends in what a build from nothing makes, whatever becomes of the file.
struct GrowingFileTests {
  private static func program(appends: Bool) -> String {
    """
    val Rows = table(file("log.csv")\(appends ? ", append := true" : "")) {src, dst, at int}
    val Clock = [{at: max([r.at | r <- g.rows])} | g <- group(Rows, func(r {at int}) => 0)]
    val Recent = [r | r <- Rows, c <- Clock, if r.at > c.at - 50]
    val Pairs = [{a: r.src, b: s.dst} | r <- distinct(Recent), s <- distinct(Recent), if r.dst == s.src]
    val Count = [{node: g.key, n: len(g.rows)} | g <- group(Recent, func(r {src int}) => r.src)]
    val Main = {pairs: Pairs, count: Count, upto: Clock}

    """
  }

  private struct Lines {
    private var state: UInt64
    private(set) var time = 0

    init(seed: UInt64) { state = seed }

    mutating func next(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % UInt64(bound))
    }

    mutating func lines(_ count: Int) -> String {
      (0..<count).map { _ in
        time += next(3)
        return "\(next(9)),\(next(9)),\(time)\n"
      }.joined()
    }
  }

  /// What a build makes that knows nothing of earlier ones.
  private func builtFromNothing(_ project: Workspace) throws -> [String: String] {
    let other = try Workspace(["main.rf": project.read("main.rf"), "log.csv": project.read("log.csv")])
    let build = try other.build()
    try #require(build.status == 0, "\(build.errors)")
    return try other.texts()
  }

  @Test func `a writer that never closes its file is followed, by a watch that found nothing to do, too`() throws {
    let project = try Workspace(["main.rf": Self.program(appends: true), "log.csv": "src,dst,at\n1,2,3\n2,1,4\n"])
    try #require(try project.build().status == 0)
    let watch = try Watch(on: project)
    _ = watch.take()
    let file = try #require(fopen(project.path("log.csv"), "a"))
    defer { fclose(file) }
    // The second ends within a record, which is malformed until the third.
    for (text, last) in [("2,3,5\n", "5"), ("3,2,6\n2,", "6"), ("1,9\n", "9")] {
      fputs(text, file)
      fflush(file)
      #expect(watch.wait { _ in (try? project.read("out/upto.csv")) == "at\n\(last)\n" }, "after '\(text)'")
    }
    _ = try watch.catchUp()
    #expect(try project.texts() == builtFromNothing(project))
  }

  @Test(arguments: [true, false])
  func `whatever becomes of a file that is appended to, a watch ends in what a build from nothing makes`(
    appends: Bool
  ) throws {
    var lines = Lines(seed: 3)
    let project = try Workspace([
      "main.rf": Self.program(appends: appends), "log.csv": "src,dst,at\n" + lines.lines(60),
    ])
    let watch = try Watch(on: project)
    _ = watch.take()
    func shell(_ script: String) throws {
      let done = try project.run("sh", ["-e", "-c", script])
      try #require(done.status == 0, "\(done.errors)")
    }
    func append(_ text: String) throws { try shell("printf '\(text)' >> log.csv") }
    func check(_ what: String) throws {
      let build = try watch.catchUp()
      #expect(build.status == 0, "\(what): \(build.errors)")
      #expect(try project.texts() == builtFromNothing(project), "\(what)")
      _ = watch.take()
    }
    for _ in 0..<15 { try append(lines.lines(1 + lines.next(9))) }
    try check("appended while rounds were at work")
    try shell("head -n 20 log.csv > part; cat part > log.csv")
    try check("shorter")
    try append(lines.lines(5))
    try check("appended to what has become shorter")
    try shell("sed 's/^1,/2,/' log.csv > .other; mv .other log.csv")
    try check("another file in its place")
    try append(lines.lines(5))
    try shell("printf 7 | dd of=log.csv bs=1 seek=11 conv=notrunc 2>/dev/null")
    try check("written over in the middle")
    try shell("printf 'src,dst,at\\n1,2,3\\n' > .other; mv .other log.csv; printf '2,1,4\\n' >> log.csv")
    try check("begun anew, with an earlier clock")
    for _ in 0..<5 { try append(lines.lines(3)) }
    try check("appended to the new one")
  }
}
