import Foundation
import Glibc
import Testing

/// Kills at any moment: what comes after is as if nothing had been.
struct KillTests {
  /// A fixed sequence of numbers (SplitMix64).
  private struct Numbers: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var mixed = state
      mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
      return mixed ^ (mixed >> 31)
    }
  }

  private static let program = """
    func Upper(part file) = exec() (upper file) {" tr a-z A-Z < {{part}} > {{upper}} "}
    func Join(parts [file]) = exec() (joined file) {" cat {{parts}} > {{joined}} "}
    val parts = [(name, Upper(part)) | (name, part) <- dir("data")]
    val Main = {parts: map(parts), all: Join([part | (_, part) <- parts])}

    """

  @Test(arguments: [1, 2, 3])
  func `builds killed at any moment leave a state from which the next build is right`(seed: UInt64) throws {
    var numbers = Numbers(state: seed)
    let project = try Workspace(["main.rf": Self.program])
    for name in 0..<6 { try project.write("data/\(name).txt", "part \(name)\n") }
    for round in 0..<8 {
      let name = Int.random(in: 0..<7, using: &numbers)
      try project.write("data/\(name).txt", "part \(name) of round \(round)\n")
      let process = try project.start(Workspace.binary, ["build"])
      usleep(UInt32.random(in: 0..<80_000, using: &numbers))
      process.signal(SIGKILL)
      _ = process.wait()
      let build = try project.build()
      #expect(build.status == 0, "seed \(seed), round \(round): \(build.errors)")
      let parts = try project.texts("data")
      let all = parts.sorted { $0.key < $1.key }.map { $0.value.uppercased() }.joined()
      let wanted = Dictionary(uniqueKeysWithValues: parts.map { ("parts/" + $0, $1.uppercased()) } + [("all", all)])
      #expect(try project.texts() == wanted, "seed \(seed), round \(round)")
      #expect(try project.build().started == [:], "seed \(seed), round \(round)")
    }
  }

  @Test func `builds at once take turns and all are right`() throws {
    let project = try Workspace(["main.rf": Self.program])
    for name in 0..<6 { try project.write("data/\(name).txt", "part \(name)\n") }
    let processes = try (0..<5).map { _ in try project.start(Workspace.binary, ["build"]) }
    let endings = processes.map { $0.wait() }
    for ending in endings { #expect(ending.status == 0, "\(ending.errors)") }
    // The work was done once.
    #expect(endings.filter { $0.errors.contains("7 steps, 7 run") }.count == 1)
    #expect(endings.filter { $0.errors.contains("7 steps, 0 run") }.count == 4)
    #expect(try project.texts().count == 7)
  }
}
