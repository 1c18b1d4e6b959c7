import Diagnostics
import Driver

/// What a row rests on, for people and as JSON.
extension RowAnswer {
  /// Lines, the last with its newline.
  func text(_ output: String, _ row: Int) -> String {
    let count = lineage.recordCount == 1 ? "1 record" : "\(lineage.recordCount) records"
    let verdict =
      if lineage.isEverything {
        "all \(count) that it reads; nothing less was found to suffice"
      } else if lineage.isExact {
        "\(lineage.recordCount == 1 ? "this" : "these") \(count)"
      } else {
        "\(count) that \(lineage.recordCount == 1 ? "suffices" : "suffice") for it; fewer may"
      }
    var lines = ["\(output), row \(row): \(lineage.row.display)", "  rests on \(verdict)"]
    for (place, record) in zip(places, lineage.records) {
      lines.append("  \(place):\(record.line): \(record.text.display)")
    }
    let more = lineage.recordCount - lineage.records.count
    if more > 0 { lines.append("  and \(more) more; --json names them all") }
    for place in lineage.literals { lines.append("  \(place.file):\(place.line): rows that the program writes") }
    return lines.joined(separator: "\n") + "\n"
  }

  /// One object on one line.
  func json(_ output: String, _ row: Int) -> String {
    var json = JSONText()
    json.beginObject()
    json.key("output")
    json.string(output)
    json.key("row")
    json.integer(row)
    json.key("text")
    json.string(lineage.row.display)
    json.key("isExact")
    json.bool(lineage.isExact)
    json.key("records")
    json.beginArray()
    for (place, record) in zip(places, lineage.records) {
      json.beginObject()
      json.key("path")
      json.string(place)
      json.key("line")
      json.integer(record.line)
      json.key("text")
      json.string(record.text.display)
      json.endObject()
    }
    for place in lineage.literals {
      json.beginObject()
      json.key("path")
      json.string(place.file)
      json.key("line")
      json.integer(place.line)
      json.endObject()
    }
    json.endArray()
    json.endObject()
    return json.text + "\n"
  }
}
