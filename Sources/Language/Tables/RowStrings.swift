/// The strings of rows, by number.
///
/// Two numbers below ``passing`` are equal exactly where the strings are, bytewise. Those from it on are of strings that are looked at
/// for a moment, such as lines of which only the words are wanted: of these there may be several for equal strings.
package protocol RowStrings: AnyObject {
  /// The bytes of a string. They stay where they are while rows are worked on; between that they may be moved.
  func bytes(_ id: UInt64) -> UnsafeBufferPointer<UInt8>

  /// The number of a string, a new one if it has none.
  func intern(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64

  /// The same, where the bytes are some of those that ``bytes(_:)`` has given.
  func intern(part: UnsafeBufferPointer<UInt8>) -> UInt64
}

extension RowStrings {
  /// The least number that says nothing about equality.
  package static var passing: UInt64 { 1 << 63 }

  func intern(_ bytes: [UInt8]) -> UInt64 { bytes.withUnsafeBufferPointer { intern($0) } }

  package func intern(part: UnsafeBufferPointer<UInt8>) -> UInt64 { intern(part) }
}
