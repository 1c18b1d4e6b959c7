import BuildGraph
import Diagnostics
import Differential
import Language
import Ports

/// What of a relation that stays in memory is on a shelf already, or on its way there.
struct Keeping {
  /// Strings with consecutive numbers that are kept.
  struct Layer {
    var first: Int
    var count: Int
    var name: UInt64
  }

  /// A large batch, of which a part is written.
  struct Writing {
    var batch: UnstoredBatch
    var writer: any TraceBlobWriter
    var position = 0
  }

  /// What tells that there is something new to keep.
  struct Signature: Equatable {
    var parsedBytes: Int
    var changedRows: Int
    var files: Int
    var texts: Int
  }

  /// Ascending, without gaps.
  var layers: [Layer] = []
  /// Of the strings when the layers were written: since then a number may have become another string's.
  var changeCount = 0
  var writing: Writing?
  /// What was kept last; nil before the first time.
  var signature: Signature?
  /// Whether what was stored may have been lost: nothing more is kept by this process.
  var hasFailed = false

  /// Batches from this size on are stored by themselves, before all is kept.
  static let leastBytes = 1 << 16
  /// Batches from this size on are written in pieces, of this size.
  static let pieceBytes = 1 << 20
  /// So many strings are written at once, where there are not many times as many.
  static let stringsAtOnce = 1 << 17
}

extension KeptRelation {
  private var signature: Keeping.Signature {
    Keeping.Signature(
      parsedBytes: parsedBytes, changedRows: changedRows,
      files: files.reduce(0) { $0 + $1.count } + tails.reduce(0) { $0 + $1.count },
      texts: outputs.reduce(0) { $0 + $1.textCount })
  }

  /// Whether it is not as it was kept last.
  var isChanged: Bool { keeping.signature != signature }

  /// Notes that it is kept as it is, or cannot be as long as it is like this.
  func noteKept() { keeping.signature = signature }

  /// Puts on the shelf what never changes, piece by piece: rows of chunks, strings, pieces of outputs and large batches. All of it counts
  /// only when the relation is kept; what is of no use by then goes.
  ///
  /// - Returns: false if it was told to stop; it goes on where it was.
  /// - Throws: what the store throws.
  func store(on shelf: TraceShelf, while mayContinue: () -> Bool) throws -> Bool {
    guard try goOnWriting(while: mayContinue), try storeStrings(on: shelf, while: mayContinue) else { return false }
    for files in files {
      for (_, file) in files.sorted(by: { $0.key < $1.key }) {
        guard try file.keep(on: shelf, holds: true, while: mayContinue) else { return false }
      }
    }
    for output in outputs { guard try output.keep(on: shelf, while: mayContinue) else { return false } }
    while let batch = flow.unstoredBatch(ofAtLeast: Keeping.leastBytes) {
      guard mayContinue() else { return false }
      if batch.image.byteCount < Keeping.pieceBytes {
        batch.isStored(as: try shelf.store(batch.image))
      } else {
        keeping.writing = Keeping.Writing(batch: batch, writer: try shelf.store.begin())
        guard try goOnWriting(while: mayContinue) else { return false }
      }
    }
    return true
  }

  private func goOnWriting(while mayContinue: () -> Bool) throws(SystemError) -> Bool {
    guard var writing = keeping.writing else { return true }
    let count = writing.batch.image.byteCount
    while writing.position < count {
      guard mayContinue() else { return false }
      let end = min(count, writing.position + Keeping.pieceBytes)
      var failure: SystemError?
      writing.batch.image.forEachPiece(in: writing.position..<end) { piece in
        guard failure == nil else { return }
        do throws(SystemError) { try writing.writer.append(piece) } catch { failure = error }
      }
      if let failure { throw failure }
      writing.position = end
      keeping.writing = writing
    }
    writing.batch.isStored(as: try writing.writer.finish())
    keeping.writing = nil
    return true
  }

  private func storeStrings(on shelf: TraceShelf, while mayContinue: () -> Bool) throws(SystemError) -> Bool {
    dropStaleLayers()
    // Few layers, and few strings at once.
    let most = max(Keeping.stringsAtOnce, strings.count / 16)
    while strings.count - layeredCount > most {
      guard mayContinue() else { return false }
      try addLayer(layeredCount..<layeredCount + most, on: shelf)
    }
    return true
  }

  private var layeredCount: Int { keeping.layers.last.map { $0.first + $0.count } ?? 0 }

  /// Numbers of strings that have gone may be those of others now.
  private func dropStaleLayers() {
    guard keeping.changeCount != strings.changeCount else { return }
    keeping.changeCount = strings.changeCount
    keeping.layers.removeAll { $0.first + $0.count > strings.layeredCount }
  }

  private func addLayer(_ numbers: Range<Int>, on shelf: TraceShelf) throws(SystemError) {
    guard let bytes = StringLayer.encoded(numbers, of: strings) else {
      throw SystemError(.limit, "its strings take more than 4 GiB")
    }
    keeping.layers.append(
      Keeping.Layer(first: numbers.lowerBound, count: numbers.count, name: try shelf.store(bytes)))
  }

  /// Keeps the strings that are not kept yet. Small layers are put together, so that there are few.
  ///
  /// - Returns: the names of all layers, ascending.
  func keepStrings(on shelf: TraceShelf) throws(SystemError) -> [UInt64] {
    dropStaleLayers()
    var first = layeredCount
    if strings.count > first {
      while let last = keeping.layers.last, last.count <= 2 * (strings.count - first) {
        first = last.first
        keeping.layers.removeLast()
      }
      try addLayer(first..<strings.count, on: shelf)
    }
    return keeping.layers.map(\.name)
  }

  /// Lets go of what was stored and does not count. Nothing more is kept.
  func giveUpKeeping(on shelf: TraceShelf) {
    keeping.hasFailed = true
    keeping.writing?.writer.abandon()
    keeping.writing = nil
    shelf.store.abandon()
  }
}
