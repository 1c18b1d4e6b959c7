import Language

/// Strings of the record that is being read: most are looked at once and need no number in the dictionary.
///
/// Their numbers are those from ``RowStrings/passing`` on, and hold until the record has ended. For one thread at a time.
final class PassingStrings: RowStrings {
  private let dictionary: StringDictionary
  private var slices: UnsafeMutableBufferPointer<UnsafeBufferPointer<UInt8>>
  private var count = 0
  /// Copies of what lies nowhere else.
  private var pages: [UnsafeMutableBufferPointer<UInt8>] = []
  private var used = 0
  /// Whether what is asked for is what the program itself says: it has a number in the dictionary.
  var isOfProgram = true

  private static let pageSize = 1 << 16
  /// ``RowStrings/passing``, as a number that is known here.
  @inline(__always) static var mark: UInt64 { 1 << 63 }

  init(_ dictionary: StringDictionary) {
    self.dictionary = dictionary
    slices = .allocate(capacity: 64)
  }

  deinit {
    slices.deallocate()
    for page in pages { page.deallocate() }
  }

  func bytes(_ id: UInt64) -> UnsafeBufferPointer<UInt8> {
    id < Self.mark ? dictionary.bytes(id) : slices[Int(id & ~Self.mark)]
  }

  func intern(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
    isOfProgram ? dictionary.intern(bytes) : intern(part: copy(bytes))
  }

  /// - Parameter part: stays where it is until the bytes of the record go away.
  func intern(part: UnsafeBufferPointer<UInt8>) -> UInt64 {
    if count == slices.count { grow() }
    (slices.baseAddress! + count).initialize(to: part)  // There are never none.
    count += 1
    return Self.mark | UInt64(count - 1)
  }

  /// The record has ended: its numbers are given again.
  func forgetNumbers() { count = 0 }

  /// Nobody reads the bytes any more.
  func forgetBytes() {
    used = 0
    for page in pages.dropFirst() { page.deallocate() }
    pages.removeLast(max(0, pages.count - 1))
  }

  private func copy(_ bytes: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
    if pages.isEmpty || bytes.count > pages[pages.count - 1].count - used {
      // The first is kept.
      pages.append(.allocate(capacity: pages.isEmpty ? Self.pageSize : max(Self.pageSize, bytes.count)))
      used = 0
      return copy(bytes)
    }
    let place = UnsafeMutableBufferPointer(rebasing: pages[pages.count - 1][used..<used + bytes.count])
    _ = place.initialize(from: bytes)
    used += bytes.count
    return UnsafeBufferPointer(place)
  }

  private func grow() {
    let grown = UnsafeMutableBufferPointer<UnsafeBufferPointer<UInt8>>.allocate(capacity: 2 * slices.count)
    _ = grown.moveInitialize(fromContentsOf: slices[..<count])
    slices.deallocate()
    slices = grown
  }
}
