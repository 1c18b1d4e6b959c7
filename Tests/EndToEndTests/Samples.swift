import Testing

/// Small programs that several tests work on.
enum Samples {
  /// `First` puts in.txt into upper case, `Second` counts its lines.
  static let twoSteps = """
    val input = file("in.txt")
    val First = exec() (upper file) {" tr a-z A-Z < {{input}} > {{upper}} "}
    val Second = exec() (lines file) {" wc -l < {{First}} > {{lines}} "}
    val Main = {first: First, second: Second}

    """

  /// A program of one step with this command; `{{out}}` is its output, `{{input}}` the file in.txt.
  static func oneStep(_ command: String, options: String = "") -> String {
    """
    val input = file("in.txt")
    val Only = exec(\(options)) (out file) {"
      \(command)
    "}
    val Main = {out: Only}

    """
  }

  /// A project with that step, and a good build behind it whose output is "old".
  static func builtOneStep() throws -> Workspace {
    let project = try Workspace(["main.rf": oneStep("echo old > {{out}} # {{input}}"), "in.txt": "a\n"])
    let build = try project.build()
    try #require(build.status == 0 && build.ran == ["Only": 1], "\(build.errors)")
    return project
  }

  static func twoStepProject(built: Bool = true) throws -> Workspace {
    let project = try Workspace(["main.rf": twoSteps, "in.txt": "one\ntwo\n"])
    guard built else { return project }
    let build = try project.build()
    try #require(build.status == 0 && build.ran == ["First": 1, "Second": 1], "\(build.errors)")
    return project
  }
}
