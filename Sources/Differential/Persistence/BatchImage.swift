// The bytes of a batch, as they are in memory and in a file.
//
// Words of 8 bytes in the byte order of the machine: magic and version; the sizes of a key's, a value's, a time's and a
// difference's form; counts of keys and rows; least and most radix, and the directory's shift; the
// number of pieces; the common time and the common difference, each in whole words; then the byte count of each piece. After
// that the pieces, each beginning at a multiple of 64 bytes: keys and their arena, offsets, values and their arena, times,
// differences, directory. A piece without bytes is a column that is not there.
//
// Version 1: this. A change of a record's radix or layout is a change of the format for its user, who keeps a version too.

/// A batch as bytes: for a store to keep, and to be mapped into memory later and read in place.
///
/// It keeps the batch's memory. The bytes hold no addresses. They mean something to a program that gives the record, time
/// and difference the same types; the machine's byte order and layout of types are part of them.
public struct BatchImage {
  @usableFromInline let header: [UInt64]
  @usableFromInline let pieces: [UnsafeRawBufferPointer]
  @usableFromInline let owner: AnyObject
  /// How many bytes there are: a multiple of ``alignment``.
  public let byteCount: Int

  /// Where bytes are mapped, their address is to be a multiple of this.
  public static var alignment: Int { 64 }

  static var magic: UInt64 { 0x3148_4354_4142_4652 }  // "RFBATCH1"
  /// Words of the header before the common time.
  static var fixedWords: Int { 8 }

  static func padded(_ count: Int) -> Int { (count + alignment - 1) & ~(alignment - 1) }

  init(header: [UInt64], pieces: [UnsafeRawBufferPointer], owner: AnyObject) {
    self.header = header
    self.pieces = pieces
    self.owner = owner
    byteCount = pieces.reduce(Self.padded(8 * header.count)) { $0 + Self.padded($1.count) }
  }

  /// Shows the bytes in order, piece by piece. They may be written as they come, and not kept.
  ///
  /// - Complexity: O(pieces), of which there are about ten.
  public func forEachPiece(_ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
    try header.withUnsafeBytes { try Self.show($0, body) }
    for piece in pieces where !piece.isEmpty { try Self.show(piece, body) }
    // The columns are alive up to here.
    withExtendedLifetime(owner) {}
  }

  /// Shows those of the bytes that are in a range, in order.
  ///
  /// - Complexity: O(pieces), of which there are about ten.
  public func forEachPiece(in range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
    var start = 0
    try forEachPiece { piece in
      let part = range.clamped(to: start..<start + piece.count)
      if !part.isEmpty {
        try body(UnsafeRawBufferPointer(rebasing: piece[part.lowerBound - start..<part.upperBound - start]))
      }
      start += piece.count
    }
  }

  private static func show(
    _ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> Void
  ) rethrows {
    try body(bytes)
    let missing = padded(bytes.count) - bytes.count
    guard missing > 0 else { return }
    try withUnsafeTemporaryAllocation(byteCount: missing, alignment: 1) { zeros in
      zeros.initializeMemory(as: UInt8.self, repeating: 0)
      try body(UnsafeRawBufferPointer(zeros))
    }
  }

  /// All bytes at once.
  ///
  /// - Complexity: O(bytes).
  public var bytes: [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(byteCount)
    forEachPiece { result.append(contentsOf: $0) }
    return result
  }
}

/// Why bytes are not the batch that was asked for.
public enum BatchImageError: Error, Equatable, Sendable {
  /// They do not begin like a batch of this version, or on a machine of this byte order.
  case unknownFormat
  /// They are a batch of other types of records, times or differences.
  case otherTypes
  /// Counts and sizes do not fit one another, or there are too few bytes.
  case damaged
  /// Their address is not a multiple of ``BatchImage/alignment``.
  case misaligned
}

extension Batch {
  private static var typeSizes: UInt64 {
    UInt64(MemoryLayout<Key.Stored>.size) | UInt64(MemoryLayout<Value.Stored>.size) << 16
      | UInt64(MemoryLayout<Time>.size) << 32 | UInt64(MemoryLayout<Diff>.size) << 48
  }

  private static var pieceCount: Int { 6 + Key.Arena.pieceCount + Value.Arena.pieceCount }

  /// How many bytes `count` forms take. Forms without content are not there at all.
  private static func size<T>(_ type: T.Type, _ count: Int) -> Int {
    MemoryLayout<T>.size == 0 ? 0 : MemoryLayout<T>.stride * count
  }

  /// The batch as bytes.
  ///
  /// - Complexity: O(1) if it has been searched, else O(keys): nothing is copied.
  public var image: BatchImage {
    prepareSearches()
    let columns = self.columns
    var header: [UInt64] = [
      BatchImage.magic, Self.typeSizes, UInt64(columns.keyCount), UInt64(columns.rowCount), columns.leastRadix,
      columns.mostRadix, columns.directoryShift, UInt64(Self.pieceCount),
    ]
    Self.append(columns.commonTime, to: &header)
    Self.append(columns.commonDifference, to: &header)
    var pieces: [UnsafeRawBufferPointer] = []
    func add<T>(_ pointer: UnsafeMutablePointer<T>?, _ count: Int) {
      pieces.append(UnsafeRawBufferPointer(start: pointer, count: pointer == nil ? 0 : Self.size(T.self, count)))
    }
    add(columns.keys.slots, columns.keyCount)
    columns.keys.arena.appendPieces(to: &pieces, records: columns.keyCount)
    add(columns.offsets, columns.keyCount + 1)
    add(columns.values.slots, columns.rowCount)
    columns.values.arena.appendPieces(to: &pieces, records: columns.rowCount)
    add(columns.times, columns.rowCount)
    add(columns.differences, columns.rowCount)
    add(columns.directory, columns.directoryCount)
    header += pieces.map { UInt64($0.count) }
    return BatchImage(header: header, pieces: pieces, owner: memory)
  }

  /// The memory that it takes, in bytes: what is read in place counts like what is held.
  ///
  /// - Complexity: O(pieces).
  var heldBytes: Int {
    columns.keys.heldBytes(columns.keyCount) + columns.values.heldBytes(columns.rowCount)
      + (columns.offsets == nil ? 0 : 4 * (columns.keyCount + 1))
      + (columns.times == nil ? 0 : Self.size(Time.self, columns.rowCount))
      + (columns.differences == nil ? 0 : Self.size(Diff.self, columns.rowCount)) + 4 * columns.directoryCount
  }

  private static func append<T: BitwiseCopyable>(_ value: T, to header: inout [UInt64]) {
    var words = [UInt64](repeating: 0, count: (MemoryLayout<T>.size + 7) / 8)
    words.withUnsafeMutableBytes { bytes in
      withUnsafeBytes(of: value) { bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0.prefix(bytes.count))) }
    }
    header += words
  }

  /// The batch that an image in memory is, read in place.
  ///
  /// The bytes are never written. They stay as they are as long as the owner lives, which the batch keeps.
  ///
  /// - Throws: If sizes and counts do not fit. Damage inside columns is not looked for: whoever keeps bytes checks their sums.
  /// - Complexity: O(1): few bytes are looked at.
  public convenience init(_ bytes: UnsafeRawBufferPointer, heldBy owner: AnyObject) throws(BatchImageError) {
    self.init(try Self.columns(in: bytes), heldBy: owner)
  }

  private static func columns(
    in bytes: UnsafeRawBufferPointer
  ) throws(BatchImageError) -> BatchColumns<Key, Value, Time, Diff> {
    guard let base = bytes.baseAddress, bytes.count >= BatchImage.alignment else { throw .damaged }
    guard Int(bitPattern: base) % BatchImage.alignment == 0 else { throw .misaligned }
    let words = UnsafeBufferPointer(
      start: base.assumingMemoryBound(to: UInt64.self), count: bytes.count / MemoryLayout<UInt64>.size)
    guard words[0] == BatchImage.magic else { throw .unknownFormat }
    guard words[1] == typeSizes, words[7] == UInt64(pieceCount) else { throw .otherTypes }
    let timeWords = (MemoryLayout<Time>.size + 7) / 8
    let differenceWords = (MemoryLayout<Diff>.size + 7) / 8
    let sizesAt = BatchImage.fixedWords + timeWords + differenceWords
    let headerWords = sizesAt + pieceCount
    guard headerWords <= words.count, let keyCount = Int(exactly: words[2]), let rowCount = Int(exactly: words[3]),
      0 < keyCount, keyCount <= rowCount, rowCount < Int(UInt32.max), words[6] < 64
    else { throw .damaged }

    var pieces: [UnsafeRawBufferPointer] = []
    var offset = BatchImage.padded(8 * headerWords)
    for index in 0..<pieceCount {
      guard let count = Int(exactly: words[sizesAt + index]), offset <= bytes.count, count <= bytes.count - offset
      else {
        throw .damaged
      }
      // A piece without bytes has an address all the same: records without content are read there.
      pieces.append(UnsafeRawBufferPointer(start: count == 0 ? base : base + offset, count: count))
      offset += BatchImage.padded(count)
    }
    var next = 0
    func take(_ count: Int) -> ArraySlice<UnsafeRawBufferPointer> {
      next += count
      return pieces[next - count..<next]
    }
    func required<T>(_ type: T.Type, _ count: Int) throws(BatchImageError) -> UnsafeMutablePointer<T> {
      let piece = take(1).first!
      guard piece.count == size(T.self, count) else { throw .damaged }
      return UnsafeMutablePointer(mutating: piece.baseAddress!.assumingMemoryBound(to: T.self))
    }
    func optional<T>(_ type: T.Type, _ count: Int) throws(BatchImageError) -> UnsafeMutablePointer<T>? {
      if pieces[next].isEmpty {
        next += 1
        return nil
      }
      return try required(T.self, count)
    }
    let keySlots = try required(Key.Stored.self, keyCount)
    guard let keyArena = Key.Arena(pieces: take(Key.Arena.pieceCount), records: keyCount) else { throw .damaged }
    let offsets = try optional(UInt32.self, keyCount + 1)
    let valueSlots = try required(Value.Stored.self, rowCount)
    guard let valueArena = Value.Arena(pieces: take(Value.Arena.pieceCount), records: rowCount) else { throw .damaged }
    let times = try optional(Time.self, rowCount)
    let differences = try optional(Diff.self, rowCount)
    if let offsets {
      guard offsets[0] == 0, Int(offsets[keyCount]) == rowCount else { throw .damaged }
    } else if keyCount != rowCount {
      throw .damaged
    }
    var columns = BatchColumns<Key, Value, Time, Diff>(
      keys: Column(slots: keySlots, arena: keyArena), offsets: offsets,
      values: Column(slots: valueSlots, arena: valueArena), times: times, differences: differences,
      commonTime: UnsafeRawPointer(base).loadUnaligned(fromByteOffset: 8 * BatchImage.fixedWords, as: Time.self),
      commonDifference: UnsafeRawPointer(base).loadUnaligned(
        fromByteOffset: 8 * (BatchImage.fixedWords + timeWords), as: Diff.self),
      keyCount: keyCount, rowCount: rowCount)
    columns.leastRadix = words[4]
    columns.mostRadix = words[5]
    columns.directoryShift = words[6]
    guard words[4] <= words[5] else { throw .damaged }
    if !pieces[next].isEmpty {
      columns.directory = try required(UInt32.self, pieces[next].count / 4)
      guard columns.directoryCount == pieces[next - 1].count / 4 else { throw .damaged }
    }
    return columns
  }
}

extension Column {
  /// Of so many records, in bytes.
  func heldBytes(_ count: Int) -> Int {
    var pieces: [UnsafeRawBufferPointer] = []
    arena.appendPieces(to: &pieces, records: count)
    return pieces.reduce(MemoryLayout<Element.Stored>.size == 0 ? 0 : MemoryLayout<Element.Stored>.stride * count) {
      $0 + $1.count
    }
  }
}

extension Merge {
  /// The memory that what has been merged so far takes, in bytes.
  var heldBytes: Int {
    let (keys, rows) = (builder.keyCount, builder.rowCount)
    return builder.keys.heldBytes(keys) + builder.values.heldBytes(rows) + (builder.offsets == nil ? 0 : 4 * (keys + 1))
      + (builder.times == nil ? 0 : MemoryLayout<Time>.stride * rows)
      + (builder.differences == nil ? 0 : MemoryLayout<Diff>.stride * rows)
  }
}
