package import BuildGraph
package import Diagnostics
package import Ports

/// What a kernel tells of the simulated files and the output tree, with a queue that may overflow.
///
/// As with inotify a watch is one of a folder and not of a path: a folder that is moved keeps it, under the name that it had. What the
/// process knows of its watches is another table, which lost events leave behind.
package final class SimulatedWatcher: Watcher, @unchecked Sendable {
  private static let output = RootID(index: 1)
  private let files: SimulatedFiles
  private let tree: SimulatedTree
  private var random: SplitMix
  private var known: [Path: WatchedFolder] = [:]
  /// By inode, the paths that it was watched under.
  private var folders: [UInt64: [Path]] = [:]
  private var outputs: Set<Path> = []
  private var queue: [WatchEvent] = []
  /// Of a hundred takes that bring something, how many find that the queue has overflowed.
  package var overflows = 4
  /// Of a hundred events that are like the one before them, how many are merged with it.
  package var merges = 50
  /// Of a hundred events, how many come twice.
  package var repeats = 10
  package private(set) var taken = 0

  package init(files: SimulatedFiles, tree: SimulatedTree, seed: UInt64) {
    self.files = files
    self.tree = tree
    random = SplitMix(seed: seed)
    overflows = random.pick([0, 4, 30, 100])
    merges = random.pick([0, 50, 100])
    repeats = random.pick([0, 10, 60])
    files.tell = { [unowned self] in note($0) }
    tree.tell = { [unowned self] change, path in note(change, output: path) }
  }

  /// The process is gone.
  package func close() {
    files.tell = { _ in }
    tree.tell = { _, _ in }
  }

  // MARK: The kernel

  private func note(_ change: SimulatedFiles.Change) {
    switch change {
    case .name(let kind, let path):
      let folder = SimulatedFiles.parent(of: path)
      guard let inode = files.inode(ofFolder: folder) else { return }
      for watched in folders[inode] ?? [] {
        queue.append(.changed(kind, name: Path(path).baseName, in: watched))
      }
    case .gone(let folder):
      guard let inode = files.inode(ofFolder: folder) else { return }
      for watched in folders.removeValue(forKey: inode) ?? [] { queue.append(.gone(watched)) }
    case .everything:
      for watched in folders.values.joined().sorted() { queue.append(.gone(watched)) }
      folders = [:]
    }
  }

  private func note(_ change: WatchEvent.Change, output path: ByteString) {
    let place = Path(root: Self.output, path)
    let folder = Path(root: Self.output, SimulatedFiles.parent(of: path))
    if outputs.contains(folder) { queue.append(.changed(change, name: place.baseName, in: folder)) }
  }

  // MARK: Watcher

  package func watch(_ folder: Path) throws(SystemError) -> WatchedFolder {
    if let known = known[folder] { return known }
    switch folder.root {
    case .workspace: try listen(to: folder, folder.bytes)
    case Self.output:
      guard folder.bytes.isEmpty || tree.holdsFolder(folder.bytes) else { throw Self.missing }
      outputs.insert(folder)
    case _:
      if !folder.bytes.isEmpty {
        guard let place = Self.inWorkspace("/" + folder.bytes) else { throw Self.missing }
        try listen(to: folder, place)
      }
    }
    let watched = WatchedFolder(links: links(in: folder))
    known[folder] = watched
    return watched
  }

  private func listen(to folder: Path, _ place: ByteString) throws(SystemError) {
    guard let inode = files.inode(ofFolder: place) else { throw Self.missing }
    folders[inode, default: []].append(folder)
  }

  private static let workspace: ByteString = "/work"

  /// A place of the host by its path in the workspace.
  private static func inWorkspace(_ place: ByteString) -> ByteString? {
    if place == workspace { return "" }
    guard place.bytes.starts(with: workspace.bytes + [UInt8(ascii: "/")]) else { return nil }
    return ByteString(bytes: Array(place.bytes.dropFirst(workspace.count + 1)))
  }

  private static let missing = SystemError(.notFound, "no such folder")

  package func unwatch(_ folder: Path) {
    known[folder] = nil
    outputs.remove(folder)
    for inode in folders.keys.sorted() {
      folders[inode]?.removeAll { $0 == folder }
      if folders[inode] == [] { folders[inode] = nil }
    }
  }

  package func links(in folder: Path) -> [ByteString] {
    folder.root == .workspace ? files.links(inFolder: folder.bytes) : []
  }

  package func places(behind link: Path) -> [ByteString] {
    guard link.root == .workspace, var place = files.place(of: link.bytes) else { return [] }
    var places: [ByteString] = []
    while places.count < 40, let target = files.links[place] {
      place = files.place(of: target) ?? target
      places.append(Self.workspace + "/" + place)
    }
    return places
  }
  package func await(timeoutSeconds: Double?) throws(SystemError) {}
  package func interrupt() {}

  package func take() throws(SystemError) -> [WatchEvent] {
    if queue.isEmpty { return [] }
    var events: [WatchEvent] = []
    let isLost = random.chance(overflows)
    for event in queue {
      // A queue that is full drops what comes, and says so once.
      if isLost, random.chance(50) { continue }
      // Equal ones that follow each other may be merged, and may come twice.
      if event == events.last, random.chance(merges) { continue }
      events.append(event)
      if random.chance(repeats) { events.append(event) }
    }
    if isLost { events.append(.overflowed) }
    queue = []
    for case .gone(let folder) in events { known[folder] = nil }
    taken += events.count
    return events
  }
}

/// What a watch's loop looks at: sources and outputs by their roots.
struct SimulatedRoots: FileSystem {
  let files: SimulatedFiles
  let tree: SimulatedTree

  func look(at path: Path) -> Look {
    switch path.root {
    case .workspace: return files.look(at: path)
    case RootID(index: 1):
      if case .file(_, let hint, _)? = tree.nodes[path.bytes] { return .file(hint) }
      return .missing
    case _: return .missing
    }
  }

  func look(at paths: [Path]) -> [Look] { paths.map(look(at:)) }
  func observe(file path: Path) throws(SystemError) -> Observation { try files.observe(file: path) }
  func observe(files paths: [Path]) -> [Result<Observation, SystemError>] { files.observe(files: paths) }
  func list(folder path: Path, entering: (ByteString) -> Void) throws(SystemError) -> FolderListing {
    try files.list(folder: path, entering: entering)
  }
  func read(file path: Path, limitBytes: Int) throws(SystemError) -> [UInt8] {
    try files.read(file: path, limitBytes: limitBytes)
  }
  func hostPath(of path: Path) -> ByteString { files.hostPath(of: path) }
}
