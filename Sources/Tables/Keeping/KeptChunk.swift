import BuildGraph
import Diagnostics
import Language
import Ports

/// Records that follow each other in a chunk, with the rows that they came to.
struct Stretch {
  /// In bytes; 0 where it is not to be taken over: its rows do not follow from its bytes alone.
  var length: Int
  /// Of the bytes.
  var digest: Digest
  var rows: Range<Int>
  /// Whether the rows are those of the base, and not its own.
  var isOfBase: Bool
}

/// Rows that are kept since an earlier process, of a chunk from which others take over.
final class ChunkBase {
  let name: UInt64
  let rows: PackedRows
  private let owner: AnyObject

  init(name: UInt64, _ rows: PackedRows, heldBy owner: AnyObject) {
    self.name = name
    self.rows = rows
    self.owner = owner
  }
}

/// What a chunk of a file came to: rows by stretches, in their order.
struct ChunkContent {
  var stretches: [Stretch] = []
  /// Rows of its own, in any order.
  var own: RowList
  /// What it has taken over, where that is kept.
  var base: ChunkBase?

  /// - Complexity: O(stretches).
  var count: Int { stretches.reduce(0) { $0 + $1.rows.count } }

  /// - Complexity: O(words).
  func append(_ stretch: Stretch, to rows: inout RowList) {
    if stretch.isOfBase {
      base?.rows.append(stretch.rows, to: &rows)
    } else {
      rows.words.append(
        contentsOf: own.words[stretch.rows.lowerBound * own.width..<stretch.rows.upperBound * own.width])
    }
  }

  /// All rows, in order.
  var rows: RowList {
    var rows = RowList(own.kinds)
    for stretch in stretches { append(stretch, to: &rows) }
    return rows
  }

  /// The same without a base.
  var whole: ChunkContent {
    var whole = ChunkContent(own: rows)
    var start = 0
    for var stretch in stretches {
      stretch.rows = start..<start + stretch.rows.count
      stretch.isOfBase = false
      start = stretch.rows.upperBound
      whole.stretches.append(stretch)
    }
    return whole
  }

  // MARK: Keeping

  //     0   bytes of the packed rows 8 · its own rows, as ``RowPacking``
  //         stretches, 32 each: bytes 4 · first row 4 · rows 4 · whether they are of the base 4 · digest 16

  private static let stretchBytes = 32

  func encoded() -> [UInt8] {
    let packed = RowPacking.pack(own)
    var writer = BinaryWriter(reserving: 8 + packed.count + stretches.count * Self.stretchBytes)
    writer.write(UInt64(packed.count))
    writer.append(packed)
    for stretch in stretches {
      writer.write(UInt32(stretch.length))
      writer.write(UInt32(stretch.rows.lowerBound))
      writer.write(UInt32(stretch.rows.count))
      writer.write(UInt32(stretch.isOfBase ? 1 : 0))
      writer.write(stretch.digest.high)
      writer.write(stretch.digest.low)
    }
    return writer.bytes
  }

  /// What is kept under a name.
  ///
  /// - Throws: `damaged`.
  /// - Complexity: O(stretches), and O(rows) of its own beside a base.
  init(named name: UInt64, base baseName: UInt64?, _ kinds: [ColumnKind], from shelf: TraceShelf) throws(SystemError) {
    let (rows, table, owner) = try Self.parts(of: name, kinds, from: shelf)
    own = RowList(kinds)
    if let baseName {
      rows.append(0..<rows.count, to: &own)
      let (rows, _, owner) = try Self.parts(of: baseName, kinds, from: shelf)
      base = ChunkBase(name: baseName, rows, heldBy: owner)
    } else {
      base = ChunkBase(name: name, rows, heldBy: owner)
    }
    let baseCount = base?.rows.count ?? 0
    stretches.reserveCapacity(table.count / Self.stretchBytes)
    for start in stride(from: 0, to: table.count, by: Self.stretchBytes) {
      func word<Word: FixedWidthInteger>(_ offset: Int) -> Word {
        Word(littleEndian: table.loadUnaligned(fromByteOffset: start + offset, as: Word.self))
      }
      let first = Int(word(4) as UInt32)
      let stretch = Stretch(
        length: Int(word(0) as UInt32), digest: Digest(high: word(16), low: word(24)),
        rows: first..<first + Int(word(8) as UInt32), isOfBase: baseName == nil || word(12) as UInt32 == 1)
      guard stretch.rows.upperBound <= (stretch.isOfBase ? baseCount : own.count) else { throw TraceShelf.damaged }
      stretches.append(stretch)
    }
    withExtendedLifetime(owner) {}
  }

  private static func parts(
    of name: UInt64, _ kinds: [ColumnKind], from shelf: TraceShelf
  ) throws(SystemError) -> (rows: PackedRows, table: UnsafeRawBufferPointer, owner: AnyObject) {
    let blob = try shelf.blob(name)
    guard blob.bytes.count >= 8,
      let length = Int(exactly: UInt64(littleEndian: blob.bytes.loadUnaligned(as: UInt64.self))),
      length <= blob.bytes.count - 8, (blob.bytes.count - 8 - length) % stretchBytes == 0,
      let rows = PackedRows(UnsafeRawBufferPointer(rebasing: blob.bytes[8..<8 + length]), kinds)
    else { throw TraceShelf.damaged }
    return (rows, UnsafeRawBufferPointer(rebasing: blob.bytes[(8 + length)...]), blob.owner)
  }
}

extension ChunkContent {
  /// Of nothing.
  init(own: RowList) { self.own = own }
}

/// What a chunk came to, in memory, or kept since an earlier process and read when somebody asks for it.
struct KeptChunk {
  /// Rows.
  let count: Int
  private var content: ChunkContent?
  /// What it is called where it is kept, and what its base is.
  private(set) var name: UInt64?
  private(set) var base: UInt64?

  init(_ content: ChunkContent) {
    self.content = content
    count = content.count
    base = content.base?.name
  }

  /// Of one stretch that is not to be taken over.
  init(_ rows: RowList) {
    var content = ChunkContent(own: rows)
    content.stretches = [
      Stretch(length: 0, digest: Digest(high: 0, low: 0), rows: 0..<rows.count, isOfBase: false)
    ]
    self.init(content)
  }

  /// - Parameter name: nil without rows.
  init(named name: UInt64?, base: UInt64?, count: Int) {
    self.name = name
    self.base = base
    self.count = count
  }

  /// - Throws: `damaged`, where it is kept and cannot be read.
  func content(_ kinds: [ColumnKind], from shelf: TraceShelf?) throws(SystemError) -> ChunkContent {
    if let content { return content }
    guard let name, let shelf else { return ChunkContent(own: RowList(kinds)) }
    let content = try ChunkContent(named: name, base: base, kinds, from: shelf)
    guard content.count == count else { throw TraceShelf.damaged }
    return content
  }

  /// All rows, in order.
  ///
  /// - Throws: `damaged`, where they are kept and cannot be read.
  /// - Complexity: O(rows).
  func rows(_ kinds: [ColumnKind], from shelf: TraceShelf?) throws(SystemError) -> RowList {
    try content(kinds, from: shelf).rows
  }

  /// Keeps it, unless it is already; without rows there is nothing to keep.
  ///
  /// - Parameter holds: whether it stays in memory as well: who is to go on may not find it where it is kept.
  mutating func keep(on shelf: TraceShelf, holds: Bool = false) throws(SystemError) {
    guard name == nil, count > 0, let content else { return }
    name = try shelf.store(content.encoded())
    if !holds { self.content = nil }
  }
}
