/// What the identifiers of a module refer to, by expression.
///
/// Most are variables, and there are hundreds of thousands in a large module: a code for each expression is smaller and
/// faster than a dictionary.
package struct ResolutionTable: Sendable {
  /// 0: none; 1: a variable; else two more than the index in `others`.
  private var codes: [UInt32]
  private var others: [CheckedModule.Resolution] = []

  init(expressions: Int) { codes = Array(repeating: 0, count: expressions) }

  /// nil for what is no identifier and no call.
  package internal(set) subscript(_ id: ExpressionID) -> CheckedModule.Resolution? {
    get {
      switch codes[Int(id.index)] {
      case 0: nil
      case 1: .variable
      case let code: others[Int(code - 2)]
      }
    }
    set {
      guard let newValue else {
        codes[Int(id.index)] = 0
        return
      }
      switch newValue {
      case .variable: codes[Int(id.index)] = 1
      case .prelude, .builtin, .output, .recursive, .system:
        others.append(newValue)
        codes[Int(id.index)] = UInt32(others.count + 1)
      }
    }
  }
}
