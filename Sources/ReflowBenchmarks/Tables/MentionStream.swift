@preconcurrency import Glibc

/// Who mentions whom: the same stream each time.
struct MentionStream {
  private var generator = SplitMix64(seed: 11)
  private let users: Double
  /// Mentions in a day of the stream's clock.
  private let aDay: Int
  private var count = 0
  /// Whom everybody mentions just now, and how often still.
  private var burst = (user: 0, left: 0)
  /// The time of the last mention, in seconds.
  private(set) var latest = 0

  init(users: Int, aDay: Int) {
    self.users = Double(max(2, users))
    self.aDay = max(1, aDay)
  }

  /// A user: how often one comes is as one over the number.
  private mutating func user() -> Int {
    let unit = Double(generator.next() >> 11) / Double(1 << 53)
    return Int(pow(users, unit))
  }

  /// The next mention, as a line of the file.
  mutating func next() -> String {
    count += 1
    latest = Int(Double(count) * 86_400 / Double(aDay))
    let source = user()
    if burst.left == 0, generator.below(20_000) == 0 { burst = (user(), 500) }
    if burst.left > 0, generator.below(2) == 0 {
      burst.left -= 1
      return "\(source),\(burst.user),\(latest)\n"
    }
    return "\(source),\(user()),\(latest)\n"
  }
}

/// Writes a stream to a file.
struct MentionWriter {
  private let path: String
  private var stream: MentionStream

  init(_ path: String, users: Int, aDay: Int) {
    self.path = path
    stream = MentionStream(users: users, aDay: aDay)
  }

  /// The time of the last mention.
  var latest: Int { stream.latest }

  /// Makes the file, with so many mentions.
  mutating func begin(_ count: Int) {
    guard let file = fopen(path, "w") else { preconditionFailure("cannot write \(path)") }
    fputs("src,dst,at\n", file)
    for _ in 0..<count { fputs(stream.next(), file) }
    fclose(file)
  }

  /// Adds mentions, all at once and in whole lines.
  mutating func append(_ count: Int) {
    var text = ""
    for _ in 0..<count { text += stream.next() }
    let file = open(path, O_WRONLY | O_APPEND)
    precondition(file >= 0, "cannot write \(path)")
    defer { close(file) }
    let written = text.withUTF8 { write(file, $0.baseAddress, $0.count) }
    precondition(written == text.utf8.count, "cannot write \(path)")
  }
}

/// The strongly connected components of the last day of a file of mentions, by Tarjan's search: nodes of cycles, with the least node
/// of theirs.
struct MentionComponents {
  private var starts: [Int32] = []
  private var targets: [Int32] = []
  private var labels: [Int32] = []

  init(file: String) {
    let bytes = Scratch.bytes(file)
    var numbers: [Int32] = []
    var number: Int32 = 0
    // The header has no digits.
    for byte in bytes[((bytes.firstIndex(of: UInt8(ascii: "\n")) ?? -1) + 1)...] {
      if byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
        number = number * 10 + Int32(byte - UInt8(ascii: "0"))
      } else {
        numbers.append(number)
        number = 0
      }
    }
    var latest: Int32 = 0
    for at in stride(from: 2, to: numbers.count, by: 3) { latest = max(latest, numbers[at]) }
    var edges: [(from: Int32, to: Int32)] = []
    var nodes: Int32 = 0
    for at in stride(from: 0, to: numbers.count - 2, by: 3) where numbers[at + 2] > latest - 86_400 {
      guard numbers[at] != numbers[at + 1] else { continue }
      edges.append((numbers[at], numbers[at + 1]))
      nodes = max(nodes, numbers[at] + 1, numbers[at + 1] + 1)
    }
    starts = [Int32](repeating: 0, count: Int(nodes) + 1)
    for edge in edges { starts[Int(edge.from) + 1] += 1 }
    for node in 0..<Int(nodes) { starts[node + 1] += starts[node] }
    targets = [Int32](repeating: 0, count: edges.count)
    var places = starts
    for edge in edges {
      targets[Int(places[Int(edge.from)])] = edge.to
      places[Int(edge.from)] += 1
    }
    labels = [Int32](repeating: -1, count: Int(nodes))
    search(Int(nodes))
  }

  private mutating func search(_ nodes: Int) {
    var order = [Int32](repeating: 0, count: nodes)
    var low = order
    var isOnStack = [Bool](repeating: false, count: nodes)
    var stack: [Int32] = []
    var path: [(node: Int32, edge: Int32)] = []
    var next: Int32 = 1
    for root in 0..<nodes where order[root] == 0 {
      path.append((Int32(root), starts[root]))
      while let (node, edge) = path.last {
        let at = Int(node)
        if order[at] == 0 {
          order[at] = next
          low[at] = next
          next += 1
          stack.append(node)
          isOnStack[at] = true
        }
        if edge < starts[at + 1] {
          let target = Int(targets[Int(edge)])
          if order[target] == 0 {
            path.append((Int32(target), starts[target]))
          } else {
            if isOnStack[target] { low[at] = min(low[at], order[target]) }
            path[path.count - 1].edge += 1
          }
          continue
        }
        path.removeLast()
        if let (parent, _) = path.last { low[Int(parent)] = min(low[Int(parent)], low[at]) }
        if low[at] == order[at] { close(node, &stack, &isOnStack) }
      }
    }
  }

  private mutating func close(_ node: Int32, _ stack: inout [Int32], _ isOnStack: inout [Bool]) {
    let first = (stack.lastIndex(of: node) ?? 0)
    let members = stack[first...]
    if members.count > 1, let least = members.min() { for member in members { labels[Int(member)] = least } }
    for member in members { isOnStack[Int(member)] = false }
    stack.removeSubrange(first...)
  }

  /// As the program writes it.
  var text: [UInt8] {
    var text = "node,label\n"
    for (node, label) in labels.enumerated() where label >= 0 { text += "\(node),\(label)\n" }
    return Array(text.utf8)
  }
}
