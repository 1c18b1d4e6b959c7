import BuildGraph
import CLinux
import Diagnostics
import Glibc
import Ports

/// The inputs of a step, resolved: what has to appear below `in/`, in an order in which folders come before what is in them.
struct StepInputs {
  enum Entry {
    case folder(ByteString)
    /// A file or folder of this host at a path below `in/`.
    case place(host: ByteString, path: ByteString, isFolder: Bool)
  }

  private(set) var entries: [Entry] = []
  private var known: Set<ByteString> = []
  private let isHidingAll: Bool
  private let fileSystem: LinuxFileSystem
  private let objects: any ObjectStore

  /// - Parameter isHidingAll: whether the step may run where nothing but its inputs can be seen: links in a folder that lead out of
  ///   it are then replaced by what they lead to.
  /// - Throws: where an input is gone or leads out of every root.
  init(
    _ inputs: [RunRequest.Input], isHidingAll: Bool, _ fileSystem: LinuxFileSystem, _ objects: any ObjectStore
  ) throws(SystemError) {
    self.isHidingAll = isHidingAll
    self.fileSystem = fileSystem
    self.objects = objects
    entries.reserveCapacity(inputs.count * 2)
    for input in inputs {
      let path = ByteString(bytes: Array(input.stagedPath.bytes.dropFirst(3)))
      guard input.stagedPath.bytes.starts(with: "in/".utf8), !path.isEmpty else {
        throw SystemError(.other, "an input cannot be staged at '\(input.stagedPath.display)'")
      }
      try add(input.origin, at: path, isFolder: input.kind == .folder)
    }
  }

  private mutating func add(
    _ origin: RunRequest.Origin, at path: ByteString, isFolder: Bool
  ) throws(SystemError) {
    // The same place twice is one file that the template mentions twice.
    guard known.insert(path).inserted else { return }
    addFolders(above: path)
    switch origin {
    case .source(let source) where isFolder && isHidingAll:
      let links = try fileSystem.outwardLinks(below: source)
      if links.isEmpty {
        entries.append(.place(host: try fileSystem.roots.resolve(source), path: path, isFolder: true))
      } else {
        try add(membersOf: source, at: path, "", links)
      }
    case .source(let source):
      entries.append(.place(host: try fileSystem.roots.resolve(source), path: path, isFolder: isFolder))
    case .object(let artifact):
      entries.append(
        .place(host: try objects.place(of: artifact), path: path, isFolder: artifact.kind == .folder))
    case .view(let members):
      entries.append(.folder(path))
      for member in members {
        try add(member.origin, at: path + "/" + member.path, isFolder: leadsToFolder(member.origin))
      }
    }
  }

  /// A folder with links that lead out of it: what lies beside them is shown one by one.
  private mutating func add(
    membersOf folder: Path, at path: ByteString, _ below: ByteString, _ links: [ByteString]
  ) throws(SystemError) {
    entries.append(.folder(path))
    let source = folder.appending(below)
    guard let opened = try fileSystem.roots.open(source, O_RDONLY | O_DIRECTORY) else {
      throw SystemError(.notFound, "'\(fileSystem.roots.display(source))' does not exist", errno: ENOENT)
    }
    defer { close(opened) }
    for name in names(inFolder: opened).names {
      let member = below.isEmpty ? name.name : below + "/" + name.name
      let place = path + "/" + name.name
      if links.contains(where: { $0.bytes.starts(with: (member + "/").bytes) }) {
        try add(membersOf: folder, at: place, member, links)
      } else {
        let isFolder: Bool
        switch fileSystem.look(at: folder.appending(member)) {
        case .file: isFolder = false
        case .folder: isFolder = true
        case .missing, .special, .refused: continue
        }
        entries.append(
          .place(host: try fileSystem.roots.resolve(folder.appending(member)), path: place, isFolder: isFolder))
      }
    }
  }

  private func leadsToFolder(_ origin: RunRequest.Origin) -> Bool {
    switch origin {
    case .source(let path):
      if case .folder = fileSystem.look(at: path) { true } else { false }
    case .object(let artifact): artifact.kind == .folder
    case .view: true
    }
  }

  private mutating func addFolders(above path: ByteString) {
    guard let slash = path.bytes.lastIndex(of: UInt8(ascii: "/")) else { return }
    let folder = ByteString(bytes: Array(path.bytes[..<slash]))
    guard known.insert(folder).inserted else { return }
    addFolders(above: folder)
    entries.append(.folder(folder))
  }

  /// Appends the stage operations of a worker's plan.
  func append(to request: inout RequestBytes, for worker: Worker) {
    for entry in entries {
      switch (entry, worker.kind) {
      case (.folder(let path), _): request.append(REFLOW_STAGE_FOLDER, path)
      case (.place(let host, let path, _), .plain):
        request.append(REFLOW_STAGE_LINK, relativePath(to: host, from: worker.folder.path + "/in/" + path), path)
      case (.place(let host, let path, let isFolder), .sandbox),
        (.place(let host, let path, let isFolder), .sandboxWithNetwork):
        request.append(isFolder ? REFLOW_STAGE_BIND_FOLDER : REFLOW_STAGE_BIND_FILE, host, path)
      }
    }
  }
}

/// What a link at `link` must say to lead to `target`; both absolute and without links.
func relativePath(to target: ByteString, from link: ByteString) -> ByteString {
  let up = link.components.dropLast()
  let down = target.components
  let shared = zip(up, down).prefix { $0 == $1 }.count
  var bytes: [UInt8] = []
  for _ in shared..<up.count { bytes += "../".utf8 }
  for part in down[shared...] { bytes += part + [UInt8(ascii: "/")] }
  if !bytes.isEmpty { bytes.removeLast() }
  return bytes.isEmpty ? "." : ByteString(bytes: bytes)
}
