package import BuildGraph
import CLinux
package import Diagnostics
import Glibc
package import Ports

/// Objects and other files as a whole, for those who shrink the state or look it through.
extension FileObjectStore: ObjectUpkeep {
  package func storedObjects() throws(SystemError) -> [StoredObject] {
    var found: [StoredObject] = []
    try eachName { shard, name, id in
      guard let id, let status = try? FileStatus.of(shard + "/" + name, in: objects.number) else { return }
      found.append(StoredObject(id: id, bytes: status.hint.size))
    }
    return found.sorted { $0.id < $1.id }
  }

  package func strangers() throws(SystemError) -> [ByteString] {
    var found: [ByteString] = []
    try eachName { shard, name, id in
      if id == nil { found.append("objects/" + (shard.isEmpty ? name : shard + "/" + name)) }
    }
    return found.sorted()
  }

  /// - Parameter body: the folder, empty for the topmost; the name; what it names, nil where it is no object.
  private func eachName(_ body: (ByteString, ByteString, ObjectID?) -> Void) throws(SystemError) {
    for shard in try folderNames(objects.number, folder + "/objects") {
      guard let inner = try? Descriptor(folder: shard.name, in: objects.number) else {
        body("", shard.name, nil)
        continue
      }
      for entry in try folderNames(inner.number, folder + "/objects/" + shard.name) {
        var id = ObjectName.id(entry.name)
        if entry.kind != .file, (try? FileStatus.of(entry.name, in: inner.number))?.kind != .file { id = nil }
        if let known = id, ObjectName(known).shard != shard.name { id = nil }
        body(shard.name, entry.name, id)
      }
    }
  }

  package func leftovers() throws(SystemError) -> [StateLeftover] {
    var found: [StateLeftover] = []
    func each(_ name: ByteString, _ kind: (ByteString) -> StateLeftover.Kind?) throws(SystemError) {
      guard let inner = try? Descriptor(folder: folder + "/" + name) else { return }
      for entry in try folderNames(inner.number, folder + "/" + name) {
        guard let kind = kind(entry.name) else { continue }
        let bytes = Self.bytes(below: entry.name, in: inner.number)
        found.append(StateLeftover(kind: kind, path: name + "/" + entry.name, bytes: bytes))
      }
    }
    try each("logs") { name in
      let digits = name.display
      guard digits.hasSuffix(".log"), let number = Int64(digits.dropLast(4)) else { return nil }
      return .log(RunID(number: number))
    }
    try each("trees") { name in
      guard let digest = Digest(hex: name.display) else { return .remains }
      return .tree(ObjectID(kind: .folder, digest: digest, isExecutable: false))
    }
    try each("snapshots") { name in Digest(hex: name.display).map { .snapshot($0) } ?? .remains }
    try each("traces") { name in Digest(hex: name.display).map { .tables($0) } ?? .remains }
    for name: ByteString in ["damaged", "runs", "tmp"] { try each(name) { _ in .remains } }
    let top = try Descriptor(folder: folder)
    for entry in try folderNames(top.number, folder) where entry.name.bytes.starts(with: "reflow.db.damaged-".utf8) {
      let bytes = Self.bytes(below: entry.name, in: top.number)
      found.append(StateLeftover(kind: .remains, path: entry.name, bytes: bytes))
    }
    return found.sorted { $0.path < $1.path }
  }

  /// What removing a name frees: its own bytes, and those below it; a file that has another name as well frees nothing.
  private static func bytes(below name: ByteString, in folder: Int32) -> Int64 {
    guard let status = try? FileStatus.of(name, in: folder) else { return 0 }
    switch status.kind {
    case .file: return status.links == 1 ? status.hint.size : 0
    case .link, .special: return 0
    case .folder:
      guard let inner = try? Descriptor(folder: name, in: folder),
        let names = try? folderNames(inner.number, name)
      else { return 0 }
      return names.reduce(0) { $0 + bytes(below: $1.name, in: inner.number) }
    }
  }

  package func members(of folder: ObjectID) -> FolderManifest? {
    let name = ObjectName(folder).path
    guard folder.kind == .folder, let file = (try? Descriptor.ifPresent(name, in: objects.number)) ?? nil,
      let size = try? file.status(name).hint.size, size < 1 << 30, let bytes = try? file.read(upTo: Int(size), name),
      Digest(hashing: bytes) == folder.digest
    else { return nil }
    return FolderManifest(encoded: bytes)
  }

  // MARK: - Looking through

  package func examine(_ list: [StoredObject]) -> [ObjectHealth] {
    Slots.filled(count: list.count, with: .sound) { slots in
      onAllCores(count: list.count, grain: 16) { range in
        for index in range { slots[index] = self.health(of: list[index].id) }
      }
    }
  }

  private func health(of id: ObjectID) -> ObjectHealth {
    let name = ObjectName(id).path
    do throws(SystemError) {
      guard let file = try Descriptor.ifPresent(name, in: objects.number) else { return .missing }
      let status = try file.status(name)
      guard status.kind == .file else { return .damaged("it is not a file") }
      guard try file.hash(name).digest == id.digest else { return .damaged("its content is another") }
      switch id.kind {
      case .folder: if members(of: id) == nil { return .damaged("it is no manifest") }
      case .file: if status.isExecutable != id.isExecutable { return .damaged("its mode is another") }
      }
      return .sound
    } catch {
      return .damaged(error.message)
    }
  }

  package func setAside(_ object: ObjectID) throws(SystemError) -> ByteString {
    let name = ObjectName(object)
    try makeFolders(folder + "/damaged")
    for number in 1... {
      let place = "damaged/" + name.baseName + "-" + ByteString(String(number))
      let code = withCString(name.path) { old in
        withCString(folder + "/" + place) {
          reflow_rename_at(objects.number, old, AT_FDCWD, $0, UInt32(REFLOW_RENAME_NOREPLACE))
        }
      }
      if code == EEXIST { continue }
      guard code == 0 else { throw SystemError(errno: code, cannot: "set aside", name.path) }
      forget()
      return place
    }
    throw SystemError(errno: EEXIST, cannot: "set aside", name.path)
  }

  // MARK: - Removing

  package func remove(_ list: [ObjectID]) throws(SystemError) {
    for id in list {
      let name = ObjectName(id).path
      let code = withCString(name) { unlinkat(objects.number, $0, 0) == 0 ? 0 : errno }
      guard code == 0 || code == ENOENT else { throw SystemError(errno: code, cannot: "remove", name) }
    }
    forget()
  }

  package func remove(_ leftovers: [StateLeftover]) throws(SystemError) {
    let top = try Descriptor(folder: folder)
    for leftover in leftovers { try removeTree(leftover.path, in: top.number, folder + "/" + leftover.path) }
    forget()
  }
}

extension ObjectName {
  init(_ id: ObjectID) {
    self.init(Artifact(kind: id.kind, digest: id.digest, isExecutable: id.isExecutable, size: 0))
  }

  /// What a base name says; nil where it is no object's.
  static func id(_ baseName: ByteString) -> ObjectID? {
    let name = baseName.display
    guard name.utf8.count >= 32, let digest = Digest(hex: name.prefix(32)) else { return nil }
    let id: ObjectID
    switch name.dropFirst(32) {
    case "": id = ObjectID(kind: .file, digest: digest, isExecutable: false)
    case ".x": id = ObjectID(kind: .file, digest: digest, isExecutable: true)
    case ".d": id = ObjectID(kind: .folder, digest: digest, isExecutable: false)
    case _: return nil
    }
    // Digits in capitals, or a sign, name nothing of ours.
    return ObjectName(id).baseName == baseName ? id : nil
  }
}
