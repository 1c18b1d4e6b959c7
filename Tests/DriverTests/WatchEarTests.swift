import BuildGraph
import Diagnostics
import Driver
import Glibc
import Ports
import Synchronization
import Testing
import Watching

/// A watcher that is told what has happened.
private final class ToldWatcher: Watcher {
  private let events = Mutex<[WatchEvent]>([])

  func tell(_ event: WatchEvent) { events.withLock { $0.append(event) } }

  func watch(_ folder: Path) throws(SystemError) -> WatchedFolder { WatchedFolder() }
  func unwatch(_ folder: Path) {}
  func links(in folder: Path) -> [ByteString] { [] }
  func places(behind link: Path) -> [ByteString] { [] }
  func await(timeoutSeconds: Double?) throws(SystemError) {}
  func take() throws(SystemError) -> [WatchEvent] {
    events.withLock { events in
      defer { events = [] }
      return events
    }
  }
  func interrupt() {}
}

/// A workspace in which there is nothing to see.
private struct NoFiles: FileSystem {
  private let missing = SystemError(.notFound, "nothing is here")
  func look(at path: Path) -> Look { .missing }
  func look(at paths: [Path]) -> [Look] { paths.map { _ in .missing } }
  func observe(file path: Path) throws(SystemError) -> Observation { throw missing }
  func observe(files paths: [Path]) -> [Result<Observation, SystemError>] { paths.map { _ in .failure(missing) } }
  func list(folder path: Path, entering: (ByteString) -> Void) throws(SystemError) -> FolderListing { throw missing }
  func read(file path: Path, limitBytes: Int) throws(SystemError) -> [UInt8] { throw missing }
  func hostPath(of path: Path) -> ByteString { path.bytes }
}

/// One thread hears while another begins and ends rounds.
@Suite struct WatchEarTests {
  private final class Hearing: Sendable {
    let ear: WatchEar
    let watcher: ToldWatcher
    let count: Int
    let isOver = Mutex(false)

    init(_ ear: WatchEar, _ watcher: ToldWatcher, count: Int) {
      self.ear = ear
      self.watcher = watcher
      self.count = count
    }

    func run() {
      for number in 0..<count {
        watcher.tell(.changed(.written, name: ByteString("\(number)"), in: Path("data")))
        try? ear.hear()
      }
      isOver.withLock { $0 = true }
    }
  }

  @Test func aChangeThatComesAsARoundEndsIsInTheNext() throws {
    let count = 20_000
    let watcher = ToldWatcher()
    let map = WatchMap(watcher: watcher, roots: ["/work", "/work/out", "/"])
    let ear = WatchEar(watcher: watcher, map: map, fileSystem: NoFiles())
    map.willList(Path("data"))
    let hearing = Hearing(ear, watcher, count: count)
    var thread = pthread_t()
    let failure = pthread_create(
      &thread, nil,
      { argument in
        Unmanaged<Hearing>.fromOpaque(argument!).takeRetainedValue().run()
        return nil
      }, Unmanaged.passRetained(hearing).toOpaque())
    try #require(failure == 0)
    var heard: Set<Path> = []
    var isOver = false
    while !isOver {
      // What is told after this is asked may be missed; so once more after the end.
      isOver = hearing.isOver.withLock { $0 }
      let round = ChangeFeed()
      ear.begin(round)
      heard.formUnion(ear.end(round).map(\.path))
      for case .changes(let changes) in ear.take(atMostSeconds: 0) { heard.formUnion(changes.map(\.path)) }
    }
    pthread_join(thread, nil)
    #expect(heard.count == count)
  }
}
