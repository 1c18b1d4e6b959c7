import BuildGraph
import Diagnostics
@testable import Language
import Synchronization
import Testing

@testable import Tables

/// Tables of a file that others add to: read from where it ended, and of its rows only those are kept that can still matter.
@Suite struct GrowingTests {
  private static func program(_ options: String) -> String {
    """
    val lists = make("$/lists")
    val Rows = table(file("m0.csv")\(options)) {src, dst, at int}
    val Clock = [{at: max([r.at | r <- g.rows])} | g <- group(Rows, func(r {at int}) => 0)]
    val First = [{at: min([r.at | r <- g.rows])} | g <- group(Rows, func(r {at int}) => 0)]
    val Recent = [r | r <- Rows, c <- Clock, if r.at > c.at - 40]
    val Degree = [{node: g.key, n: len(g.rows), top: max([r.at | r <- g.rows])} |
      g <- group(Recent, func(r {src int}) => r.src)]
    val Mutual = [{a: r.src, b: r.dst} | r <- distinct(Recent), s <- distinct(Recent), if r.dst == s.src && r.src == s.dst]
    val Early = [{a: r.src, at: r.at} | r <- Rows, f <- First, if r.at >= f.at + 3 && r.at < f.at + 30]
    val Main = {clock: Clock, degree: Degree, mutual: Mutual, early: Early}

    """
  }

  /// A file that is written to by a test, which counts what is read.
  private final class Log: Sendable {
    let state = Mutex<(bytes: [UInt8], generation: Int, read: Int)>((Array("src,dst,at\n".utf8), 1, 0))

    var bytes: [UInt8] { state.withLock { $0.bytes } }
    var read: Int { state.withLock { $0.read } }

    func append(_ text: String) { state.withLock { $0.bytes += Array(text.utf8) } }

    func replace(_ bytes: [UInt8]) {
      state.withLock {
        $0.bytes = bytes
        $0.generation += 1
      }
    }

    var file: InputFile {
      let (size, generation) = state.withLock { ($0.bytes.count, $0.generation) }
      return InputFile(
        path: "m0.csv",
        growing: GrowingFile(size: size, generation: generation) { [self] range in
          state.withLock { state in
            state.read += range.count
            return Array(
              state.bytes[min(range.lowerBound, state.bytes.count)..<min(range.upperBound, state.bytes.count)])
          }
        })
    }
  }

  private func line(_ at: Int, _ random: inout SplitMix) -> String {
    "\(random.next() % 12),\(random.next() % 12),\(at)\n"
  }

  @Test(arguments: 0..<8)
  func `however a file grows, and where it does not, it is what an evaluation from nothing makes`(_ seed: Int) throws {
    // With the promise and without; followed and read whole.
    let relations = SQLiteTests.relations(Self.program(seed % 2 == 0 ? ", append := true" : ""))
    let all = relations.values.map(\.relation)
    try #require(all.count == 4)
    var random = QueryGenerator(seed: UInt64(seed) &+ 70).random
    let (log, kept) = (Log(), ResidentTables())
    var time = 0
    // Of a line whose beginning is written.
    var owed = ""
    for round in 0..<30 {
      let choice = random.next() % 12
      if choice > 3 {
        log.append(owed)
        owed = ""
      } else if choice < 3 {
        owed = ""
      }
      switch choice {
      case 0:
        // Shorter, by some lines or all.
        let lines = log.bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let left = 1 + Int(random.next() % UInt64(max(1, lines.count - 1)))
        log.replace(Array(lines[..<left].joined(separator: [UInt8(ascii: "\n")])) + [UInt8(ascii: "\n")])
      case 1:
        // Another file in its place, with an earlier clock.
        time = Int(random.next() % 10)
        log.replace(Array(("src,dst,at\n" + (0..<5).map { line(time + $0, &random) }.joined()).utf8))
      case 2:
        // A digit in the middle is another one.
        var bytes = log.bytes
        let place = bytes.count / 2
        if let digit = bytes[place...].firstIndex(where: { $0 == UInt8(ascii: "1") }) {
          bytes[digit] = UInt8(ascii: "2")
        }
        log.replace(bytes)
      case 3 where round % 2 == 0: log.append("5,6,7")
      case 3:
        let text = owed + line(time, &random)
        let cut = text.index(text.startIndex, offsetBy: Int(random.next() % UInt64(text.count)))
        log.append(String(text[..<cut]))
        owed = String(text[cut...])
      case 4: break
      default:
        for _ in 0..<(1 + random.next() % 20) {
          time += Int(random.next() % 3)
          // Now and then one comes late.
          log.append(line(max(0, time - (random.next() % 9 == 0 ? Int(random.next() % 80) : 0)), &random))
        }
      }
      let whole = [InputFile(path: "m0.csv", bytes: log.bytes)]
      let files = seed % 4 < 2 ? [log.file] : whole
      for (path, (relation, _)) in relations.sorted(by: { $0.key < $1.key }) {
        let output = Result { () throws(TableFailure) in
          try kept.output(of: relation, .csv, with: all, while: { true }) { _ in files }
        }
        let expected = Result { () throws(TableFailure) in
          try Tables.Evaluation { _ in whole }.output(of: relation, .csv)
        }
        switch (output, expected) {
        case (.success(let a), .success(let b)): #expect(a == b, "\(path) in round \(round)")
        // A record that was not ended has become one with what came behind it.
        case (.failure(let a), .failure(let b)): #expect(a == b, "\(path) in round \(round)")
        case (.success, .failure), (.failure, .success): Issue.record("\(path) in round \(round): only one has a value")
        }
      }
      if case .failure = Result(catching: { try Tables.Evaluation { _ in whole }.output(of: all[0], .csv) }) {
        log.replace(Array("src,dst,at\n".utf8))
      }
    }
  }

  @Test
  func `of a file that grows only what is new is read, once for all tables, and no more is kept than the window holds`()
    throws
  {
    var relations = SQLiteTests.relations(Self.program(", append := true"))
    // What it shows begins where the file begins, so all is kept of it.
    relations["early.csv"] = nil
    let all = relations.values.map(\.relation)
    var random = QueryGenerator(seed: 9).random
    let (log, kept) = (Log(), ResidentTables())
    var time = 0
    var held: [Int] = []
    for _ in 0..<400 {
      let (read, size) = (log.read, log.bytes.count)
      if size > 100 { log.append("4,\(time)\n") }
      for _ in 0..<20 {
        time += 1
        log.append(line(time, &random))
      }
      // A writer whose buffer ends where it will: the record is malformed until the rest comes.
      log.append("3,")
      for relation in all { _ = try kept.output(of: relation, .csv, with: all, while: { true }) { _ in [log.file] } }
      // What was added, and some bytes that tell whether it is packed.
      #expect(log.read - read <= log.bytes.count - size + 16)
      held.append(kept.heldRecords)
    }
    let early = held[40..<80].max() ?? 0
    let late = held[360...].max() ?? 0
    #expect(late <= early + early / 2, "\(early) and then \(late) records")
    #expect(kept.work.evaluations == 0)
    let whole = [InputFile(path: "m0.csv", bytes: log.bytes)]
    for relation in all {
      let output = try kept.output(of: relation, .csv, with: all, while: { true }) { _ in [log.file] }
      #expect(try output == Tables.Evaluation { _ in whole }.output(of: relation, .csv))
    }
  }
}
