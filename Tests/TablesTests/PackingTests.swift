import BuildGraph
import Diagnostics
import Language
import Ports
import Testing

@testable import Tables

/// The forms in which rows and strings are kept.
@Suite struct PackingTests {
  @Test func packedRowsAreWhatTheyWere() {
    var generator = SplitMix(state: 61)
    for round in 0..<300 {
      let kinds = (0..<1 + generator.next() % 4).map { _ in
        [ColumnKind.int, .float, .bool, .string][Int(generator.next() % 4)]
      }
      var rows = RowList(kinds)
      let bits = (0..<kinds.count).map { _ in generator.next() % 65 }
      let bases = (0..<kinds.count).map { _ in generator.next() % 3 == 0 ? generator.next() : 0 }
      for _ in 0..<generator.next() % 50 {
        rows.append(
          (0..<kinds.count).map { bases[$0] &+ (bits[$0] == 0 ? 0 : generator.next() >> (64 - bits[$0])) })
      }
      if round % 5 == 0 { rows.append((0..<kinds.count).map { _ in UInt64(bitPattern: -1) }) }
      let packed = RowPacking.pack(rows)
      packed.withUnsafeBytes { #expect(RowPacking.unpack($0, kinds)?.words == rows.words) }
      // Bytes that are cut are no rows.
      packed.withUnsafeBytes {
        #expect(RowPacking.unpack(UnsafeRawBufferPointer(rebasing: $0.dropLast()), kinds) == nil)
      }
    }
    var small = RowList([.int, .int])
    for number in 0..<1_000 as Range<UInt64> { small.append([7 &- number, number]) }
    #expect(RowPacking.pack(small).count < 4_100)
  }

  private final class Bytes {
    let words: UnsafeMutableRawBufferPointer
    init(_ bytes: [UInt8]) {
      words = .allocate(byteCount: bytes.count, alignment: 64)
      words.copyBytes(from: bytes)
    }
    deinit { words.deallocate() }
  }

  @Test func stringsOfLayersKeepTheirNumbers() throws {
    var generator = SplitMix(state: 62)
    var texts: [[UInt8]] = []
    var layers: [StringLayer] = []
    for round in 0..<12 {
      let strings = StringDictionary()
      strings.adopt(layers)
      for (number, text) in texts.enumerated() {
        #expect(strings.intern(text) == UInt64(number))
        #expect(strings.bytes(UInt64(number)).elementsEqual(text))
      }
      for _ in 0..<generator.next() % 60 {
        let text = (0..<generator.next() % 20).map { _ in UInt8(truncatingIfNeeded: generator.next() % 3) }
        let known = texts.firstIndex(of: text)
        #expect(strings.intern(text) == UInt64(known ?? texts.count))
        if known == nil { texts.append(text) }
      }
      #expect(strings.count == texts.count)
      let first = round % 4 == 3 ? 0 : strings.layeredCount
      guard first < strings.count else { continue }
      let bytes = Bytes(try #require(StringLayer.encoded(first..<strings.count, of: strings)))
      if first == 0 { layers = [] }
      layers.append(try #require(StringLayer(UnsafeRawBufferPointer(bytes.words), heldBy: bytes, name: 1)))
      #expect(
        StringLayer(UnsafeRawBufferPointer(rebasing: bytes.words.dropLast()), heldBy: bytes, name: 1) == nil)
    }
    #expect(texts.count > 100)
  }

  @Test func whatIsOnBothSidesIsLeftOut() {
    var generator = SplitMix(state: 63)
    for _ in 0..<200 {
      var difference = RowDifference([.int, .int])
      func list(_ rows: [[UInt64]]) -> RowList {
        var list = RowList([.int, .int])
        for row in rows { list.append(row) }
        return list
      }
      let old = (0..<generator.next() % 60).map { _ in [generator.next() % 5, generator.next() % 5] }
      var new = old
      for _ in 0..<generator.next() % 5 {
        if !new.isEmpty { new.remove(at: Int(generator.next() % UInt64(new.count))) }
        new.insert([generator.next() % 5, 9], at: Int(generator.next() % UInt64(new.count + 1)))
      }
      if generator.next() % 4 == 0 { new.reverse() }
      difference.removed = [list(old)]
      difference.added = [list(Array(new.prefix(new.count / 2))), list(Array(new.dropFirst(new.count / 2)))]
      let (removed, added) = difference.remaining()
      var sums: [[UInt64]: Int] = [:]
      for row in old { sums[row, default: 0] -= 1 }
      for row in new { sums[row, default: 0] += 1 }
      var remaining = 0
      for (lists, times) in [(removed, 1), (added, -1)] {
        for list in lists {
          for row in 0..<list.count {
            sums[Array(list[row]), default: 0] += times
            remaining += 1
          }
        }
      }
      #expect(sums.values.allSatisfy { $0 == 0 })
      // Not a row more than has to be.
      var net: [[UInt64]: Int] = [:]
      for row in old { net[row, default: 0] -= 1 }
      for row in new { net[row, default: 0] += 1 }
      #expect(remaining == net.values.reduce(0) { $0 + abs($1) })
    }
  }
}
