/// The strings of rows, by number.
///
/// Two numbers are equal exactly where the strings are, bytewise.
package protocol RowStrings: AnyObject {
  /// The bytes of a string. They stay where they are while rows are worked on; between that they may be moved.
  func bytes(_ id: UInt64) -> UnsafeBufferPointer<UInt8>

  /// The number of a string, a new one if it has none.
  func intern(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64
}

extension RowStrings {
  func intern(_ bytes: [UInt8]) -> UInt64 { bytes.withUnsafeBufferPointer { intern($0) } }
}
