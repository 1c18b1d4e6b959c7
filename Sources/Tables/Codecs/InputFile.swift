package import BuildGraph
package import Diagnostics

/// A file of a table's source, as it is now.
package struct InputFile: Sendable {
  package enum Content: Sendable {
    case bytes([UInt8])
    case growing(GrowingFile)
  }

  /// Relative to the folder that the program names, or the file's own name.
  package var path: ByteString
  package var content: Content

  package init(path: ByteString, bytes: [UInt8]) {
    self.path = path
    content = .bytes(bytes)
  }

  package init(path: ByteString, growing file: GrowingFile) {
    self.path = path
    content = .growing(file)
  }

  /// All of it. A file that only grows is read for this.
  ///
  /// - Throws: `input`, where it cannot be read.
  /// - Complexity: O(bytes) for a file that only grows.
  package func bytes() throws(TableFailure) -> [UInt8] {
    switch content {
    case .bytes(let bytes): return bytes
    case .growing(let file):
      do throws(SystemError) {
        return try file.bytes(0..<file.size)
      } catch {
        throw .input(error.message)
      }
    }
  }

  /// The memory that it takes as it is.
  package var heldBytes: Int {
    switch content {
    case .bytes(let bytes): bytes.count
    case .growing: 0
    }
  }
}

/// A file that only grows, as somebody promises, and that others may be adding to: it is not held, and read where somebody needs it.
package struct GrowingFile: Sendable {
  /// How many bytes of it are meant.
  package var size: Int
  /// As long as it stays the same, what was read before still stands there.
  package var generation: Int
  private let read: @Sendable (Range<Int>) throws(SystemError) -> [UInt8]

  /// - Parameter read: some bytes of the file; fewer where it ends before.
  package init(size: Int, generation: Int, read: @escaping @Sendable (Range<Int>) throws(SystemError) -> [UInt8]) {
    self.size = size
    self.generation = generation
    self.read = read
  }

  /// - Throws: ``shortened`` where the file ends before; what reading throws.
  func bytes(_ range: Range<Int>) throws(SystemError) -> [UInt8] {
    let bytes = try read(range)
    guard bytes.count == range.count else { throw Self.shortened }
    return bytes
  }

  /// What was promised to grow has become shorter.
  package static var shortened: SystemError {
    SystemError(.other, "a file that was promised to grow only has become shorter while it was read")
  }
}
