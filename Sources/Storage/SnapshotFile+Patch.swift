import BuildGraph
import Ports

/// A snapshot with a few entries changed, made by copying and overwriting.
extension SnapshotFile {
  /// The bytes with a patch applied and another summary; nil where the patch adds or drops a path, so that all must be laid
  /// out anew.
  ///
  /// - Complexity: O(bytes) at copying speed, O(log entries) for each entry of the patch.
  func overwritten(by patch: SnapshotPatch, generation: Int64, writtenAt: Int64, summary: [UInt8]) -> [UInt8]? {
    var positions: [(index: Int, expectation: SnapshotExpectation)] = []
    positions.reserveCapacity(patch.entries.count)
    for entry in patch.entries {
      let index = firstIndex(notBelow: entry.place)
      guard index < entryCount, place(index) == entry.place else { return nil }
      positions.append((index, entry.expectation))
    }
    guard keepsAllPaths(patch, overwriting: Set(positions.map(\.index))) else { return nil }
    var records = Array(bytes[entriesOffset..<digestsOffset])
    var digests = BinaryWriter()
    var count = digestCount
    for (index, expectation) in positions {
      var record = BinaryWriter(reserving: Self.entryBytes)
      let (hint, kind, digest) = Self.figures(of: expectation)
      hint.encode(into: &record)
      record.write(kind.rawValue)
      record.write(pathOffset(index))
      record.write(UInt32(digest == nil ? 0 : count))
      if let digest {
        digests.write(digest)
        count += 1
      }
      let start = index * Self.entryBytes
      records.replaceSubrange(start..<start + Self.entryBytes, with: record.bytes)
    }
    return laidOut(
      records: records, newDigests: digests.bytes, digestCount: count, generation: generation, writtenAt: writtenAt,
      summary: summary)
  }

  /// What is written for an expectation.
  static func figures(of expectation: SnapshotExpectation) -> (hint: FileHint, kind: Kind, digest: Digest?) {
    switch expectation {
    case .missing:
      let none = FileHint(device: 0, inode: 0, size: 0, modifiedNanoseconds: 0, changedNanoseconds: 0, mode: 0)
      return (none, .missing, nil)
    case .folder(let figures, let isTrusted): return (figures, isTrusted ? .folder : .untrustedFolder, nil)
    case .file(let figures, let digest): return (figures, digest == nil ? .file : .fileToHash, digest)
    }
  }

  private func laidOut(
    records: [UInt8], newDigests: [UInt8], digestCount: Int, generation: Int64, writtenAt: Int64, summary: [UInt8]
  ) -> [UInt8] {
    let strings = bytes[stringsOffset..<summaryOffset]
    let newStrings = stringsOffset + newDigests.count
    let length = newStrings + strings.count + summary.count
    var writer = BinaryWriter(reserving: length)
    writer.append(Array(bytes[..<16]))
    writer.write(UInt64(length))
    writer.append(Array(bytes[24..<56]))
    writer.write(generation)
    writer.write(writtenAt)
    writer.append(Array(bytes[72..<80]))
    writer.write(UInt32(digestCount))
    writer.write(UInt32(0))
    writer.write(UInt64(newStrings))
    writer.write(UInt64(newStrings + strings.count))
    writer.append(Array(bytes[Self.headerBytes..<entriesOffset]))
    writer.append(records)
    writer.append(Array(bytes[digestsOffset..<stringsOffset]))
    writer.append(newDigests)
    writer.append(Array(strings))
    writer.append(summary)
    var sealed = writer.bytes
    Self.seal(&sealed)
    return sealed
  }

  // MARK: - Finding

  /// The place of an entry.
  private func place(_ index: Int) -> SnapshotPlace {
    let entry = decoded(index)
    return SnapshotPlace(root: entry.root, path: entry.path)
  }

  /// The first entry that does not come before a place; entries ascend by place.
  private func firstIndex(notBelow wanted: SnapshotPlace) -> Int {
    var low = 0
    var high = entryCount
    while low < high {
      let middle = (low + high) / 2
      if place(middle) < wanted { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Whether all that a patch forgets it sets again or keeps.
  private func keepsAllPaths(_ patch: SnapshotPatch, overwriting indexes: Set<Int>) -> Bool {
    let kept = Set(patch.kept)
    for (folder, isFoldersOnly) in patch.forgotten.map({ ($0, false) }) + patch.forgottenFolders.map({ ($0, true) }) {
      func isLost(_ index: Int, _ place: SnapshotPlace) -> Bool {
        if indexes.contains(index) || kept.contains(place) { return false }
        guard isFoldersOnly else { return true }
        switch entry(index).kind {
        case .folder, .untrustedFolder: return true
        case .file, .fileToHash, .missing, nil: return false
        }
      }
      let below = folder.path.isEmpty ? "" : folder.path + "/"
      let exact = firstIndex(notBelow: folder)
      if exact < entryCount, place(exact) == folder, isLost(exact, folder) { return false }
      var index = firstIndex(notBelow: SnapshotPlace(root: folder.root, path: below))
      while index < entryCount {
        let place = place(index)
        guard place.root == folder.root, place.path.bytes.starts(with: below.bytes) else { break }
        if isLost(index, place) { return false }
        index += 1
      }
    }
    return true
  }
}
