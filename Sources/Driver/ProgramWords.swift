import BuildGraph
import Diagnostics
import Language

extension ProgramLayout {
  /// How the words stand in a file of a program; nil where there is something wrong with it.
  ///
  /// - Complexity: O(bytes).
  init?(of text: [UInt8], file: String) {
    let (tree, diagnostics) = parse(SourceFile(name: file, text: text))
    guard diagnostics.isEmpty else { return nil }
    self = tree.layout
  }
}
