/// Writes one JSON value as text, piece by piece, with keys in the order given.
///
/// Foundation's encoder would cost a megabyte of binary and sorts or shuffles keys; events and values are simple.
package struct JSONText {
  package private(set) var text = ""
  private var needsComma = false

  package init() {}

  package mutating func beginObject() { open("{") }
  package mutating func endObject() { close("}") }
  package mutating func beginArray() { open("[") }
  package mutating func endArray() { close("]") }

  package mutating func key(_ name: String) {
    separate()
    Self.write(name, to: &text)
    text += ":"
    needsComma = false
  }

  package mutating func string(_ value: String) {
    separate()
    Self.write(value, to: &text)
    needsComma = true
  }

  /// A number, `true`, `false` or `null`, as it is to be written.
  package mutating func literal(_ value: String) {
    separate()
    text += value
    needsComma = true
  }

  package mutating func bool(_ value: Bool) { literal(value ? "true" : "false") }
  package mutating func integer(_ value: some BinaryInteger) { literal("\(value)") }

  package mutating func field(_ name: String, _ value: String) {
    key(name)
    string(value)
  }

  package mutating func field(_ name: String, _ value: Bool) {
    key(name)
    bool(value)
  }

  package mutating func field(_ name: String, _ value: some BinaryInteger) {
    key(name)
    integer(value)
  }

  package mutating func field(_ name: String, seconds value: Double) {
    key(name)
    seconds(value)
  }

  /// Seconds with microseconds; not finite becomes `null`.
  package mutating func seconds(_ value: Double) {
    guard value.isFinite, value.magnitude < 1e12 else { return literal("null") }
    let micros = Int64((value * 1e6).rounded())
    let fraction = String(micros.magnitude % 1_000_000)
    let zeros = String(repeating: "0", count: 6 - fraction.utf8.count)
    literal((micros < 0 ? "-" : "") + "\(micros.magnitude / 1_000_000).\(zeros)\(fraction)")
  }

  private mutating func open(_ bracket: String) {
    separate()
    text += bracket
    needsComma = false
  }

  private mutating func close(_ bracket: String) {
    text += bracket
    needsComma = true
  }

  private mutating func separate() {
    if needsComma { text += "," }
  }

  private static func write(_ value: String, to text: inout String) {
    text += "\""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case _ where scalar.value < 0x20 || scalar.value == 0x7F:
        let hex = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - hex.utf8.count) + hex
      case _: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}
