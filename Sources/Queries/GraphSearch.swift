import BuildGraph
import Diagnostics
import Ports

/// Finds steps by what no index of the graph has: their labels and keys.
struct GraphSearch {
  let store: any Store
  let graph: PersistedGraph

  private var pageCount: UInt32 {
    (UInt32(graph.header.count(of: .step)) + GraphPage.nodesPerPage - 1) / GraphPage.nodesPerPage
  }

  /// Visits pages of steps, some hundreds at a time, so that not all of a large graph is in memory.
  private func eachPage(
    _ section: GraphSection, _ body: (UInt32, [UInt8]) throws(SystemError) -> Void
  ) throws(SystemError) {
    let count = pageCount
    for start in stride(from: 0, to: count, by: 256) {
      let numbers = start..<min(count, start + 256)
      let pages = try store.graphPages(of: graph.key, numbers.map { GraphPage(section, $0) })
      for number in numbers { if let bytes = pages[GraphPage(section, number)] { try body(number, bytes) } }
    }
  }

  /// Steps of this label; where there are none, those of this name, whose labels go on with what tells them apart.
  ///
  /// - Complexity: O(bytes of the definitions): only pages that hold the text are read value by value.
  func steps(labelled text: String) throws(SystemError) -> [StepID] {
    var exact: [StepID] = []
    var named: [StepID] = []
    let wanted = Array(text.utf8)
    guard !wanted.isEmpty else { return [] }
    try eachPage(.stepDefinitions) { number, bytes throws(SystemError) in
      guard Self.contains(bytes, wanted) else { return }
      try eachLabel(number, bytes) { id, label in
        if label == text { exact.append(id) } else if label.hasPrefix(text + "[") { named.append(id) }
      }
    }
    return exact.isEmpty ? named : exact
  }

  /// All labels, in the order of the program.
  ///
  /// - Complexity: O(steps).
  func labels() throws(SystemError) -> [String] {
    var labels: [String] = []
    try eachPage(.stepDefinitions) { number, bytes throws(SystemError) in
      try eachLabel(number, bytes) { labels.append($1) }
    }
    return labels
  }

  private func eachLabel(_ number: UInt32, _ bytes: [UInt8], _ body: (StepID, String) -> Void) throws(SystemError) {
    guard let list = ListPage(bytes) else { return }
    for index in 0..<list.count {
      let definition = list.value(at: index) { NodeDefinition(decoding: &$0) }
      guard case .step(_, let frame)? = definition?.content else { continue }
      body(StepID(index: number * GraphPage.nodesPerPage + UInt32(index)), frame.label)
    }
  }

  /// Steps whose content key begins with these hexadecimal digits, four at least.
  ///
  /// - Complexity: O(steps).
  func steps(keyed digits: String) throws(SystemError) -> [StepID] {
    let text = digits.lowercased()
    guard (4...32).contains(text.utf8.count), text.allSatisfy(\.isHexDigit),
      let low = Digest(hex: text + String(repeating: "0", count: 32 - text.utf8.count)),
      let high = Digest(hex: text + String(repeating: "f", count: 32 - text.utf8.count))
    else { return [] }
    var found: [StepID] = []
    try eachPage(.stepStates) { number, bytes in
      guard let list = ListPage(bytes) else { return }
      for index in 0..<list.count {
        guard case .made(let made)? = list.value(at: index, { NodeState(decoding: &$0) }),
          made.contentKey >= low, made.contentKey <= high
        else { continue }
        found.append(StepID(index: number * GraphPage.nodesPerPage + UInt32(index)))
      }
    }
    return found
  }

  static func contains(_ bytes: [UInt8], _ wanted: [UInt8]) -> Bool {
    bytes.withUnsafeBufferPointer { bytes in
      wanted.withUnsafeBufferPointer { wanted in
        guard bytes.count >= wanted.count else { return false }
        let first = wanted[0]
        for start in 0...(bytes.count - wanted.count) where bytes[start] == first {
          var length = 1
          while length < wanted.count, bytes[start + length] == wanted[length] { length += 1 }
          if length == wanted.count { return true }
        }
        return false
      }
    }
  }
}
