import BuildGraph
struct ShimRegex {
  func firstMatch(in text: ByteString) -> [ByteString?]? { nil }
  func replacingAll(in text: ByteString, with: ByteString) -> ByteString { text }
  func matches(_ t: ByteString) -> Bool { false }
}
extension Machine {
  func regularExpression(_ t: ByteString) throws(Failure) -> ShimRegex { ShimRegex() }
  func glob(_ t: ByteString) throws(Failure) -> ShimRegex { ShimRegex() }
}
enum StringFunctions {
  static func lines(_ t: ByteString) -> [ByteString] { [] }
  static func split(_ t: ByteString, by: ByteString) -> [ByteString] { [] }
  static func chunks(of: ByteString, maximum: Int) -> [ByteString] { [] }
  static func trimmed(_ t: ByteString) -> ByteString { t }
  static func replacing(_ o: ByteString, in t: ByteString, with: ByteString) -> ByteString { t }
  static func fields(_ t: ByteString) -> [ByteString] { [] }
  static func lowercased(_ t: ByteString) -> ByteString { t }
  static func uppercased(_ t: ByteString) -> ByteString { t }
  static func firstIndex(of: ByteString, in: ByteString) -> Int? { nil }
}
enum PathFunctions {
  static func join(_ t: [ByteString]) -> ByteString { "" }
  static func `extension`(of t: ByteString) -> ByteString { t }
  static func folder(of t: ByteString) -> ByteString { t }
  static func base(of t: ByteString) -> ByteString { t }
}
enum GoText {
  static func quoted(_ t: ByteString) -> String { "\"" + t.display + "\"" }
  static func general(_ v: Extended, precision: Int) -> String {
    let d = Double(v); return d == d.rounded() && abs(d) < 1e15 ? "\(Int(d))" : "\(d)"
  }
}
