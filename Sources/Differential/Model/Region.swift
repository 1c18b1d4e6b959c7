/// Memory that holds the contents of views for longer than the columns that they were read from.
///
/// It only grows, in blocks that stay where they are, until everything in it is given up at once.
public final class Region {
  @usableFromInline var blocks: [UnsafeMutableRawPointer] = []
  @usableFromInline var next: UnsafeMutableRawPointer?
  @usableFromInline var left = 0

  /// A region without memory yet.
  public init() {}

  deinit { for block in blocks { block.deallocate() } }

  /// Gives everything up: views kept here may not be used any more.
  public func removeAll() {
    for block in blocks { block.deallocate() }
    blocks.removeAll()
    next = nil
    left = 0
  }

  /// Room for so many bytes, aligned for words.
  @inlinable public func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
    let wanted = (byteCount + 7) & ~7
    if wanted > left || next == nil { addBlock(wanted) }
    // A block has just been made if there was none.
    let result = next!
    next = result + wanted
    left -= wanted
    return result
  }

  @usableFromInline func addBlock(_ wanted: Int) {
    let size = max(wanted, min(1 << 16, 1024 << blocks.count))
    let block = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
    blocks.append(block)
    next = block
    left = size
  }
}
