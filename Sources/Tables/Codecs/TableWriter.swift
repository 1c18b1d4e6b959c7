package import BuildGraph
package import Language

/// Writes rows as ``TableStep/Form`` asks, ascending. Equal tables are equal files, and reading gives the same rows.
package struct TableWriter {
  private let columns: [Column]
  private let kinds: [ColumnKind]
  private let strings: any RowStrings

  package init(_ columns: [Column], _ strings: any RowStrings) {
    self.columns = columns
    self.strings = strings
    kinds = columns.map(\.kind)
  }

  /// What a step makes of a table.
  package enum Output: Equatable, Sendable {
    case file([UInt8])
    case folder([(name: String, bytes: [UInt8])])

    package static func == (a: Self, b: Self) -> Bool {
      switch (a, b) {
      case (.file(let x), .file(let y)): x == y
      case (.folder(let x), .folder(let y)): x.elementsEqual(y) { $0.name == $1.name && $0.bytes == $1.bytes }
      case (.file, .folder), (.folder, .file): false
      }
    }
  }

  /// - Complexity: O(rows · log rows).
  package func write(_ rows: RowList, _ form: TableStep.Form) -> Output {
    let order = RowOrder(kinds, strings).sorted(rows)
    switch form {
    case .csv, .tsv, .jsonl: return .file(text(rows, order, form))
    case .rows: return .file(coded(rows, order))
    case .summary: return .file(Self.summary(count: rows.count, coded(rows, order)))
    case .parts(let count):
      return .folder(
        parts(rows, order, count).map { name, order in (name, text(rows, order, .csv)) })
    }
  }

  /// The rows of each file of a folder of parts, in their order.
  func parts(_ rows: RowList, _ order: [Int], _ count: Int) -> [(name: String, rows: [Int])] {
    var members = [[Int]](repeating: [], count: max(1, count))
    for row in order {
      let digest = Digest(hashing: coded(rows, [row]))
      members[Int(digest.low % UInt64(members.count))].append(row)
    }
    let digits = String(members.count - 1).utf8.count
    return members.enumerated().map { index, rows in
      let number = String(index)
      return ("part-" + String(repeating: "0", count: digits - number.utf8.count) + number + ".csv", rows)
    }
  }

  private func coded(_ rows: RowList, _ order: [Int]) -> [UInt8] {
    var bytes: [UInt8] = []
    rows.words.withUnsafeBufferPointer { words in
      guard let base = words.baseAddress else { return }
      for row in order { RowCoding.append(base + row * kinds.count, kinds, strings, to: &bytes) }
    }
    return bytes
  }

  /// What ``TableStep/Form/summary`` is.
  ///
  /// - Parameter coded: all rows in the coding of the language, ascending.
  static func summary(count: Int, _ coded: [UInt8]) -> [UInt8] {
    var writer = BinaryWriter()
    writer.write(UInt64(count))
    writer.write(Digest(hashing: coded))
    return writer.bytes
  }

  /// What stands before the first record of a file.
  func header(_ form: TableStep.Form) -> [UInt8] {
    let separator: UInt8
    switch form {
    case .csv, .parts: separator = 0x2C
    case .tsv: separator = 0x09
    case .jsonl, .rows, .summary: return []
    }
    var bytes: [UInt8] = []
    for (index, column) in columns.enumerated() {
      if index > 0 { bytes.append(separator) }
      bytes.append(contentsOf: column.name.utf8)
    }
    bytes.append(0x0A)
    return bytes
  }

  /// The records of rows that are in order already, as they stand in a file of that form.
  func records(_ rows: RowList, _ form: TableStep.Form) -> [UInt8] {
    if form == .rows { return coded(rows, Array(0..<rows.count)) }
    var bytes: [UInt8] = []
    append(rows, Array(0..<rows.count), form, to: &bytes)
    return bytes
  }

  private func text(_ rows: RowList, _ order: [Int], _ form: TableStep.Form) -> [UInt8] {
    var bytes = header(form)
    append(rows, order, form, to: &bytes)
    return bytes
  }

  private func append(_ rows: RowList, _ order: [Int], _ form: TableStep.Form, to bytes: inout [UInt8]) {
    let isJSON = form == .jsonl
    let isCSV = form != .tsv
    let names = columns.map { Array($0.name.utf8) }
    for row in order {
      let start = row * kinds.count
      if isJSON { bytes.append(0x7B) }
      for (index, kind) in kinds.enumerated() {
        if index > 0 { bytes.append(isCSV ? 0x2C : 0x09) }
        if isJSON {
          appendJSON(names[index], to: &bytes)
          bytes.append(0x3A)
        }
        let word = rows.words[start + index]
        switch kind {
        case .int, .float, .bool: Scalars.append(word, kind, to: &bytes)
        case .string, .rows:
          let text = strings.bytes(word)
          if isJSON {
            appendJSON(text, to: &bytes)
          } else if isCSV {
            appendCSV(text, to: &bytes)
          } else {
            appendTSV(text, to: &bytes)
          }
        }
      }
      if isJSON { bytes.append(0x7D) }
      bytes.append(0x0A)
    }
  }

  private func appendCSV(_ text: UnsafeBufferPointer<UInt8>, to bytes: inout [UInt8]) {
    let isQuoted =
      text.isEmpty ? kinds.count == 1 : text.contains { $0 == 0x2C || $0 == 0x22 || $0 == 0x0A || $0 == 0x0D }
    guard isQuoted else { return bytes.append(contentsOf: text) }
    bytes.append(0x22)
    for byte in text {
      if byte == 0x22 { bytes.append(byte) }
      bytes.append(byte)
    }
    bytes.append(0x22)
  }

  /// A lone empty string is `""`, since blank lines are skipped; so a quote is escaped where it could be taken for that.
  private func appendTSV(_ text: UnsafeBufferPointer<UInt8>, to bytes: inout [UInt8]) {
    if text.isEmpty, kinds.count == 1 { return bytes.append(contentsOf: [0x22, 0x22]) }
    for byte in text {
      switch byte {
      case 0x09: bytes.append(contentsOf: [0x5C, 0x74])
      case 0x0A: bytes.append(contentsOf: [0x5C, 0x6E])
      case 0x0D: bytes.append(contentsOf: [0x5C, 0x72])
      case 0x5C: bytes.append(contentsOf: [0x5C, 0x5C])
      case 0x22 where kinds.count == 1: bytes.append(contentsOf: [0x5C, 0x22])
      case _: bytes.append(byte)
      }
    }
  }

  private func appendJSON(_ text: some Sequence<UInt8>, to bytes: inout [UInt8]) {
    bytes.append(0x22)
    for byte in text {
      switch byte {
      case 0x22: bytes.append(contentsOf: [0x5C, 0x22])
      case 0x5C: bytes.append(contentsOf: [0x5C, 0x5C])
      case 0x0A: bytes.append(contentsOf: [0x5C, 0x6E])
      case 0x0D: bytes.append(contentsOf: [0x5C, 0x72])
      case 0x09: bytes.append(contentsOf: [0x5C, 0x74])
      case 0..<0x20:
        let digits = Array("0123456789abcdef".utf8)
        bytes.append(contentsOf: [0x5C, 0x75, 0x30, 0x30, digits[Int(byte >> 4)], digits[Int(byte & 15)]])
      case _: bytes.append(byte)
      }
    }
    bytes.append(0x22)
  }
}
