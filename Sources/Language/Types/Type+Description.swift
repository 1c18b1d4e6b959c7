extension Type: CustomStringConvertible {
  /// The type as programs write it, neighbours of one type grouped: `{a, b int, c string}`, `func(x, y int) string`.
  ///
  /// - Complexity: O(size of the type).
  package var description: String {
    var text = ""
    write(to: &text)
    return text
  }

  /// The type with the label of a tuple of one element dropped: what a value of it is.
  package var unlabelled: Type {
    if case .tuple(let elements) = self, elements.count == 1 { return elements[0].type.unlabelled }
    return self
  }

  private func write(to text: inout String) {
    switch self {
    case .int: text += "int"
    case .float: text += "float"
    case .string: text += "string"
    case .bool: text += "bool"
    case .file: text += "file"
    case .dir: text += "dir"
    case .unit: text += "unit"
    case .fileset: text += "fileset"
    case .top: text += "top"
    case .bottom: text += "bottom"
    case .error: text += "?"
    case .list(let element):
      text += "["
      element.write(to: &text)
      text += "]"
    case .map(let key, let value):
      text += "["
      key.write(to: &text)
      text += ":"
      value.write(to: &text)
      text += "]"
    case .tuple(let elements):
      text += "("
      Type.write(elements, to: &text)
      text += ")"
    case .structure(let fields):
      text += "{"
      Type.write(fields.map { Labelled($0.name, $0.type) }, to: &text)
      text += "}"
    case .module(let fields, aliases: _):
      text += "module{"
      Type.write(fields.map { Labelled($0.name, $0.type) }, to: &text)
      text += "}"
    case .function(let parameters, let result):
      text += "func("
      Type.write(parameters, to: &text)
      text += ") "
      result.write(to: &text)
    case .sum(let variants):
      for (position, variant) in variants.enumerated() {
        text += position == 0 ? "#" : " | #"
        text += variant.tag
        if let element = variant.element {
          text += "("
          element.write(to: &text)
          text += ")"
        }
      }
    case .table(let row):
      text += "table "
      row.write(to: &text)
    case .scheme(let function): text += function.rawValue
    }
  }

  private static func write(_ elements: [Labelled], to text: inout String) {
    let written = elements.map(\.type.description)
    for (position, element) in elements.enumerated() {
      if position > 0 { text += ", " }
      guard let label = element.label else {
        text += written[position]
        continue
      }
      text += label
      let continues =
        position + 1 < elements.count && elements[position + 1].label != nil
        && written[position + 1] == written[position]
      if !continues { text += " " + written[position] }
    }
  }
}
