import BuildGraph
import Diagnostics
import Language
import Ports

// The root of what a relation keeps: which blobs are what. Written by `BinaryWriter`:
//
//     format 7 · strings at first, compact · layers: count, names of 8 bytes each
//     checkpoint: length and bytes · loops: count, then for each its words · nodes: count, for each its rows
//     tables: count; for each the files: count, ascending by name; for each name, path, digest if it is known,
//       size of its blocks or 0 and their digests, chunks, end
//     chunk: length, digest, exit, content: rows, name, base; its entry is the exit of the one before
//     pieces of the output: count; for each rows, the words of the first, texts
//
// Another layout of what is kept, another hash of strings or another order of a dataflow's operators is another format.

extension KeptRelation {
  private static let format: UInt32 = 7

  /// Strings that no row has any more are never removed; when they are so many more than at first, all begins anew.
  private static let stringGrowth = 4
  private static let freeStrings = 1 << 20

  // MARK: Writing

  /// Leaves all that a later process needs.
  ///
  /// - Precondition: the last update came to an output.
  /// - Throws: what the store throws, or that something cannot be kept.
  /// - Complexity: in proportion to what came since it was kept last, times a logarithm on average; and O(chunks).
  func keep(on shelf: TraceShelf) throws {
    var writer = BinaryWriter(reserving: 1 << 16)
    var live: [UInt64] = []
    writer.write(Self.format)
    writer.write(compact: stringsAtFirst ?? strings.count)
    let layers = try keepStrings(on: shelf)
    writer.write(compact: layers.count)
    for name in layers { writer.write(name) }
    live += layers

    let kept = try flow.keep(on: shelf)
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
    for files in files {
      writer.write(compact: files.count)
      for (name, file) in files.sorted(by: { $0.key < $1.key }) {
        try file.keep(on: shelf)
        writer.write(compact: name)
        writer.write(compact: file.path)
        write(file, to: &writer, &live)
      }
    }
    try output.keep(on: shelf)
    writer.write(compact: output.pieces.count)
    for piece in output.pieces { write(piece, to: &writer, &live) }
    try shelf.store.commit(root: writer.bytes, live: live)
  }

  /// - Returns: the names of all layers, ascending. Small ones are put together, so that there are few.
  private func keepStrings(on shelf: TraceShelf) throws(SystemError) -> [UInt64] {
    var layers = strings.layers
    guard strings.count > strings.layeredCount else { return layers.map(\.name) }
    var first = strings.layeredCount
    while let last = layers.last, last.count <= 2 * (strings.count - first) {
      first = last.first
      layers.removeLast()
    }
    guard let bytes = StringLayer.encoded(first..<strings.count, of: strings) else {
      throw SystemError(.limit, "its strings take more than 4 GiB")
    }
    return layers.map(\.name) + [try shelf.store(bytes)]
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

  /// What an earlier process has left of a relation.
  ///
  /// - Parameter forgets: whether rows that cannot matter any more, as long as files only grow, are forgotten from now on. It cannot be
  ///   kept then.
  /// - Throws: where it cannot be used.
  /// - Complexity: O(chunks and batches), whatever their size.
  static func resumed(
    _ relation: Relation, roundLimit: Int, chunking: Chunking = .standard, from shelf: TraceShelf,
    forgets: Bool = false, census: (strings: Int, bytes: Int) = (1 << 16, 8 << 20)
  ) throws -> KeptRelation {
    guard let root = shelf.store.root else { throw TraceShelf.damaged }
    var reader = BinaryReader(root)
    guard reader.readUInt32() == format else { throw SystemError(.newerVersion, "it is of another format") }
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
      relation, roundLimit: roundLimit, chunking: chunking, on: shelf, layers, forgets: forgets, census: census)
    kept.stringsAtFirst = stringsAtFirst
    try kept.flow.resume(try readFlow(&reader), from: shelf)
    guard reader.readCount() == kept.files.count else { throw TraceShelf.damaged }
    var files: [[ByteString: ChunkedFile]] = []
    for source in kept.flow.sources { files.append(try kept.readFiles(of: source, &reader)) }
    kept.adopt(files)
    kept.output.adopt(try readPieces(relation.columns.count, &reader))
    guard reader.isAtEnd else { throw TraceShelf.damaged }
    return kept
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
