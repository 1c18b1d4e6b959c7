package import BuildGraph
package import Diagnostics

/// A file of a table's source, as it is now.
package struct InputFile: Sendable {
  package enum Content: Sendable {
    case bytes([UInt8])
    case growing(GrowingFile)
    case stored(StoredFile)
    case whole(WholeFile)
  }

  /// Relative to the folder that the program names, or the file's own name.
  package var path: ByteString
  package var content: Content
  /// Of the content, where somebody knows it: a file that is as it was when it was read last need not be read.
  package var digest: Digest?
  /// Of the same content, where somebody knows them: what is in blocks that are as they were need not be read.
  package var blocks: BlockDigests?

  package init(path: ByteString, bytes: [UInt8]) {
    self.path = path
    content = .bytes(bytes)
  }

  package init(path: ByteString, growing file: GrowingFile) {
    self.path = path
    content = .growing(file)
  }

  package init(path: ByteString, stored file: StoredFile, digest: Digest? = nil, blocks: BlockDigests? = nil) {
    self.path = path
    content = .stored(file)
    self.digest = digest
    self.blocks = blocks
  }

  package init(path: ByteString, whole file: WholeFile, digest: Digest) {
    self.path = path
    content = .whole(file)
    self.digest = digest
  }

  /// All of it.
  ///
  /// - Throws: `input`, where it cannot be read.
  /// - Complexity: O(bytes) for a file that is not held.
  package func bytes() throws(TableFailure) -> [UInt8] {
    do throws(SystemError) {
      switch content {
      case .bytes(let bytes): return bytes
      case .stored(let file): return try file.bytes()
      case .whole(let file): return try file.bytes()
      case .growing(let file): return try file.bytes(0..<file.size)
      }
    } catch {
      throw .input(error.message)
    }
  }

  /// The same, to be read from where somebody has read it to; nil where it can be read only as a whole.
  var growing: GrowingFile? {
    switch content {
    case .growing(let file): file
    case .bytes(let bytes):
      GrowingFile(size: bytes.count, generation: 0) { range in Array(bytes[range.clamped(to: bytes.indices)]) }
    case .stored(let file):
      GrowingFile(size: file.size, generation: 0) { range throws(SystemError) in try file.bytes(range) }
    case .whole: nil
    }
  }

  /// In bytes.
  package var size: Int {
    switch content {
    case .bytes(let bytes): bytes.count
    case .stored(let file): file.size
    case .whole(let file): file.size
    case .growing(let file): file.size
    }
  }

  /// The memory that it takes as it is.
  package var heldBytes: Int {
    switch content {
    case .bytes(let bytes): bytes.count
    case .stored, .whole, .growing: 0
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

/// A file that is not held, and read where somebody needs it.
package struct StoredFile: Sendable {
  package typealias Read = @Sendable (_ offset: Int, _ buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int

  /// In bytes, when it was looked at.
  package let size: Int
  private let read: Read

  /// - Parameter read: fills a buffer with what stands from an offset on, and says how many bytes there were; fewer only where the
  ///   file ends.
  package init(size: Int, read: @escaping Read) {
    self.size = size
    self.read = read
  }

  /// - Throws: what reading throws, or that it has become shorter.
  func fill(_ buffer: UnsafeMutableRawBufferPointer, from offset: Int) throws(SystemError) {
    guard try read(offset, buffer) == buffer.count else { throw Self.shortened }
  }

  /// Somebody has taken bytes away meanwhile.
  package static var shortened: SystemError {
    SystemError(.other, "a file of a table has become shorter while it was read")
  }

  func bytes() throws(SystemError) -> [UInt8] { try bytes(0..<size) }

  func bytes(_ range: Range<Int>) throws(SystemError) -> [UInt8] {
    var failure: SystemError?
    let bytes = [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
      do throws(SystemError) {
        try fill(UnsafeMutableRawBufferPointer(start: buffer.baseAddress, count: range.count), from: range.lowerBound)
        count = range.count
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return bytes
  }
}

/// A file that is not held, and can be read only as a whole: what is read is what its digest says.
package struct WholeFile: Sendable {
  /// In bytes.
  package let size: Int
  let bytes: @Sendable () throws(SystemError) -> [UInt8]

  package init(size: Int, bytes: @escaping @Sendable () throws(SystemError) -> [UInt8]) {
    self.size = size
    self.bytes = bytes
  }
}
