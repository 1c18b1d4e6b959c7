import ArgumentParser
@preconcurrency import Glibc
import Simulation
import Synchronization

/// The campaign: as many simulated sessions as one has patience for.
struct SimulateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate", abstract: "Simulated sessions of edits, crashes and builds, by seed.",
    discussion:
      "Ends with 1 at the first session that breaks a law, after its log and, where fewer edits break it too, theirs.")

  @Option(help: "The first seed.")
  var from: UInt64 = 0
  @Option(help: "The seed behind the last.")
  var to: UInt64 = 1_000_000
  @Flag(help: "Sessions of a watch, and not of builds.")
  var watch = false
  @Option(help: "Threads.")
  var threads = 2

  func run() throws {
    guard from < to, threads > 0 else { throw ValidationError("there are no seeds between --from and --to") }
    let next = Atomic<UInt64>(from)
    let failed = Atomic<UInt64>(.max)
    let (from, to, isWatch) = (from, to, watch)
    let start = ChildProcess.monotonicSeconds()
    onThreads(threads) { _, _ in
      while failed.load(ordering: .relaxed) == .max {
        let seed = next.wrappingAdd(1, ordering: .relaxed).oldValue
        guard seed < to else { return }
        let done = seed - from + 1
        if done % 10_000 == 0 {
          print("seed \(seed): \(Int(Double(done) / (ChildProcess.monotonicSeconds() - start))) sessions a second")
          fflush(stdout)
        }
        if !Self.session(seed, isWatch).isEmpty {
          // The lowest of those that were under way, so that two runs of a campaign print the same.
          var known = failed.load(ordering: .relaxed)
          while seed < known {
            let (exchanged, original) = failed.compareExchange(expected: known, desired: seed, ordering: .relaxed)
            if exchanged { break }
            known = original
          }
        }
      }
    }
    let seed = failed.load(ordering: .relaxed)
    guard seed != .max else {
      print("\(to - from) sessions, all laws hold")
      return
    }
    print("seed \(seed):\n" + Self.session(seed, isWatch).joined(separator: "\n"))
    let shrunk = isWatch ? Shrinking.watchedSession(seed: seed) : Shrinking.session(seed: seed, rounds: 4)
    print("\nwith fewer edits:\n" + shrunk.joined(separator: "\n"))
    throw ExitCode(1)
  }

  private static func session(_ seed: UInt64, _ isWatch: Bool) -> [String] {
    isWatch ? WatchedSession(seed: seed).run() : Session(seed: seed).run()
  }
}
