/// Text for the inside of an element of HTML or XML, or of an attribute in quotes of either kind. What XML does not allow becomes a
/// question mark.
///
/// - Complexity: O(length).
package func escaped(_ text: some StringProtocol) -> String {
  var result = ""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "&": result += "&amp;"
    case "<": result += "&lt;"
    case ">": result += "&gt;"
    case "\"": result += "&quot;"
    case "'": result += "&#39;"
    case "\n", "\t": result.unicodeScalars.append(scalar)
    case _ where scalar.value < 0x20 || scalar.value == 0x7F || scalar.value == 0xFFFE || scalar.value == 0xFFFF:
      result += "?"
    case _: result.unicodeScalars.append(scalar)
    }
  }
  return result
}
