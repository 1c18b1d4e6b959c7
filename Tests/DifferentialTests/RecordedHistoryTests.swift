import Differential
import Foundation
import Testing

private typealias Edge = Pair<UInt32, UInt32>

/// Folders with recorded histories: ours, and beside the repository the ones it was specified with, where they are.
private let folders: [URL] = {
  let repository = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
    .deletingLastPathComponent()
    .deletingLastPathComponent()
  let around = [
    repository.deletingLastPathComponent(), repository.deletingLastPathComponent().deletingLastPathComponent(),
  ]
  return [repository.appending(path: "fixtures/differential")]
    + around.map { $0.appending(path: "shared/conformance/dataflow") }
}()

private let recordings: [String] = folders.flatMap { folder in
  ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [])
    .filter { $0.hasSuffix(".in.txt") }.sorted()
    .map { folder.appending(path: String($0.dropLast(".in.txt".count))).path }
}

private func rows(_ path: String) throws -> [[Int]] {
  try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
    .map { $0.split(separator: " ").map { Int($0)! } }
}

@Test func thereAreRecordedHistories() { #expect(recordings.count >= 2) }

/// One worker and several; one epoch a step, or several in flight.
private let manners: [(workers: Int, together: Int)] = [(1, 1), (3, 4)]

@Test(arguments: recordings, manners.indices)
func recordedHistoriesGiveTheRecordedDifferences(path: String, manner: Int) throws {
  let (workers, together) = manners[manner]
  let input = try rows(path + ".in.txt")
  let isSearch = path.split(separator: "/").last!.hasPrefix("bfs")
  let changesAt = Dictionary(grouping: input, by: { $0[2] })
  let last = input.map { $0[2] }.max()!
  let said: [Update<Pair<Int, Int>, UInt32, Int>] = gather(workers: workers) { flow, worker in
    let (changes, edges) = flow.input(Edge.self)
    let (given, roots) = flow.input(UInt32.self)
    let results =
      isSearch
      ? roots.distances(along: edges).map { $0.second }.count().map { Pair(Int($0.first), $0.second) }
      : edges.threshold { max($1, 0) }.stronglyConnected().map { Pair(Int($0.first), Int($0.second)) }
    let recorder = Recorder(results)
    if worker == 0 { given.insert(1) }
    given.close()
    for time in 0...last {
      for (number, row) in (changesAt[time] ?? []).enumerated() where number % workers == worker {
        changes.update(Pair(UInt32(row[0]), UInt32(row[1])), at: UInt32(time), by: row[3])
      }
      if time % together == together - 1 || time == last {
        changes.advance(to: UInt32(time + 1))
        flow.step()
      }
    }
    return recorder.updates
  }
  let ordered = consolidated(said).map { [$0.data.first, $0.data.second, Int($0.time), $0.difference] }
    .sorted { ($0[2], $0[0], $0[1], $0[3]) < ($1[2], $1[0], $1[1], $1[3]) }
  #expect(ordered == (try rows(path + ".out.txt")))
}
