@preconcurrency import Glibc

/// A project with every kind of thing that a watch has to follow (listed folders, links within and out of the workspace, a single file,
/// dynamic steps), which is edited at random below a running watch.
struct SoakProject {
  let folder: String
  let binary: String
  private var random: TortureProject.Numbers
  /// What was done since the last comparison.
  private(set) var edits: [String] = []
  private var salt = 0
  private var hasSide = true

  private static let files = [
    "one", "data/f0", "data/f1", "data/f2", "data/f3", "data/f4", "data/l1", "data/l2", "data/sub/g", "data/sub/h",
    "data/new/i", "data/new/deep/j", "side/s", "side/t",
  ]
  private static let folders = ["data/sub", "data/new", "data/new/deep", "data/dl", "side", "side/dd"]
  private static let links = ["data/l1", "data/l2", "data/dl", "data/sub/h", "side/dd", "one", "data/new/k"]

  init(in folder: String, binary: String, seed: UInt64) {
    self.folder = folder
    self.binary = binary
    random = TortureProject.Numbers(state: seed)
    for name in ["", "/work", "/work/data", "/work/data/sub", "/work/side", "/outside", "/outside/dir"] {
      Scratch.makeFolder(folder + name)
    }
    for name in ["one", "data/f0", "data/f1", "data/f2", "side/s"] { Scratch.write("\(name)\n", to: place(name)) }
    for name in ["f", "dir/x"] { Scratch.write("outside\n", to: outside(name)) }
    writeProgram()
  }

  var workspace: String { folder + "/work" }
  private func place(_ name: String) -> String { "\(workspace)/\(name)" }
  private func outside(_ name: String) -> String { "\(folder)/outside/\(name)" }

  private func writeProgram() {
    Scratch.write(
      """
      func Upper(part file) = exec() (upper file) {" tr a-z A-Z < {{part}} > {{upper}}; echo \(salt) >> {{upper}} "}
      func Join(parts [file]) = exec() (joined file) {" cat /dev/null {{parts}} > {{joined}} "}
      func All(d dir) = exec() (all file) {"
        find -L {{d}} -type f | sort | xargs -r cat > {{all}}
      "}
      val parts = [(name, part) | (name, part) <- dir("data")]
      val Main = {
        upper: map([(name, Upper(part)) | (name, part) <- parts]),
        joined: Join([part | (_, part) <- parts]),
        all: All(dir("data")),
        one: Upper(file("one")),
        \(hasSide ? "side: All(dir(\"side\"))," : "")
      }

      """, to: place("main.rf"))
  }

  mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &random) }
  private mutating func pick(_ names: [String]) -> String { names[below(names.count)] }

  // MARK: Edits

  /// Something that a person or a program might do; nothing where it cannot be done.
  mutating func edit() {
    let (name, other) = (pick(Self.files), pick(Self.files))
    let text = "line \(below(30))\n"
    switch below(20) {
    case 0...3: write(text, to: place(name), name)
    case 4:
      write(text, to: place(name + ".tmp"), "\(name).tmp")
      move(name + ".tmp", name)
    case 5: if unlink(place(name)) == 0 { edits.append("remove \(name)") }
    case 6: move(name, other)
    case 7:
      let folder = pick(Self.folders)
      if mkdir(place(folder), 0o777) == 0 { edits.append("make \(folder)/") }
    case 8: removeAll(pick(Self.folders))
    case 9: move(pick(Self.folders), pick(Self.folders))
    case 10...12: link()
    case 13:
      let name = pick(["f", "none", "dir/x", "dir/y"])
      write(text, to: outside(name), "outside/\(name)")
    case 14: writeSecretly(name)
    case 15: if utimes(place(name), nil) == 0 { edits.append("touch \(name)") }
    case 16: if chmod(place(name), below(2) == 0 ? 0o755 : 0o644) == 0 { edits.append("chmod \(name)") }
    case 17:
      if below(2) == 0 { salt = below(3) } else { hasSide.toggle() }
      writeProgram()
      edits.append("program \(salt) \(hasSide)")
    case 18: spoilOutputs()
    case _: moveAway(pick(["data", "side", "../outside/dir"]))
    }
  }

  private mutating func write(_ text: String, to path: String, _ name: String) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o666)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    _ = text.utf8.withContiguousStorageIfAvailable { Glibc.write(descriptor, $0.baseAddress, $0.count) }
    edits.append("write \(name)")
  }

  private mutating func move(_ name: String, _ other: String) {
    if rename(place(name), place(other)) == 0 { edits.append("move \(name) to \(other)") }
  }

  private mutating func removeAll(_ name: String) {
    Scratch.removeAll(place(name))
    edits.append("remove \(name)/")
  }

  private mutating func link() {
    let name = pick(Self.links)
    let targets =
      ["f1", "../one", "sub", "..", ".", "nowhere", "l1", "l2", "dl/x", "../side"]
      + ["f", "none", "dir"].map(outside)
    let target = pick(targets)
    unlink(place(name))
    if symlink(target, place(name)) == 0 { edits.append("link \(name) to \(target)") }
  }

  /// Another content of the same size with its old time.
  private mutating func writeSecretly(_ name: String) {
    var figures = stat()
    guard stat(place(name), &figures) == 0, figures.st_mode & S_IFMT == S_IFREG else { return }
    let text = Scratch.read(place(name)).map { $0.isUppercase ? $0.lowercased() : $0.uppercased() }.joined()
    write(text, to: place(name), "\(name) with its old time")
    utimensat(AT_FDCWD, place(name), [figures.st_atim, figures.st_mtim], 0)
  }

  private mutating func spoilOutputs() {
    switch below(3) {
    case 0: unlink(place("out/upper/f1"))
    case 1: write("edited\n", to: place("out/joined"), "an output")
    case _: removeAll("out")
    }
    edits.append("spoil outputs")
  }

  /// For a moment it is not there.
  private mutating func moveAway(_ name: String) {
    guard rename(place(name), place(name) + ".away") == 0 else { return }
    usleep(useconds_t(below(2) * 20_000))
    if rename(place(name) + ".away", place(name)) != 0 { Scratch.removeAll(place(name) + ".away") }
    edits.append("move \(name)/ away and back")
  }

  /// Without links and with what the program names, most projects can be built.
  mutating func mend() {
    _ = ChildProcess.run(["find", workspace + "/data", workspace + "/side", "-type", "l", "-delete"], in: "/")
    for name in ["data", "side", "one"] {
      var figures = stat()
      guard lstat(place(name), &figures) != 0 || figures.st_mode & S_IFMT == S_IFLNK else { continue }
      unlink(place(name))
      if name == "one" { Scratch.write("one again\n", to: place(name)) } else { Scratch.makeFolder(place(name)) }
    }
    edits.append("mend")
  }

  // MARK: Comparing

  /// Whether the outputs, and what a build ends with, are what a build from nothing makes.
  ///
  /// - Parameter asks: a build is asked for; else the watch is given time to come to it by itself.
  /// - Returns: whether the project can be built at all.
  mutating func check(asks: Bool) throws(TortureProject.Broken) -> Bool {
    let wanted = buildFromNothing()
    if asks {
      let status = ChildProcess.run([binary, "build", "-q"], in: workspace).status >> 8
      guard status == wanted else { throw broken("a build ends with \(status), one from nothing with \(wanted)") }
    }
    if wanted == 0 {
      let start = ChildProcess.monotonicSeconds()
      while !isAsFromNothing {
        guard !asks, ChildProcess.monotonicSeconds() < start + 30 else {
          throw broken("diff -r \(workspace)/out \(folder)/fresh/out")
        }
        usleep(20_000)
      }
    }
    edits = []
    return wanted == 0
  }

  func broken(_ message: String) -> TortureProject.Broken {
    TortureProject.Broken(message: message + "\nafter: " + edits.joined(separator: "; "))
  }

  private func buildFromNothing() -> Int32 {
    let fresh = folder + "/fresh"
    Scratch.removeAll(fresh)
    Scratch.makeFolder(fresh)
    // Also what was written through a link.
    let copy = #"for name in *; do [ "$name" = out ] || cp -a "$name" "$0"; done"#
    _ = ChildProcess.run(["sh", "-c", copy, fresh], in: workspace)
    return ChildProcess.run([binary, "build", "-q"], in: fresh).status >> 8
  }

  private var isAsFromNothing: Bool {
    ChildProcess.run(["diff", "-r", "work/out", "fresh/out"], in: folder).status == 0
  }
}
