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

@Test(arguments: recordings, [1, 4]) func recordedHistoriesGiveTheRecordedDifferences(path: String, together: Int)
  throws
{
  let input = try rows(path + ".in.txt")
  let isSearch = path.split(separator: "/").last!.hasPrefix("bfs")
  let flow = Dataflow<UInt32>()
  let (changes, edges) = flow.input(Edge.self)
  let (given, roots) = flow.input(UInt32.self)
  let recorder: Recorder<Pair<UInt32, Int>, UInt32, Int>
  let pairs: Recorder<Edge, UInt32, Int>?
  if isSearch {
    recorder = Recorder(roots.distances(along: edges).map { $0.second }.count())
    pairs = nil
  } else {
    recorder = Recorder(roots.count())
    pairs = Recorder(edges.threshold { max($1, 0) }.stronglyConnected())
  }
  if isSearch { given.insert(1) }
  given.close()
  let last = input.map { $0[2] }.max()!
  for time in 0...last {
    for row in input where row[2] == time {
      changes.update(Pair(UInt32(row[0]), UInt32(row[1])), at: UInt32(time), by: row[3])
    }
    // One epoch a step, or several in flight.
    if time % together == together - 1 || time == last {
      changes.advance(to: UInt32(time + 1))
      flow.step()
    }
  }
  let actual =
    pairs?.consolidatedUpdates.map { [Int($0.data.first), Int($0.data.second), Int($0.time), $0.difference] }
    ?? recorder.consolidatedUpdates.map { [Int($0.data.first), $0.data.second, Int($0.time), $0.difference] }
  let ordered = actual.sorted { ($0[2], $0[0], $0[1], $0[3]) < ($1[2], $1[0], $1[1], $1[3]) }
  #expect(ordered == (try rows(path + ".out.txt")))
}
