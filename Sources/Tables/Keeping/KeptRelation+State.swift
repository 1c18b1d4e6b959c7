import BuildGraph
import Diagnostics
import Language
import Ports

// The root of what a relation keeps: which blobs are what. Written by `BinaryWriter`:
//
//     format 8 · relations: count, keys · whether it forgets what cannot matter
//     strings at first, compact · layers: count, names of 8 bytes each
//     checkpoint: length and bytes · loops: count, then for each its words · nodes: count, for each its rows
//     tables: count; for each the files: count, ascending by name; for each name, path, digest if it is known,
//       size of its blocks or 0 and their digests, chunks, end; then those that are followed, see ``KeptRelation/write(_:to:)``
//     chunk: length, digest, exit, content: rows, name, base; its entry is the exit of the one before
//     for each relation pieces of the output: count; for each rows, the words of the first, texts
//
// Another layout of what is kept, another hash of strings or another order of a dataflow's operators is another format.

extension KeptRelation {
  private static let format: UInt32 = 8

  /// Strings that no row has any more are never removed; when they are so many more than at first, all begins anew.
  private static let stringGrowth = 4
  private static let freeStrings = 1 << 20

  // MARK: Writing

  /// Leaves all that a later process needs.
  ///
  /// - Parameter stays: whether this process goes on with it: merges are not completed then, and what is read in chunks stays in memory.
  /// - Throws: what the store throws, or that something cannot be kept: `unsupported`, if it may be when it has changed.
  /// - Complexity: in proportion to what came since it was kept last, times a logarithm on average; and O(chunks).
  func keep(on shelf: TraceShelf, stays: Bool) throws {
    guard !hasFaults else { throw SystemError(.unsupported, "some row has no value") }
    for (output, changes) in zip(outputs, try flow.takeAll()) { try output.apply(changes) }
    var writer = BinaryWriter(reserving: 1 << 16)
    var live: [UInt64] = []
    writer.write(Self.format)
    writer.write(compact: relations.count)
    for relation in relations { writer.write(relation.key) }
    writer.write(flow.forgets)
    writer.write(compact: stringsAtFirst ?? strings.count)
    let layers = try keepStrings(on: shelf)
    writer.write(compact: layers.count)
    for name in layers { writer.write(name) }
    live += layers

    let kept = try flow.keep(on: shelf, finishesMerges: !stays)
    live += kept.blobs
    writer.write(compact: kept.checkpoint.count)
    writer.append(kept.checkpoint)
    writer.write(compact: kept.loops.count)
    for words in kept.loops {
      writer.write(compact: words.count)
      for word in words { writer.write(word) }
    }
    writer.write(compact: kept.held.count)
    for held in kept.held { writer.write(UInt64(bitPattern: Int64(held))) }

    writer.write(compact: files.count)
    for (files, tails) in zip(files, tails) {
      writer.write(compact: files.count)
      for (name, file) in files.sorted(by: { $0.key < $1.key }) {
        _ = try file.keep(on: shelf, holds: stays, while: { true })
        writer.write(compact: name)
        writer.write(compact: file.path)
        write(file, to: &writer, &live)
      }
      writer.write(compact: tails.count)
      for (name, tail) in tails.sorted(by: { $0.key < $1.key }) {
        guard let kept = tail.kept else { throw SystemError(.unsupported, "it is not known what was read of a file") }
        writer.write(compact: name)
        writer.write(compact: tail.path)
        write(kept, to: &writer)
      }
    }
    for output in outputs {
      _ = try output.keep(on: shelf, while: { true })
      writer.write(compact: output.pieces.count)
      for piece in output.pieces { write(piece, to: &writer, &live) }
    }
    try shelf.store.commit(root: writer.bytes, live: live)
    self.shelf = shelf
    for output in outputs { output.shelf = shelf }
    noteKept()
  }

  /// size · the record that has begun · exit · parts: count, for each its end and its digest · records without rows, of the last
  /// record and before · words of the last record's rows, plus one, or 0; and these
  private func write(_ tail: TailedFile.Kept, to writer: inout BinaryWriter) {
    writer.write(compact: tail.size)
    writer.write(compact: ByteString(bytes: tail.begun))
    var none: [Int]?
    write(tail.entry, after: &none, to: &writer)
    writer.write(compact: tail.digests.count)
    for part in tail.digests {
      writer.write(compact: part.end)
      writer.write(part.digest)
    }
    for counts in [tail.lastCounts, tail.countsBefore] {
      writer.write(compact: counts.dropped)
      writer.write(compact: counts.faults)
    }
    writer.write(compact: tail.last.map { $0.words.count + 1 } ?? 0)
    for word in tail.last?.words ?? [] { writer.write(word) }
  }

  private func write(_ file: ChunkedFile, to writer: inout BinaryWriter, _ live: inout [UInt64]) {
    writer.write(file.digest != nil)
    if let digest = file.digest { writer.write(digest) }
    writer.write(compact: file.blocks?.blockBytes ?? 0)
    if let blocks = file.blocks {
      writer.write(compact: blocks.digests.count)
      for digest in blocks.digests { writer.write(digest) }
    }
    writer.write(compact: file.pieces.count)
    var targets: [Int]? = ScanState(file.reader.table).targets
    for piece in file.pieces {
      writer.write(compact: piece.chunk.length)
      writer.write(piece.chunk.digest)
      write(piece.exit, after: &targets, to: &writer)
      writer.write(compact: piece.dropped)
      writer.write(compact: piece.faults)
      write(piece.rows, to: &writer, &live)
    }
    writer.write(file.last != nil)
    if let last = file.last {
      writer.write(last.chunk.digest)
      writer.write(compact: last.dropped)
      writer.write(compact: last.faults)
      write(last.rows, to: &writer, &live)
    }
  }

  private func write(_ exit: ChunkedFile.Entry, after targets: inout [Int]?, to writer: inout BinaryWriter) {
    writer.write(exit.state.isStart)
    writer.write(exit.state.targets != targets)
    if exit.state.targets != targets {
      targets = exit.state.targets
      writer.write(targets != nil)
      writer.write(compact: targets?.count ?? 0)
      // A field that is no column is -1.
      for target in targets ?? [] { writer.write(compact: target + 1) }
    }
    writer.write(compact: exit.record)
    writer.write(exit.begun != nil)
    if let begun = exit.begun { writer.write(compact: ByteString(bytes: begun.bytes)) }
  }

  private func write(_ rows: KeptChunk, to writer: inout BinaryWriter, _ live: inout [UInt64]) {
    writer.write(compact: rows.count)
    writer.write(compact: Int(rows.name ?? 0))
    writer.write(compact: Int(rows.base ?? 0))
    if let name = rows.name { live.append(name) }
    if let base = rows.base { live.append(base) }
  }

  private func write(_ rows: KeptRows, to writer: inout BinaryWriter, _ live: inout [UInt64]) {
    writer.write(compact: rows.count)
    writer.write(rows.name ?? 0)
    if let name = rows.name { live.append(name) }
  }

  private func write(_ piece: SortedOutput.Piece, to writer: inout BinaryWriter, _ live: inout [UInt64]) {
    write(piece.rows, to: &writer, &live)
    for word in piece.first { writer.write(word) }
    let texts = Self.textForms.filter { piece.texts[$0]?.name != nil }
    writer.write(compact: texts.count)
    for form in texts {
      guard let text = piece.texts[form], let name = text.name, let tag = Self.textForms.firstIndex(of: form) else {
        continue
      }
      writer.write(UInt8(tag))
      writer.write(compact: text.count)
      writer.write(name)
      live.append(name)
    }
  }

  /// The forms that are put together of texts of pieces.
  private static let textForms: [TableStep.Form] = [.csv, .tsv, .jsonl, .rows]

  // MARK: Reading

  /// What an earlier process has left of relations that are kept together.
  ///
  /// - Parameters:
  ///   - forgets: whether rows that cannot matter any more, as long as files only grow, are forgotten from now on; where the earlier
  ///     process has forgotten some, so does this one. Nil if none must have been forgotten.
  ///   - census: as for one that is made; nil to keep all strings.
  /// - Throws: where it cannot be used.
  /// - Complexity: O(chunks and batches), whatever their size.
  static func resumed(
    _ relations: [Relation], roundLimit: Int, chunking: Chunking = .standard, from shelf: TraceShelf,
    forgets: Bool? = false, census: (strings: Int, bytes: Int)? = nil
  ) throws -> KeptRelation {
    guard let root = shelf.store.root else { throw TraceShelf.damaged }
    var reader = BinaryReader(root)
    guard reader.readUInt32() == format else { throw SystemError(.newerVersion, "it is of another format") }
    guard reader.readCount() == relations.count else { throw otherTables }
    for relation in relations { guard reader.readDigest() == relation.key else { throw otherTables } }
    guard let hasForgotten = reader.readBool() else { throw TraceShelf.damaged }
    if hasForgotten, forgets == nil { throw SystemError(.unsupported, "it has forgotten rows that matter") }
    guard let stringsAtFirst = reader.readCount(below: .max), let layerCount = reader.readCount() else {
      throw TraceShelf.damaged
    }
    var layers: [StringLayer] = []
    for _ in 0..<layerCount {
      guard let name = reader.readUInt64() else { throw TraceShelf.damaged }
      let blob = try shelf.blob(name)
      guard let layer = StringLayer(blob.bytes, heldBy: blob.owner, name: name),
        layer.first == layers.reduce(0, { $0 + $1.count })
      else { throw TraceShelf.damaged }
      layers.append(layer)
    }
    let stringCount = layers.reduce(0) { $0 + $1.count }
    guard stringCount <= freeStrings || stringCount / stringGrowth <= stringsAtFirst else {
      throw SystemError(.limit, "most of its strings are in no row any more")
    }
    let kept = try KeptRelation(
      relations, roundLimit: roundLimit, chunking: chunking, on: shelf, layers,
      forgets: hasForgotten || forgets == true, census: census)
    kept.stringsAtFirst = stringsAtFirst
    try kept.flow.resume(try readFlow(&reader), from: shelf)
    guard reader.readCount() == kept.files.count else { throw TraceShelf.damaged }
    var files: [[ByteString: ChunkedFile]] = []
    var tails: [[ByteString: TailedFile]] = []
    for source in kept.flow.sources {
      files.append(try kept.readFiles(of: source, &reader))
      tails.append(try kept.readTails(of: source, &reader))
    }
    kept.adopt(files, tails)
    for (relation, output) in zip(relations, kept.outputs) {
      output.adopt(try readPieces(relation.columns.count, &reader))
    }
    guard reader.isAtEnd else { throw TraceShelf.damaged }
    kept.noteKept()
    return kept
  }

  private static let otherTables = SystemError(.unsupported, "it is of other tables of the same files")

  private func readTails(
    of source: RelationFlow.Source, _ reader: inout BinaryReader
  ) throws(SystemError) -> [ByteString: TailedFile] {
    let table = source.table
    guard let count = reader.readCount() else { throw TraceShelf.damaged }
    var tails: [ByteString: TailedFile] = [:]
    for _ in 0..<count {
      guard let name = reader.readCompactByteString(), let path = reader.readCompactByteString(),
        let size = reader.readCount(below: .max), let begun = reader.readCompactByteString()
      else { throw TraceShelf.damaged }
      var start = ChunkedFile.Entry(state: ScanState(table))
      start.state.targets = nil
      let entry = try Self.readExit(after: start, table.format, &reader)
      guard let parts = reader.readCount() else { throw TraceShelf.damaged }
      var digests: [TailedFile.Part] = []
      for _ in 0..<parts {
        guard let end = reader.readCount(below: .max), let digest = reader.readDigest(),
          end > digests.last?.end ?? 0, end <= size
        else { throw TraceShelf.damaged }
        digests.append(TailedFile.Part(end: end, digest: digest))
      }
      var counts: [TailedFile.Counts] = []
      for _ in 0..<2 {
        guard let dropped = reader.readCount(below: .max), let faults = reader.readCount(below: .max) else {
          throw TraceShelf.damaged
        }
        counts.append(TailedFile.Counts(dropped: dropped, faults: faults))
      }
      let tableReader = TableReader(table, strings, source.stage)
      guard let words = reader.readCount(below: .max) else { throw TraceShelf.damaged }
      var last: RowList?
      if words > 0 {
        var rows = RowList(tableReader.kinds)
        rows.words = try Self.readWords(words - 1, &reader)
        last = rows
      }
      tails[name] = TailedFile(
        tableReader, path: path,
        TailedFile.Kept(
          size: size, begun: begun.bytes, entry: entry, digests: digests, last: last, lastCounts: counts[0],
          countsBefore: counts[1]))
    }
    return tails
  }

  private static func readFlow(_ reader: inout BinaryReader) throws(SystemError) -> RelationFlow.Kept {
    guard let length = reader.readCount() else { throw TraceShelf.damaged }
    var kept = RelationFlow.Kept(checkpoint: [], loops: [], held: [], blobs: [])
    kept.checkpoint.reserveCapacity(length)
    for _ in 0..<length {
      guard let byte = reader.readUInt8() else { throw TraceShelf.damaged }
      kept.checkpoint.append(byte)
    }
    guard let loops = reader.readCount() else { throw TraceShelf.damaged }
    for _ in 0..<loops {
      guard let count = reader.readCount() else { throw TraceShelf.damaged }
      kept.loops.append(try readWords(count, &reader))
    }
    guard let nodes = reader.readCount() else { throw TraceShelf.damaged }
    kept.held = try readWords(nodes, &reader).map { Int(truncatingIfNeeded: $0) }
    return kept
  }

  private static func readWords(_ count: Int, _ reader: inout BinaryReader) throws(SystemError) -> [UInt64] {
    var words: [UInt64] = []
    for _ in 0..<count {
      guard let word = reader.readUInt64() else { throw TraceShelf.damaged }
      words.append(word)
    }
    return words
  }

  private func readFiles(
    of source: RelationFlow.Source, _ reader: inout BinaryReader
  ) throws(SystemError) -> [ByteString: ChunkedFile] {
    let table = source.table
    guard let count = reader.readCount() else { throw TraceShelf.damaged }
    var files: [ByteString: ChunkedFile] = [:]
    for _ in 0..<count {
      guard let name = reader.readCompactByteString(), let path = reader.readCompactByteString(),
        let hasDigest = reader.readBool()
      else { throw TraceShelf.damaged }
      let digest = hasDigest ? reader.readDigest() : nil
      guard hasDigest == (digest != nil) else { throw TraceShelf.damaged }
      let blocks = try Self.readBlocks(&reader)
      guard let chunks = reader.readCount() else { throw TraceShelf.damaged }
      var pieces: [ChunkedFile.Piece] = []
      pieces.reserveCapacity(chunks)
      var entry = ChunkedFile.Entry(state: ScanState(table))
      for _ in 0..<chunks {
        guard let length = reader.readCount(below: .max), let digest = reader.readDigest() else {
          throw TraceShelf.damaged
        }
        let exit = try Self.readExit(after: entry, table.format, &reader)
        guard let dropped = reader.readCount(below: .max), let faults = reader.readCount(below: .max) else {
          throw TraceShelf.damaged
        }
        pieces.append(
          ChunkedFile.Piece(
            chunk: Chunk(length: length, digest: digest), entry: entry, exit: exit,
            rows: try Self.readChunk(&reader), dropped: dropped, faults: faults))
        entry = exit
      }
      guard let hasLast = reader.readBool() else { throw TraceShelf.damaged }
      var last: ChunkedFile.Piece?
      if hasLast {
        guard let digest = reader.readDigest(), let dropped = reader.readCount(below: .max),
          let faults = reader.readCount(below: .max)
        else { throw TraceShelf.damaged }
        last = ChunkedFile.Piece(
          chunk: Chunk(length: 0, digest: digest), entry: entry, exit: entry,
          rows: try Self.readChunk(&reader), dropped: dropped, faults: faults)
      }
      let file = ChunkedFile(TableReader(table, strings, source.stage), path: path, chunking: chunking)
      file.adopt(pieces, last: last, digest: digest, blocks: blocks)
      files[name] = file
    }
    return files
  }

  private static func readBlocks(_ reader: inout BinaryReader) throws(SystemError) -> BlockDigests? {
    guard let blockBytes = reader.readCount(below: 1 << 30) else { throw TraceShelf.damaged }
    guard blockBytes > 0 else { return nil }
    guard let count = reader.readCount() else { throw TraceShelf.damaged }
    var digests: [Digest] = []
    digests.reserveCapacity(count)
    for _ in 0..<count {
      guard let digest = reader.readDigest() else { throw TraceShelf.damaged }
      digests.append(digest)
    }
    return BlockDigests(blockBytes: blockBytes, digests: digests)
  }

  private static func readExit(
    after entry: ChunkedFile.Entry, _ format: FileTable.Format, _ reader: inout BinaryReader
  ) throws(SystemError) -> ChunkedFile.Entry {
    var exit = entry
    guard let isStart = reader.readBool(), let isOther = reader.readBool() else { throw TraceShelf.damaged }
    exit.state.isStart = isStart
    if isOther {
      guard let hasTargets = reader.readBool(), let count = reader.readCount() else { throw TraceShelf.damaged }
      var targets: [Int] = []
      for _ in 0..<count {
        guard let target = reader.readCount(below: 1 << 20) else { throw TraceShelf.damaged }
        targets.append(target - 1)
      }
      exit.state.targets = hasTargets ? targets : nil
    }
    guard let record = reader.readCount(below: .max), let isBegun = reader.readBool() else { throw TraceShelf.damaged }
    exit.record = record
    exit.begun = nil
    if isBegun {
      guard let bytes = reader.readCompactByteString() else { throw TraceShelf.damaged }
      exit.begun = bytes.bytes.withUnsafeBufferPointer { Begun(format, $0, after: nil) }
    }
    return exit
  }

  private static func readChunk(_ reader: inout BinaryReader) throws(SystemError) -> KeptChunk {
    guard let count = reader.readCount(below: .max), let name = reader.readCompact(), let base = reader.readCompact(),
      (count == 0) == (name == 0), name != 0 || base == 0
    else { throw TraceShelf.damaged }
    return KeptChunk(named: name == 0 ? nil : name, base: base == 0 ? nil : base, count: count)
  }

  private static func readPieces(
    _ width: Int, _ reader: inout BinaryReader
  ) throws(SystemError) -> [SortedOutput.Piece] {
    guard let count = reader.readCount() else { throw TraceShelf.damaged }
    var pieces: [SortedOutput.Piece] = []
    pieces.reserveCapacity(count)
    for _ in 0..<count {
      guard let rowCount = reader.readCount(below: .max), rowCount > 0, let name = reader.readUInt64(), name != 0
      else { throw TraceShelf.damaged }
      let first = try readWords(width, &reader)
      guard let textCount = reader.readCount() else { throw TraceShelf.damaged }
      var texts: [TableStep.Form: KeptText] = [:]
      for _ in 0..<textCount {
        guard let tag = reader.readUInt8(), Int(tag) < textForms.count, let length = reader.readCount(below: .max),
          let name = reader.readUInt64()
        else { throw TraceShelf.damaged }
        texts[textForms[Int(tag)]] = KeptText(named: name, count: length)
      }
      pieces.append(SortedOutput.Piece(KeptRows(named: name, count: rowCount), first: first, texts: texts))
    }
    return pieces
  }
}

extension BinaryReader {
  /// How many follow, of things that take a byte at least.
  fileprivate mutating func readCount() -> Int? { readCount(below: remaining + 1) }

  fileprivate mutating func readCount(below limit: Int) -> Int? {
    guard let count = readCompact().flatMap({ Int(exactly: $0) }), count < limit else { return nil }
    return count
  }
}
