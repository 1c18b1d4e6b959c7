extension Multiset where Data == Text, Diff == Int {
  /// Each word of these texts with how often it is there. Words are what blanks, tabs and ends of lines part.
  ///
  /// - Complexity: A changed text costs its words; each word that changes costs what `count` does.
  @inlinable public func wordCount() -> Multiset<Pair<Text, Int>, Time, Int> { flatMap { $0.words }.count() }
}

extension Text {
  /// The words of the text, as views of it.
  @inlinable public var words: TextWords { TextWords(self) }
}

/// The words of a text, one after another. Valid as long as the text.
public struct TextWords: Sequence, IteratorProtocol {
  @usableFromInline let bytes: UnsafeBufferPointer<UInt8>
  @usableFromInline var at = 0

  @inlinable init(_ text: Text) { bytes = text.bytes }

  /// The next word, or nil at the end.
  @inlinable public mutating func next() -> Text? {
    while at < bytes.count && Self.parts(bytes[at]) { at &+= 1 }
    guard at < bytes.count else { return nil }
    let start = at
    while at < bytes.count && !Self.parts(bytes[at]) { at &+= 1 }
    return Text(UnsafeBufferPointer(rebasing: bytes[start..<at]))
  }

  /// Whether a byte is between words: a blank, or one of tab to carriage return.
  @inlinable static func parts(_ byte: UInt8) -> Bool { byte == 0x20 || (byte >= 0x09 && byte <= 0x0D) }
}
