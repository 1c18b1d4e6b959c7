/// The names that are visible at one place, and how to get back to those outside a block.
///
/// Scopes are strictly sequential: a declaration is visible from there to the end of its block, and hides earlier ones.
/// One table maps each name to its present binding; what a block changes is undone at its end, so that looking a name up
/// costs one probe however deep the place is.
struct Scope {
  struct Binding {
    var name: String
    var type: Type
    var measure: TypeMeasure
    var flow: Flow
    /// Where it is declared.
    var token: TokenIndex
    var meaning: Meaning
    /// Whether it is reported if it is never used.
    var warns: Bool
    var isUsed = false
  }

  enum Meaning {
    case variable
    /// A function in its own body.
    case recursive(DeclarationID)
    /// The same, but its result type is not declared, and so not known.
    case untypedRecursion
  }

  struct Alias {
    var type: Type
    var measure: TypeMeasure
    var token: TokenIndex
  }

  private struct Frame {
    var bindings: Int
    var undo: Int
    var aliasUndo: Int
  }

  private(set) var bindings: [Binding] = []
  private(set) var aliases: [String: Alias] = [:]
  private var current: [String: Int] = [:]
  private var undo: [(name: String, previous: Int?)] = []
  private var aliasUndo: [(name: String, previous: Alias?)] = []
  private var frames: [Frame] = []

  /// All visible names, in no order.
  var names: [String] { Array(current.keys) }

  subscript(_ name: String) -> Binding? { current[name].map { bindings[$0] } }

  /// The binding of a name, which is used thereby.
  mutating func use(_ name: String) -> Binding? {
    guard let index = current[name] else { return nil }
    bindings[index].isUsed = true
    return bindings[index]
  }

  mutating func open() {
    frames.append(Frame(bindings: bindings.count, undo: undo.count, aliasUndo: aliasUndo.count))
  }

  mutating func bind(_ binding: Binding) {
    let previous = current.updateValue(bindings.count, forKey: binding.name)
    undo.append((binding.name, previous))
    bindings.append(binding)
  }

  mutating func bind(alias name: String, _ alias: Alias) {
    aliasUndo.append((name, aliases.updateValue(alias, forKey: name)))
  }

  /// Leaves the innermost block.
  ///
  /// - Returns: the bindings of it that were never used and should have been, by position. Of several of one name in one
  ///   block only the last counts.
  /// - Complexity: O(bindings of the block × log of it).
  mutating func close() -> [Binding] {
    guard let frame = frames.popLast() else { return [] }
    let unused = (frame.bindings..<bindings.count)
      .filter { bindings[$0].warns && !bindings[$0].isUsed && current[bindings[$0].name] == $0 }
      .map { bindings[$0] }
      .sorted { $0.token < $1.token }
    for (name, previous) in undo[frame.undo...].reversed() { current[name] = previous }
    for (name, previous) in aliasUndo[frame.aliasUndo...].reversed() { aliases[name] = previous }
    undo.removeSubrange(frame.undo...)
    aliasUndo.removeSubrange(frame.aliasUndo...)
    bindings.removeSubrange(frame.bindings...)
    return unused
  }
}
