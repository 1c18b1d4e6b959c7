package import BuildGraph
import CLinux
package import Diagnostics
import Glibc
package import Ports

/// Traces in `.reflow/traces/HEX/`. See <doc:StoreFormat>, "Traces".
package struct FolderTraceStorage: TraceStorage {
  private let folder: ByteString
  private let version: Digest

  /// - Parameters:
  ///   - stateFolder: the absolute path of `.reflow`.
  ///   - version: of the executable; what another one has written is not used.
  package init(stateFolder: ByteString, version: ByteString) {
    folder = stateFolder + "/traces"
    self.version = Digest(hashing: version.bytes)
  }

  package func open(_ key: Digest) throws(SystemError) -> any TraceStore { store(of: key) }

  /// Whether an earlier process has left anything of tables.
  package var hasTraces: Bool { ((try? FileStatus.of(folder)) ?? nil) != nil }

  private func store(of key: Digest) -> FolderTraceStore {
    FolderTraceStore(folder: folder + "/" + ObjectName.hex(key), version: version, key: key)
  }

  package func damage() throws(SystemError) -> [(key: Digest, message: String)] {
    guard try FileStatus.of(folder) != nil else { return [] }
    var found: [(key: Digest, message: String)] = []
    let opened = try Descriptor(folder: folder)
    for entry in try folderNames(opened.number, folder) {
      guard let key = Digest(hex: entry.name.display) else { continue }
      if let message = store(of: key).damage() { found.append((key, message)) }
    }
    return found
  }

  /// Which start of the machine it is: what was written before another one may have been torn by a loss of power.
  static let boot: Digest = {
    let id = (try? Descriptor.ifPresent("/proc/sys/kernel/random/boot_id"))??.contents
    return Digest(hashing: id ?? [])
  }()
}

extension Descriptor {
  /// Of a small file of the kernel.
  fileprivate var contents: [UInt8]? { try? read(upTo: 64, "boot_id") }
}

/// A file that is mapped for as long as this lives.
final class Mapping {
  let bytes: UnsafeRawBufferPointer

  init?(_ file: borrowing Descriptor, size: Int) {
    guard size > 0, let address = mmap(nil, size, PROT_READ, MAP_SHARED, file.number, 0), address != MAP_FAILED else {
      return nil
    }
    bytes = UnsafeRawBufferPointer(start: address, count: size)
  }

  deinit { munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count) }
}

/// Blobs in segments: files that are written once and mapped. A segment that no manifest names does not count; the manifest
/// is replaced by rename, last. Where more than half of a segment is dead, and where small ones come together, what is live is copied
/// to a new one.
package final class FolderTraceStore: TraceStore {
  package private(set) var refusal: String?
  package private(set) var bytesRead = 0
  package private(set) var bytesWritten = 0
  package var root: [UInt8]? { isKept ? manifest.root : nil }

  private let folder: ByteString
  private let version: Digest
  private let key: Digest
  private var manifest: TraceManifest
  private var isKept = false
  /// Whether another version has written what is there.
  private var isForeign = false
  /// When the manifest was written, by the clock of its file system; nil for never: then nothing is trusted.
  private var written: Int64?
  /// Of the manifest's file as this process has read or written it; nil where there was none.
  private var manifestHint: FileHint?
  private var mappings: [UInt32: (Mapping, isTrusted: Bool)] = [:]
  /// Small blobs that wait to be written together.
  private var pending: [UInt8] = []
  private var pendingBlobs: [TraceManifest.Blob] = []
  /// What was stored since the last commit; the segment of each is a number, not an index.
  private var stored: [TraceManifest.Blob] = []
  private var newSegments: [TraceManifest.Segment] = []

  /// Blobs from this size on have a segment of their own.
  private static let largeBytes = 1 << 20
  /// Small blobs are put together up to about so much.
  private static let segmentBytes = 4 << 20
  /// Up to so many bytes are copied at a commit in any case, to give back what dead ones take.
  private static let copyBytes = 16 << 20
  /// Blobs up to this size are checked whenever they are read.
  private static let checkedBytes = 1 << 18
  /// In nanoseconds: the times of two changes of a file that are farther apart than this differ.
  private static let clockGrain: Int64 = 20_000_000
  static let manifestName: ByteString = "manifest"

  init(folder: ByteString, version: Digest, key: Digest) {
    self.folder = folder
    self.version = version
    self.key = key
    manifest = TraceManifest(boot: FolderTraceStorage.boot)
    load()
  }

  private func load() {
    let path = folder + "/" + Self.manifestName
    guard let file = (try? Descriptor.ifPresent(path)) ?? nil else { return }
    guard let status = try? file.status(path), let bytes = try? file.read(upTo: Int(status.hint.size), path) else {
      refusal = "it cannot be read"
      return
    }
    bytesRead += bytes.count
    manifestHint = status.hint
    switch TraceManifest.decoded(bytes, version: version, key: key) {
    case .whole(let manifest):
      self.manifest = manifest
      written = status.hint.changedNanoseconds
      isKept = true
    case .foreign:
      isForeign = true
      refusal = "it is of another version"
    case .damaged: refusal = "it is damaged"
    }
  }

  // MARK: - Reading

  package func blob(_ name: UInt64) throws(SystemError) -> TraceBlob {
    guard let blob = blob(named: name) else { throw Self.damaged("it names a blob that is not there") }
    return try bytes(of: blob)
  }

  private func blob(named name: UInt64) -> TraceManifest.Blob? {
    let blobs = manifest.blobs
    var low = 0
    var high = blobs.count
    while low < high {
      let middle = (low + high) / 2
      if blobs[middle].name < name { low = middle + 1 } else { high = middle }
    }
    return low < blobs.count && blobs[low].name == name ? blobs[low] : nil
  }

  private func bytes(of blob: TraceManifest.Blob) throws(SystemError) -> TraceBlob {
    let (mapping, isTrusted) = try mapping(of: manifest.segments[Int(blob.segment)])
    let range = Int(blob.offset)..<Int(blob.offset + blob.length)
    let bytes = UnsafeRawBufferPointer(rebasing: mapping.bytes[range])
    if !isTrusted || bytes.count <= Self.checkedBytes {
      bytesRead += bytes.count
      guard PiecewiseChecksum.of(bytes) == blob.checksum else { throw Self.damaged("its content is another") }
    }
    return TraceBlob(bytes: bytes, owner: mapping)
  }

  /// A segment's file. It is trusted where it is as it was when it had been written, and its times could not be those of a
  /// change after the manifest.
  private func mapping(
    of segment: TraceManifest.Segment
  ) throws(SystemError) -> (mapping: Mapping, isTrusted: Bool) {
    if let known = mappings[segment.number] { return known }
    let path = path(of: segment.number)
    guard let file = try Descriptor.ifPresent(path) else { throw Self.damaged("a file is gone") }
    var hint = try file.status(path).hint
    hint.mode = 0
    guard hint.size == segment.hint.size, let mapping = Mapping(file, size: Int(hint.size)) else {
      throw Self.damaged("a file has another size")
    }
    let isTrusted =
      hint == segment.hint && manifest.boot == FolderTraceStorage.boot
      && written.map { hint.changedNanoseconds <= $0 - Self.clockGrain } ?? false
    mappings[segment.number] = (mapping, isTrusted)
    return (mapping, isTrusted)
  }

  private static func damaged(_ reason: String) -> SystemError { SystemError(.damaged, reason) }

  private func path(of segment: UInt32) -> ByteString { folder + "/" + Self.name(of: segment) }

  private static func name(of segment: UInt32) -> ByteString { ByteString("\(segment).seg") }

  /// Reads all that is kept, whether or not it could have changed.
  ///
  /// - Returns: What is wrong with it; nil if nothing is, or it is another version's.
  /// - Complexity: O(bytes).
  func damage() -> String? {
    guard isKept else { return isForeign ? nil : refusal }
    mappings = [:]
    written = nil
    do throws(SystemError) {
      for blob in manifest.blobs { _ = try bytes(of: blob) }
      return nil
    } catch {
      return error.message
    }
  }

  // MARK: - Writing

  package func store(
    byteCount: Int, _ show: (_ piece: (UnsafeRawBufferPointer) -> Void) -> Void
  ) throws(SystemError) -> UInt64 {
    let name = manifest.nextBlob
    manifest.nextBlob += 1
    if byteCount >= Self.largeBytes {
      try storeAlone(name, byteCount, show)
    } else {
      let start = pending.count
      show { pending.append(contentsOf: $0) }
      let length = pending.count - start
      let checksum = pending.withUnsafeBytes { PiecewiseChecksum.of(UnsafeRawBufferPointer(rebasing: $0[start...])) }
      pad()
      pendingBlobs.append(
        TraceManifest.Blob(
          name: name, segment: 0, offset: UInt64(start), length: UInt64(length), checksum: checksum))
      if pending.count >= Self.segmentBytes { try flush() }
    }
    return name
  }

  /// The next blob begins at a multiple of 64.
  private func pad() { pending.append(contentsOf: repeatElement(0, count: -pending.count & 63)) }

  private func storeAlone(
    _ name: UInt64, _ byteCount: Int, _ show: (_ piece: (UnsafeRawBufferPointer) -> Void) -> Void
  ) throws(SystemError) {
    var failure: SystemError?
    var checksum: UInt64 = 0
    var length = 0
    let number = try writeSegment { (file, path) throws(SystemError) in
      let state = ChecksumBox()
      show { piece in
        guard failure == nil else { return }
        state.sum.add(piece)
        length += piece.count
        do throws(SystemError) {
          try file.write(piece, path)
        } catch {
          failure = error
        }
      }
      checksum = state.sum.value
      if let failure { throw failure }
    }
    stored.append(
      TraceManifest.Blob(name: name, segment: number, offset: 0, length: UInt64(length), checksum: checksum))
  }

  private final class ChecksumBox {
    var sum = PiecewiseChecksum()
  }

  private func flush() throws(SystemError) {
    guard !pendingBlobs.isEmpty else { return }
    let bytes = pending
    let number = try writeSegment { (file, path) throws(SystemError) in try file.write(bytes, path) }
    for var blob in pendingBlobs {
      blob.segment = number
      stored.append(blob)
    }
    pending.removeAll(keepingCapacity: true)
    pendingBlobs.removeAll()
  }

  /// Writes a file that no manifest names yet. One of that name can only be what a killed process left.
  private func writeSegment(
    _ body: (borrowing Descriptor, ByteString) throws(SystemError) -> Void
  ) throws(SystemError) -> UInt32 {
    try makeFolders(folder)
    var number: UInt32 = 0
    let file = try newSegment(&number)
    let path = path(of: number)
    var hint: FileHint
    do throws(SystemError) {
      try body(file, path)
      hint = try file.status(path).hint
    } catch {
      withCString(path) { _ = unlink($0) }
      throw error
    }
    add(number, hint)
    return number
  }

  /// A file of a number that is free: another process that is at the same table, or one that was killed, may have taken the next ones.
  private func newSegment(_ number: inout UInt32) throws(SystemError) -> Descriptor {
    while true {
      number = manifest.nextSegment
      manifest.nextSegment += 1
      do throws(SystemError) {
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW
        return try Descriptor(opening: path(of: number), flags: flags, mode: 0o666)
      } catch {
        guard error.errno == EEXIST, manifest.nextSegment < .max else { throw error }
      }
    }
  }

  private func add(_ number: UInt32, _ hint: FileHint) {
    var hint = hint
    hint.mode = 0
    bytesWritten += Int(hint.size)
    newSegments.append(TraceManifest.Segment(number: number, hint: hint))
  }

  package func begin() throws(SystemError) -> any TraceBlobWriter {
    try makeFolders(folder)
    var taken: UInt32 = 0
    let file = try newSegment(&taken)
    let number = taken
    return SegmentWriter(file, path(of: number)) { [self] (length, checksum, hint) in
      let name = manifest.nextBlob
      manifest.nextBlob += 1
      add(number, hint)
      stored.append(
        TraceManifest.Blob(name: name, segment: number, offset: 0, length: UInt64(length), checksum: checksum))
      return name
    }
  }

  package var isCurrent: Bool {
    guard hint(of: folder + "/" + Self.manifestName) == manifestHint else { return false }
    return newSegments.allSatisfy { segment in
      var hint = hint(of: path(of: segment.number))
      hint?.mode = 0
      return hint == segment.hint
    }
  }

  /// Of a file as it is now; nil where there is none.
  private func hint(of path: ByteString) -> FileHint? {
    guard let file = (try? Descriptor.ifPresent(path)) ?? nil else { return nil }
    return (try? file.status(path))?.hint
  }

  package func commit(root: [UInt8], live: [UInt64]) throws(SystemError) {
    let names = Set(live)
    let kept = try copyTogether(manifest.blobs.filter { names.contains($0.name) })
    try flush()
    var next = TraceManifest(boot: FolderTraceStorage.boot)
    next.nextBlob = manifest.nextBlob
    next.nextSegment = manifest.nextSegment
    next.root = root
    var indices: [UInt32: UInt32] = [:]
    func add(_ blob: TraceManifest.Blob, in segment: TraceManifest.Segment) {
      let index = indices[segment.number] ?? UInt32(next.segments.count)
      if indices.updateValue(index, forKey: segment.number) == nil { next.segments.append(segment) }
      var blob = blob
      blob.segment = index
      next.blobs.append(blob)
    }
    for blob in kept { add(blob, in: manifest.segments[Int(blob.segment)]) }
    let fresh = Dictionary(newSegments.map { ($0.number, $0) }, uniquingKeysWith: { _, last in last })
    for blob in stored where names.contains(blob.name) {
      if let segment = fresh[blob.segment] { add(blob, in: segment) }
    }
    next.blobs.sort { $0.name < $1.name }
    let bytes = next.encoded(version: version, key: key)
    try makeFolders(folder)
    try replaceFile(folder + "/" + Self.manifestName, with: bytes)
    manifestHint = hint(of: folder + "/" + Self.manifestName)
    bytesWritten += bytes.count
    manifest = next
    isKept = true
    refusal = nil
    stored = []
    newSegments = []
    mappings = mappings.filter { indices[$0.key] != nil }
    // A segment that was just written is checked when it is read next: how long the manifest came after it is not looked up.
    self.written = nil
    try sweep(keeping: Set(next.segments.map { Self.name(of: $0.number) }))
  }

  /// Copies live blobs out of segments that are mostly dead, and of the newest small ones.
  ///
  /// Small segments stay in geometric proportion, so that a byte is copied O(log n) times; a copy for the dead costs less than
  /// writing those did.
  ///
  /// - Returns: those that stay where they are.
  private func copyTogether(_ live: [TraceManifest.Blob]) throws(SystemError) -> [TraceManifest.Blob] {
    var bytes = [Int](repeating: 0, count: manifest.segments.count)
    for blob in live { bytes[Int(blob.segment)] += Int(blob.length) }
    var victims: Set<Int> = []
    var budget = Self.copyBytes + 4 * (pending.count + newSegments.reduce(0) { $0 + Int($1.hint.size) })
    var gathered = pending.count
    let ages = manifest.segments.indices.sorted { manifest.segments[$0].number > manifest.segments[$1].number }
    var isAtTail = true
    for index in ages where bytes[index] > 0 {
      let size = Int(manifest.segments[index].hint.size)
      guard bytes[index] <= budget else { continue }
      let isSmall = size < Self.largeBytes
      let isDue = isAtTail && isSmall && bytes[index] <= 2 * gathered
      if isSmall, !isDue { isAtTail = false }
      guard isDue || 2 * bytes[index] < size else { continue }
      victims.insert(index)
      gathered += bytes[index]
      budget -= bytes[index]
    }
    guard !victims.isEmpty else { return live }
    var kept: [TraceManifest.Blob] = []
    for blob in live {
      guard victims.contains(Int(blob.segment)) else {
        kept.append(blob)
        continue
      }
      let source = try self.bytes(of: blob)
      var copy = blob
      copy.offset = UInt64(pending.count)
      pending.append(contentsOf: source.bytes)
      pad()
      pendingBlobs.append(copy)
      withExtendedLifetime(source.owner) {}
      if pending.count >= Self.segmentBytes { try flush() }
    }
    return kept
  }

  /// Removes files that the manifest does not name.
  private func sweep(keeping names: Set<ByteString>) throws(SystemError) {
    let descriptor = try Descriptor(folder: folder)
    for entry in try folderNames(descriptor.number, folder)
    where entry.name != Self.manifestName && !names.contains(entry.name) {
      withCString(entry.name) { _ = unlinkat(descriptor.number, $0, 0) }
    }
  }

  package func abandon() {
    // Only what is ours: whoever has swept it away may have given the number to another file.
    for segment in newSegments {
      var hint = hint(of: path(of: segment.number))
      hint?.mode = 0
      if hint == segment.hint { withCString(path(of: segment.number)) { _ = unlink($0) } }
    }
    pending = []
    pendingBlobs = []
    stored = []
    newSegments = []
  }

  package func removeAll() throws(SystemError) {
    abandon()
    try removeTree(folder, in: AT_FDCWD, folder)
    manifest = TraceManifest(boot: FolderTraceStorage.boot)
    isKept = false
    manifestHint = nil
    mappings = [:]
  }
}

/// A segment of one blob that is written piece by piece.
private final class SegmentWriter: TraceBlobWriter {
  private let file: Descriptor
  private let path: ByteString
  private let isWritten: (_ length: Int, _ checksum: UInt64, FileHint) -> UInt64
  private var sum = PiecewiseChecksum()
  private var length = 0

  init(_ file: consuming Descriptor, _ path: ByteString, _ isWritten: @escaping (Int, UInt64, FileHint) -> UInt64) {
    self.file = file
    self.path = path
    self.isWritten = isWritten
  }

  func append(_ bytes: UnsafeRawBufferPointer) throws(SystemError) {
    sum.add(bytes)
    length += bytes.count
    try file.write(bytes, path)
  }

  func finish() throws(SystemError) -> UInt64 { isWritten(length, sum.value, try file.status(path).hint) }

  func abandon() { withCString(path) { _ = unlink($0) } }
}
