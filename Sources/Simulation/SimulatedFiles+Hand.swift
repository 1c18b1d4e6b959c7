package import BuildGraph
import Ports

/// What the user's hand does to files. Names are followed through links as the kernel does it.
extension SimulatedFiles {
  /// Whether a name can be made in this folder, which has no links on its way: nothing there is a file.
  private func canHold(_ folder: ByteString) -> Bool {
    var folder = folder
    while !folder.isEmpty {
      if files[folder] != nil || links[folder] != nil { return false }
      folder = Self.parent(of: folder)
    }
    return true
  }

  package func makeFolder(_ path: ByteString) {
    guard let path = resolved(path), canHold(path) else { return }
    make(path)
  }

  /// Makes a folder and those that lead to it.
  private func make(_ path: ByteString) {
    guard folders[path] == nil else { return touchFolder(path) }
    if !path.isEmpty { make(Self.parent(of: path)) }
    nextInode += 1
    folders[path] = File(bytes: [], inode: nextInode, modified: stamp, changed: stamp)
    tell(.name(.created, path))
  }

  private func touchFolder(_ path: ByteString) {
    folders[path]?.modified = stamp
    folders[path]?.changed = stamp
  }

  /// Writes in place: the inode stays.
  ///
  /// - Parameter isSilent: by a store into mapped memory, of which no kernel tells.
  package func write(_ path: ByteString, _ bytes: [UInt8], isSilent: Bool = false) {
    guard let path = resolved(path), folders[path] == nil else { return }
    if files[path] == nil {
      guard canHold(Self.parent(of: path)), !isSilent else { return }
      make(Self.parent(of: path))
      nextInode += 1
      files[path] = File(bytes: bytes, inode: nextInode, modified: stamp, changed: stamp)
      tell(.name(.created, path))
    } else {
      files[path]!.bytes = bytes
      files[path]!.modified = stamp
      files[path]!.changed = stamp
      if !isSilent { tell(.name(.modified, path)) }
    }
    if !isSilent { tell(.name(.written, path)) }
  }

  package func touch(_ path: ByteString) {
    guard let path = resolved(path), files[path] != nil else { return }
    files[path]!.modified = stamp
    files[path]!.changed = stamp
    tell(.name(.attributes, path))
  }

  /// Another content of the same size, with the time of modification set back: only the time of change tells.
  package func writeSecretly(_ path: ByteString, _ bytes: [UInt8]) {
    guard let path = resolved(path), files[path] != nil else { return }
    files[path]!.bytes = bytes
    files[path]!.changed = stamp
    tell(.name(.written, path))
    tell(.name(.attributes, path))
  }

  package func setExecutable(_ path: ByteString, _ isExecutable: Bool) {
    guard let path = resolved(path), files[path] != nil else { return }
    files[path]!.isExecutable = isExecutable
    files[path]!.changed = stamp
    tell(.name(.attributes, path))
  }

  /// Removes a file, or a link and not what it leads to.
  package func remove(_ path: ByteString) {
    guard let path = place(of: path) else { return }
    if links.removeValue(forKey: path) == nil {
      guard files.removeValue(forKey: path) != nil else { return }
    }
    touchFolder(Self.parent(of: path))
    tell(.name(.removed, path))
  }

  /// Moves a file or a link over whatever is no folder there.
  package func rename(_ path: ByteString, to other: ByteString) {
    guard let path = place(of: path), let other = place(of: other), path != other, folders[other] == nil,
      canHold(Self.parent(of: other))
    else { return }
    if let target = links.removeValue(forKey: path) {
      files[other] = nil
      links[other] = target
    } else {
      guard var file = files.removeValue(forKey: path) else { return }
      file.changed = stamp
      links[other] = nil
      files[other] = file
    }
    make(Self.parent(of: other))
    touchFolder(Self.parent(of: path))
    tell(.name(.movedOut, path))
    tell(.name(.movedIn, other))
  }

  /// Has a name lead elsewhere: a new link, or an old one that is retargeted.
  ///
  /// - Parameter isAtOnce: as `ln -sfn` does it, by a rename; else what lay there is removed first.
  package func link(_ path: ByteString, to target: ByteString, isAtOnce: Bool) {
    guard let path = place(of: path), folders[path] == nil, canHold(Self.parent(of: path)) else { return }
    make(Self.parent(of: path))
    let wasThere = files.removeValue(forKey: path) != nil || links[path] != nil
    if wasThere, !isAtOnce { tell(.name(.removed, path)) }
    links[path] = target
    touchFolder(Self.parent(of: path))
    tell(.name(isAtOnce ? .movedIn : .created, path))
  }

  /// Each gets the other's name.
  package func swap(_ path: ByteString, _ other: ByteString) {
    guard let path = place(of: path), let other = place(of: other), path != other, var first = files[path],
      var second = files[other]
    else { return }
    first.changed = stamp
    second.changed = stamp
    files[path] = second
    files[other] = first
    for name in [path, other] {
      tell(.name(.movedOut, name))
      tell(.name(.movedIn, name))
    }
    touchFolder(Self.parent(of: path))
    touchFolder(Self.parent(of: other))
  }

  /// Another file of the same content and time of modification takes the name: a copy that was linked or moved here.
  package func relink(_ path: ByteString) {
    guard let path = place(of: path), files[path] != nil else { return }
    nextInode += 1
    files[path]!.inode = nextInode
    files[path]!.changed = stamp
    touchFolder(Self.parent(of: path))
    tell(.name(.movedIn, path))
  }

  /// A folder moves with all that is in it.
  package func renameFolder(_ path: ByteString, to other: ByteString) {
    guard let path = place(of: path), let other = place(of: other), folders[path] != nil, folders[other] == nil,
      files[other] == nil, links[other] == nil, canHold(Self.parent(of: other)), !other.bytes.starts(with: path.bytes)
    else { return }
    make(Self.parent(of: other))
    tell(.gone(path))
    let inside = path.bytes + [UInt8(ascii: "/")]
    func moved(_ old: ByteString) -> ByteString { ByteString(bytes: other.bytes + old.bytes[path.count...]) }
    for old in files.keys.filter({ $0.bytes.starts(with: inside) }) {
      files[moved(old)] = files.removeValue(forKey: old)
    }
    for old in links.keys.filter({ $0.bytes.starts(with: inside) }) {
      links[moved(old)] = links.removeValue(forKey: old)
    }
    for old in folders.keys.filter({ $0 == path || $0.bytes.starts(with: inside) }) {
      folders[moved(old)] = folders.removeValue(forKey: old)
    }
    folders[other]!.changed = stamp
    touchFolder(Self.parent(of: path))
    touchFolder(Self.parent(of: other))
    tell(.name(.movedOut, path))
    tell(.name(.movedIn, other))
  }

  /// A folder goes with all that is in it.
  package func removeFolder(_ path: ByteString) {
    guard let path = place(of: path), !path.isEmpty, folders[path] != nil else { return }
    let inside = path.bytes + [UInt8(ascii: "/")]
    let names = (Array(files.keys) + Array(links.keys)).sorted()
    for name in names where name.bytes.starts(with: inside) { tell(.name(.removed, name)) }
    for folder in folders.keys.sorted().reversed() where folder == path || folder.bytes.starts(with: inside) {
      tell(.gone(folder))
      tell(.name(.removed, folder))
    }
    folders[path] = nil
    files = files.filter { !$0.key.bytes.starts(with: inside) }
    links = links.filter { !$0.key.bytes.starts(with: inside) }
    folders = folders.filter { !$0.key.bytes.starts(with: inside) }
    touchFolder(Self.parent(of: path))
  }

  /// A clone of the project elsewhere: new inodes, new times.
  package func copyAllAnew() {
    for path in files.keys.sorted() {
      nextInode += 1
      files[path]!.inode = nextInode
      touch(path)
    }
    for path in folders.keys.sorted() {
      nextInode += 1
      folders[path]!.inode = nextInode
      touchFolder(path)
    }
    tell(.everything)
  }
}
