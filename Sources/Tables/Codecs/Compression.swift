import CZlib
import CZstd

/// Files that are packed by gzip or zstd; which, their first bytes say, and never their name.
enum Compression {
  private static let gzip: [UInt8] = [0x1F, 0x8B]
  private static let zstd: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD]
  /// How much is unpacked at once.
  private static let blockSize = 1 << 18

  static func isPacked(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    bytes.starts(with: gzip) || bytes.starts(with: zstd)
  }

  /// The content of what is packed: of all members or frames, one after the other.
  ///
  /// - Throws: where it is damaged or ends too early.
  static func unpacked(_ bytes: UnsafeBufferPointer<UInt8>) throws(Malformation) -> [UInt8] {
    bytes.starts(with: gzip) ? try gunzipped(bytes) : try unzstd(bytes)
  }

  private static func gunzipped(_ bytes: UnsafeBufferPointer<UInt8>) throws(Malformation) -> [UInt8] {
    var stream = z_stream()
    // 16 and the largest window: members of gzip, and nothing else.
    let begun = inflateInit2_(&stream, 16 + 15, ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size))
    guard begun == Z_OK else { throw Malformation(offset: 0, message: "gzip cannot be unpacked") }
    defer { inflateEnd(&stream) }
    var output: [UInt8] = []
    output.reserveCapacity(bytes.count * 4)
    var block = [UInt8](repeating: 0, count: blockSize)
    var position = 0
    while position < bytes.count {
      let input = UnsafeBufferPointer(rebasing: bytes[position..<min(bytes.count, position + 1 << 30)])
      stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
      stream.avail_in = UInt32(input.count)
      var status = Z_OK
      while status == Z_OK {
        let made = block.withUnsafeMutableBufferPointer { block in
          stream.next_out = block.baseAddress
          stream.avail_out = UInt32(block.count)
          status = inflate(&stream, Z_NO_FLUSH)
          return block.count - Int(stream.avail_out)
        }
        output += block[..<made]
        if status == Z_OK, stream.avail_in == 0, made < block.count { break }
      }
      position += input.count - Int(stream.avail_in)
      if status == Z_STREAM_END {
        guard position < bytes.count else { return output }
        // Members may follow each other; what is no member is not ours, as gzip itself has it.
        guard UnsafeBufferPointer(rebasing: bytes[position...]).starts(with: gzip) else { return output }
        inflateReset(&stream)
      } else if status != Z_OK, status != Z_BUF_ERROR {
        throw Malformation(offset: 0, message: "the gzip data is damaged")
      }
    }
    throw Malformation(offset: 0, message: "the gzip data ends too early")
  }

  private static func unzstd(_ bytes: UnsafeBufferPointer<UInt8>) throws(Malformation) -> [UInt8] {
    guard let stream = ZSTD_createDStream() else {
      throw Malformation(offset: 0, message: "zstd cannot be unpacked")
    }
    defer { ZSTD_freeDStream(stream) }
    var output: [UInt8] = []
    output.reserveCapacity(bytes.count * 4)
    var block = [UInt8](repeating: 0, count: blockSize)
    var input = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
    while true {
      var wanted = 0
      let made = block.withUnsafeMutableBytes { block in
        var buffer = ZSTD_outBuffer(dst: block.baseAddress, size: block.count, pos: 0)
        wanted = ZSTD_decompressStream(stream, &buffer, &input)
        return buffer.pos
      }
      guard ZSTD_isError(wanted) == 0 else { throw Malformation(offset: 0, message: "the zstd data is damaged") }
      output += block[..<made]
      guard input.pos == bytes.count else { continue }
      if wanted == 0 { return output }
      guard made == block.count else { throw Malformation(offset: 0, message: "the zstd data ends too early") }
    }
  }
}
