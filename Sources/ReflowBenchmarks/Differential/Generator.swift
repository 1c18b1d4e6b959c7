import Differential

/// splitmix64, the generator of all workloads: a seed gives the same stream everywhere.
struct SplitMix64 {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  @inline(__always) mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    return finalize(state)
  }

  /// A number below `bound`.
  @inline(__always) mutating func below(_ bound: UInt64) -> UInt64 { next().multipliedFullWidth(by: bound).high }
}

/// The stream of pairs that a workload inserts and, replayed from the start, removes.
struct PairStream {
  enum Shape: Sendable {
    case uniform
    /// Edges of a graph with a few very large and many small degrees; ids are scattered over the range.
    case rmat
  }

  private var generator: SplitMix64
  private let first: UInt64
  private let second: UInt64
  private let shape: Shape

  init(seed: UInt64, first: UInt64, second: UInt64, shape: Shape = .uniform) {
    generator = SplitMix64(seed: seed)
    self.first = first
    self.second = second
    self.shape = shape
  }

  @inline(__always) mutating func next() -> (UInt64, UInt64) {
    switch shape {
    case .uniform:
      let a = generator.below(first)
      return (a, generator.below(second))
    case .rmat: return nextRMAT()
    }
  }

  private mutating func nextRMAT() -> (UInt64, UInt64) {
    let bits = 64 - (first - 1).leadingZeroBitCount
    while true {
      var a: UInt64 = 0
      var b: UInt64 = 0
      for _ in 0..<bits {
        let r = generator.below(100)
        a = a << 1 | (r >= 76 ? 1 : 0)
        b = b << 1 | (r < 57 || (r >= 76 && r < 95) ? 0 : 1)
      }
      if a < first && b < second { return (finalize(a) % first, finalize(b) % second) }
    }
  }
}

/// The order-free sum over output differences by which results are compared between engines.
struct Checksum {
  private(set) var sum: UInt64 = 0
  private(set) var count = 0

  @inline(__always) static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
    finalize(a &* 0x9E37_79B9_7F4A_7C15 &+ b &+ 0x632B_E59B_D9B4_E019)
  }

  @inline(__always) mutating func add(_ word: UInt64, _ difference: Int) {
    sum &+= word &* UInt64(bitPattern: Int64(difference))
    count += difference
  }

  /// Adds what another worker's differences came to.
  mutating func merge(_ other: Checksum) {
    sum &+= other.sum
    count += other.count
  }

  var hex: String {
    let digits = String(sum, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

/// FNV-1a of bytes: how words enter a checksum.
func fnv1a64(_ bytes: some Sequence<UInt8>) -> UInt64 {
  bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
}
