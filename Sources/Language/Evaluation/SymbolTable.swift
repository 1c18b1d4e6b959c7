/// The names of fields and tags, as numbers.
struct SymbolTable {
  private(set) var names: [String] = []
  private var symbols: [String: Symbol] = [:]

  mutating func symbol(_ name: String) -> Symbol {
    if let symbol = symbols[name] { return symbol }
    let symbol = Symbol(index: Int32(names.count))
    names.append(name)
    symbols[name] = symbol
    return symbol
  }

  /// The symbol of a name that somebody has used before.
  func known(_ name: String) -> Symbol? { symbols[name] }

  subscript(_ symbol: Symbol) -> String { names[Int(symbol.index)] }
}
