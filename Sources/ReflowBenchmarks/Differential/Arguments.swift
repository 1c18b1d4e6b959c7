import ArgumentParser

/// The `name=value` arguments of a workload: `k=1M m=10M batches=1:5000,1000:500 workers=2`.
struct WorkloadArguments {
  private var values: [String: String] = [:]

  private static let names: Set<String> = [
    "k", "m", "n", "batches", "workers", "multi", "graph", "variant", "rounds", "seed", "only", "rebuild",
  ]

  init(_ words: [String]) throws {
    for word in words {
      let parts = word.split(separator: "=", maxSplits: 1)
      guard parts.count == 2, Self.names.contains(String(parts[0])) else {
        throw ValidationError("'\(word)' is not one of \(Self.names.sorted().map { $0 + "=" }.joined(separator: " "))")
      }
      values[String(parts[0])] = String(parts[1])
    }
  }

  func text(_ name: String, default fallback: String) -> String { values[name] ?? fallback }

  func number(_ name: String, default fallback: Int) throws -> Int {
    guard let text = values[name] else { return fallback }
    return try Self.number(text)
  }

  /// A number with `k` or `M` for thousands and millions.
  static func number(_ text: some StringProtocol) throws -> Int {
    let scale = text.hasSuffix("k") ? 1_000 : text.hasSuffix("M") ? 1_000_000 : 1
    guard let number = Int(scale == 1 ? String(text) : String(text.dropLast())), number >= 0 else {
      throw ValidationError("'\(text)' is not a number such as 20, 100k or 10M")
    }
    return number * scale
  }

  /// Sizes of batches, each with how many of them.
  func batches() throws -> [(size: Int, repeats: Int)] {
    guard let text = values["batches"] else { return [] }
    return try text.split(separator: ",").map { item in
      let parts = item.split(separator: ":")
      guard parts.count == 2 else { throw ValidationError("'\(item)' is not SIZE:REPEATS") }
      return (try Self.number(parts[0]), try Self.number(parts[1]))
    }
  }
}
