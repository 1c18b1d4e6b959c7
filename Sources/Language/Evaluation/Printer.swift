import BigInt
import BuildGraph
import Diagnostics

/// Values as text: for people as in the reference, and as JSON.
///
/// Both follow the static type: what an upcast has hidden is not shown. A file shows its digest, a folder its files; whoever prints
/// sees to it that these are known.
struct Printer {
  let symbols: SymbolTable
  /// Of a file; asked for those of folders, too.
  let artifact: (FileValue) -> Artifact?
  let content: (DirValue) -> MapNode?

  // MARK: Text

  func text(of value: Value, _ type: Type) -> String {
    var text = ""
    write(value, type.unlabelled, to: &text)
    return text
  }

  private func write(_ value: Value, _ type: Type, to text: inout String) {
    switch value {
    case .unit: text += "()"
    case .bool(let flag): text += flag ? "true" : "false"
    case .int, .big: text += value.integer.map { String($0) } ?? ""
    case .float(let box): text += Self.text(of: box.value)
    case .string(let string): text += GoText.quoted(string)
    case .file(let file): text += shortDigest(file)
    case .dir(let dir):
      text += "dir("
      separated(MapNode.pairs(of: content(dir)), to: &text) { pair, text in
        if case .string(let path) = pair.key { text += GoText.quoted(path) + ": " }
        if case .file(let file) = pair.value { text += shortDigest(file) }
      }
      text += ")"
    case .fileset(let fileset):
      text += "fileset("
      write(fileset.value, .top, to: &text)
      text += ")"
    case .list(let list):
      text += "["
      separated(0..<list.count, to: &text) { write(list[$0], type.element, to: &$1) }
      text += "]"
    case .map(let root):
      text += "["
      separated(MapNode.pairs(of: root), to: &text) { pair, text in
        write(pair.key, type.key, to: &text)
        text += ": "
        write(pair.value, type.element, to: &text)
      }
      text += "]"
    case .tuple(let tuple):
      text += "("
      separated(tuple.elements.indices, to: &text) { write(tuple.elements[$0], type.element($0), to: &$1) }
      text += ")"
    case .record(let record):
      text += "{"
      separated(Machine.fields(of: type, in: record, symbols), to: &text) { field, text in
        text += symbols[field.symbol] + ": "
        if let value = record[field.symbol] { write(value, field.type, to: &text) }
      }
      text += "}"
    case .variant(let variant):
      text += "#" + symbols[variant.tag]
      if let element = variant.element {
        text += "("
        write(element, type.element(of: symbols[variant.tag]), to: &text)
        text += ")"
      }
    case .closure, .native: text += type == .top ? "func" : "\(type)"
    // Replaced by its rows before anything is printed.
    case .table: text += "table"
    case .delayed, .absent: preconditionFailure("a value is known down to its last element when it is printed")
    }
  }

  private func separated<Elements: Collection>(
    _ elements: Elements, to text: inout String, _ body: (Elements.Element, inout String) -> Void
  ) {
    var isFirst = true
    for element in elements {
      if !isFirst { text += ", " }
      isFirst = false
      body(element, &text)
    }
  }

  private func shortDigest(_ file: FileValue) -> String {
    String((artifact(file)?.digest.description ?? "").prefix(8))
  }

  /// A float with at most ten digits, as `%g` writes it.
  static func text(of value: Floating) -> String { GoText.general(value.value, precision: 10) }

  /// A scalar, for a message.
  static func key(_ value: Value) -> String {
    switch value {
    case .string(let text): GoText.quoted(text)
    case .bool(let flag): flag ? "true" : "false"
    case .float(let box): text(of: box.value)
    case .int, .big: value.integer.map { String($0) } ?? ""
    case .unit, .file, .dir, .fileset, .list, .map, .tuple, .record, .variant, .table, .closure, .native, .delayed,
      .absent:
      "of this kind"
    }
  }

  // MARK: JSON

  /// Ints are exact, however long; floats that JSON cannot write are `null`. A file is an object with its `digest` and `size`, a
  /// dir and a map with string keys an object, another map a list of pairs, a variant an object with its tag as the only key, or
  /// the tag as a string. Functions are `null`.
  func write(_ value: Value, _ type: Type, to json: inout JSONText) {
    let type = type.unlabelled
    switch value {
    case .unit, .table, .closure, .native: json.literal("null")
    case .bool(let flag): json.bool(flag)
    case .int, .big: json.literal(value.integer.map { String($0) } ?? "null")
    case .float(let box): json.literal(Self.json(box.value))
    case .string(let text): json.string(text.utf8 ?? text.display)
    case .file(let file):
      json.beginObject()
      let artifact = artifact(file)
      json.field("digest", artifact?.digest.description ?? "")
      json.field("size", artifact?.size ?? 0)
      json.endObject()
    case .dir(let dir): write(.map(content(dir)), .map(key: .string, value: .file), to: &json)
    case .fileset(let fileset): write(fileset.value, .top, to: &json)
    case .list(let list):
      json.beginArray()
      for index in 0..<list.count { write(list[index], type.element, to: &json) }
      json.endArray()
    case .map(let root):
      let pairs = MapNode.pairs(of: root)
      if type.key == .string || pairs.isEmpty {
        json.beginObject()
        for pair in pairs {
          if case .string(let text) = pair.key { json.key(text.utf8 ?? text.display) }
          write(pair.value, type.element, to: &json)
        }
        json.endObject()
      } else {
        json.beginArray()
        for pair in pairs {
          json.beginArray()
          write(pair.key, type.key, to: &json)
          write(pair.value, type.element, to: &json)
          json.endArray()
        }
        json.endArray()
      }
    case .tuple(let tuple):
      json.beginArray()
      for index in tuple.elements.indices { write(tuple.elements[index], type.element(index), to: &json) }
      json.endArray()
    case .record(let record):
      json.beginObject()
      for field in Machine.fields(of: type, in: record, symbols) {
        guard let value = record[field.symbol] else { continue }
        json.key(symbols[field.symbol])
        write(value, field.type, to: &json)
      }
      json.endObject()
    case .variant(let variant):
      let tag = symbols[variant.tag]
      guard let element = variant.element else { return json.string(tag) }
      json.beginObject()
      json.key(tag)
      write(element, type.element(of: tag), to: &json)
      json.endObject()
    case .delayed, .absent: preconditionFailure("a value is known down to its last element when it is printed")
    }
  }

  private static func json(_ value: Floating) -> String {
    let double = value.double
    guard double.isFinite else { return "null" }
    // The shortest text that reads back as the same double; `1.0` for whole numbers, so that it stays a float.
    return "\(double)"
  }
}

extension Type {
  /// The type of a list's or map's elements.
  fileprivate var element: Type {
    switch self {
    case .list(let element): element.unlabelled
    case .map(key: _, let value): value.unlabelled
    case _: .top
    }
  }

  fileprivate var key: Type {
    if case .map(let key, value: _) = self { return key.unlabelled }
    return .top
  }

  fileprivate func element(_ index: Int) -> Type {
    if case .tuple(let elements) = self, elements.indices.contains(index) { return elements[index].type.unlabelled }
    return .top
  }

  fileprivate func element(of tag: String) -> Type {
    guard case .sum(let variants) = self else { return .top }
    return variants.first { $0.tag == tag }?.element?.unlabelled ?? .top
  }
}

extension Machine {
  /// The value as text; it counts only if nothing is pending afterwards.
  ///
  /// - Precondition: the value is known down to its last element.
  mutating func printed(_ value: Value, _ type: Type, or pending: inout [NodeID]) throws(Failure) -> String {
    if let text = try csvText(value, type, or: &pending) { return text }
    let value = try withRows(value, type, or: &pending)
    try requireShown(value, or: &pending)
    return pending.isEmpty ? printer.text(of: value, type) : ""
  }

  /// The value as JSON; it counts only if nothing is pending afterwards.
  mutating func json(_ value: Value, _ type: Type, or pending: inout [NodeID]) throws(Failure) -> String {
    let value = try withRows(value, type, or: &pending)
    try requireShown(value, or: &pending)
    guard pending.isEmpty else { return "" }
    var json = JSONText()
    printer.write(value, type, to: &json)
    return json.text
  }

  private var printer: Printer {
    let answers = answers
    let listings = listings
    return Printer(
      symbols: symbols,
      artifact: { file in
        if let artifact = file.artifact { return artifact }
        if case .artifact(let artifact)? = answers[.artifact(file.reference)] { return artifact }
        return nil
      },
      content: { dir in
        switch dir.content {
        case .assembled(let root): return root
        case .reference(let reference): return listings[reference] ?? nil
        }
      })
  }

  /// Waits for the digests of all files that printing shows, those in folders included.
  private mutating func requireShown(_ value: Value, or pending: inout [NodeID]) throws(Failure) {
    switch value {
    case .file(let file): _ = try artifact(of: file, or: &pending)
    case .dir(let dir):
      guard let content = try content(of: dir, or: &pending) else { return }
      try requireShown(.map(content), or: &pending)
    case .fileset(let fileset): try requireShown(fileset.value, or: &pending)
    case .list(let list): for index in 0..<list.count { try requireShown(list[index], or: &pending) }
    case .map(let root): for pair in MapNode.pairs(of: root) { try requireShown(pair.value, or: &pending) }
    case .tuple(let tuple): for element in tuple.elements { try requireShown(element, or: &pending) }
    case .record(let record): for element in record.values { try requireShown(element, or: &pending) }
    case .variant(let variant): if let element = variant.element { try requireShown(element, or: &pending) }
    case .unit, .bool, .int, .big, .float, .string, .table, .closure, .native, .delayed, .absent: return
    }
  }
}
