@preconcurrency import Glibc

/// A small project with dynamic steps that is edited at random, and what must always be true of it.
struct TortureProject {
  let folder: String
  let binary: String
  private var random: Numbers

  /// SplitMix64: the whole campaign follows from its seed.
  struct Numbers: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var mixed = state
      mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
      return mixed ^ (mixed >> 31)
    }
  }

  /// A law that does not hold.
  struct Broken: Error { let message: String }

  private static let program = """
    func Upper(part file) = exec() (upper file) {" tr a-z A-Z < {{part}} > {{upper}} "}
    func Split(part file) = exec() (pieces dir) {" mkdir -p {{pieces}}; split -l 1 {{part}} {{pieces}}/p "}
    func Join(parts [file]) = exec() (joined file) {" cat {{parts}} > {{joined}} "}
    val parts = [(name, part) | (name, part) <- dir("data")]
    val Main = {
      upper: map([(name, Upper(part)) | (name, part) <- parts]),
      pieces: map([(name, Split(part)) | (name, part) <- parts]),
      all: Join([Upper(part) | (_, part) <- parts]),
    }

    """

  init(in folder: String, binary: String, seed: UInt64) {
    self.folder = folder
    self.binary = binary
    random = Numbers(state: seed)
    for name in ["", "/data", "/out"] { Scratch.makeFolder(folder + name) }
    Scratch.write(Self.program, to: "\(folder)/main.rf")
    Scratch.write("mine\n", to: "\(folder)/out/foreign")
    for number in 0..<12 { write(number) }
  }

  private mutating func write(_ number: Int) {
    var text = ""
    for _ in 0...Int.random(in: 0..<6, using: &random) {
      text += "line \(UInt16.random(in: 0 ... .max, using: &random))\n"
    }
    Scratch.write(text, to: "\(folder)/data/f\(number)")
  }

  mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &random) }

  /// Some edits that a person might make.
  mutating func edit() {
    for _ in 0...below(3) {
      let number = below(16)
      switch below(6) {
      case 0: unlink("\(folder)/data/f\(number)")
      case 1: unlink("\(folder)/out/upper/f\(number)")
      case 2: rename("\(folder)/data/f\(number)", "\(folder)/data/f\(below(16))")
      case _: write(number)
      }
    }
  }

  /// Builds, and compares with a build from nothing.
  func check() throws(Broken) {
    let build = ChildProcess.run([binary, "build", "-q"], in: folder)
    guard build.status == 0 else { throw Broken(message: "the build afterwards ends with \(build.status >> 8)") }
    guard ChildProcess.run([binary, "status", "--check"], in: folder).status == 0 else {
      throw Broken(message: "a second build would have something to do")
    }
    let fresh = folder + "-fresh"
    Scratch.removeAll(fresh)
    Scratch.makeFolder(fresh)
    let copy = ChildProcess.run(["cp", "-r", "\(folder)/main.rf", "\(folder)/data", fresh], in: "/")
    guard copy.status == 0, ChildProcess.run([binary, "build", "-q"], in: fresh).status == 0 else {
      throw Broken(message: "the build from nothing fails")
    }
    guard ChildProcess.run(["diff", "-r", "-x", "foreign", "\(folder)/out", "\(fresh)/out"], in: "/").status == 0 else {
      throw Broken(message: "the outputs are not those of a build from nothing: diff -r \(folder)/out \(fresh)/out")
    }
    guard Scratch.read("\(folder)/out/foreign") == "mine\n" else {
      throw Broken(message: "a file of the user's in the output tree was touched")
    }
  }

  /// Processes that work in the project's folders; a kill leaves none for long.
  func expectNoProcess() throws(Broken) {
    for _ in 0..<200 {
      if !Self.hasProcess(below: folder) { return }
      usleep(10_000)
    }
    throw Broken(message: "a process is left two seconds after the kill")
  }

  private static func hasProcess(below folder: String) -> Bool {
    guard let processes = opendir("/proc") else { return false }
    defer { closedir(processes) }
    while let entry = readdir(processes) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
      guard let number = pid_t(name), number != getpid() else { continue }
      var buffer = [UInt8](repeating: 0, count: 4096)
      let count = buffer.withUnsafeMutableBytes { bytes in
        bytes.withMemoryRebound(to: CChar.self) { readlink("/proc/\(number)/cwd", $0.baseAddress!, 4096) }
      }
      if count > 0, String(decoding: buffer[..<count], as: UTF8.self).hasPrefix(folder) { return true }
    }
    return false
  }
}
