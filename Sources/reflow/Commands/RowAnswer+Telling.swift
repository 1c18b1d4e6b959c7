import BuildGraph
import Diagnostics
import Driver

/// What a row rests on, for people and as JSON.
extension RowAnswer {
  /// Lines, the last with its newline.
  func text(_ output: String, _ number: Int) -> String {
    let count = recordCount == 1 ? "1 record" : "\(recordCount) records"
    let verdict =
      if isExact {
        "\(recordCount == 1 ? "this" : "these") \(count)"
      } else if isMinimal {
        recordCount == 1
          ? "1 record that suffices for it" : "\(count) that suffice for it, and none of them can be left out"
      } else {
        "\(count) that \(recordCount == 1 ? "suffices" : "suffice") for it; fewer may"
      }
    var lines = ["\(output), row \(number): \(row.display)", "  rests on \(verdict)"]
    for record in records {
      lines.append("  \(record.place):\(record.line): \(record.text.display)")
    }
    let more = recordCount - records.count
    if more > 0 { lines.append("  and \(more) more; --json names them all") }
    for place in literals { lines.append("  \(place.file):\(place.line): rows that the program writes") }
    return lines.joined(separator: "\n") + "\n"
  }

  /// One object on one line.
  func json(_ output: String, _ number: Int) -> String {
    var json = JSONText()
    json.beginObject()
    json.field("output", output)
    json.field("row", number)
    json.field("text", row.display)
    json.field("isExact", isExact)
    json.field("isMinimal", isExact || isMinimal)
    json.key("records")
    json.beginArray()
    for record in records {
      json.beginObject()
      json.field("path", record.place)
      json.field("line", record.line)
      json.field("text", record.text.display)
      json.endObject()
    }
    for place in literals {
      json.beginObject()
      json.field("path", place.file)
      json.field("line", place.line)
      json.endObject()
    }
    json.endArray()
    json.endObject()
    return json.text + "\n"
  }
}
