import BuildGraph
import Diagnostics

/// A document that is open in the editor: its text counts, and not that of the file.
struct Document {
  /// As the client writes it.
  let uri: String
  /// The absolute path, or for a document without a file a name in the workspace that no file has.
  let path: ByteString
  /// The folder that paths in it are relative to.
  var root: ByteString = "/"
  var version: JSON
  private(set) var lines: LineTable

  init(uri: String, path: ByteString, version: JSON, text: String, encoding: PositionEncoding) {
    self.uri = uri
    self.path = path
    self.version = version
    lines = LineTable(Array(text.utf8), encoding)
  }

  var text: [UInt8] { lines.text }

  /// Applies a change of the client: of a range, or of the whole text. What is no change is left out.
  mutating func apply(_ change: JSON) {
    guard let replacement = change["text"]?.string else { return }
    guard let range = change["range"], range != .null else {
      lines = LineTable(Array(replacement.utf8), lines.encoding)
      return
    }
    guard let start = lines.offset(range["start"]), let end = lines.offset(range["end"]) else { return }
    var text = lines.text
    text.replaceSubrange(min(start, end)..<max(start, end), with: Array(replacement.utf8))
    lines = LineTable(text, lines.encoding)
  }
}
