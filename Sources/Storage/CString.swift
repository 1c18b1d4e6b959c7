package import BuildGraph
import Glibc

/// Lends the bytes with a NUL behind them, as system calls want paths. What follows a NUL inside is not seen: names that
/// come from outside are checked before.
///
/// - Complexity: O(count), without allocation for paths of usual length.
package func withCString<Result, Failure: Error>(
  _ path: ByteString, _ body: (UnsafePointer<CChar>) throws(Failure) -> Result
) throws(Failure) -> Result {
  let count = path.count
  let outcome = withUnsafeTemporaryAllocation(of: CChar.self, capacity: count + 1) { buffer in
    path.bytes.withUnsafeBytes { bytes in UnsafeMutableRawBufferPointer(buffer).copyMemory(from: bytes) }
    buffer[count] = 0
    return Swift.Result<Result, Failure> { () throws(Failure) -> Result in try body(UnsafePointer(buffer.baseAddress!))
    }
  }
  return try outcome.get()
}

extension ByteString {
  /// The bytes up to the NUL.
  init(cString: UnsafePointer<CChar>) {
    self.init(bytes: Array(UnsafeRawBufferPointer(start: cString, count: strlen(cString))))
  }
}
