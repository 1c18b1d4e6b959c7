import BuildGraph

/// The address of a document, as a client writes it.
enum DocumentURI {
  /// The absolute path of a `file:` address; nil for another one, such as that of a document without a file.
  static func path(_ uri: String) -> ByteString? {
    guard uri.utf8.count >= 8, uri.prefix(7).lowercased() == "file://" else { return nil }
    var rest = Array(uri.utf8.dropFirst(7))
    guard let slash = rest.firstIndex(of: UInt8(ascii: "/")) else { return nil }
    rest.removeSubrange(..<slash)
    var bytes: [UInt8] = []
    var place = 0
    while place < rest.count {
      if rest[place] == UInt8(ascii: "%"), place + 2 < rest.count,
        let value = UInt8(String(decoding: rest[place + 1...place + 2], as: UTF8.self), radix: 16)
      {
        bytes.append(value)
        place += 3
      } else {
        bytes.append(rest[place])
        place += 1
      }
    }
    return bytes.contains(0) ? nil : ByteString(bytes: bytes)
  }

  /// The address of a file.
  static func uri(_ path: ByteString) -> String {
    var text = "file://"
    for byte in path.bytes {
      let scalar = Unicode.Scalar(byte)
      if scalar.isASCII,
        scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || "-._~/".unicodeScalars.contains(scalar)
      {
        text.unicodeScalars.append(scalar)
      } else {
        let hex = String(byte, radix: 16, uppercase: true)
        text += "%" + (hex.count < 2 ? "0" : "") + hex
      }
    }
    return text
  }
}
