import Differential

/// An operator with two inputs, as the engine has it and by its definition: what it makes of two multisets.
protocol DefinedOperator: Sendable {
  associatedtype Out: Record
  /// The engine's, at any depth of loops.
  func build<T: Timestamp>(
    _ left: Multiset<KeyValue, T, Int>, _ right: Multiset<KeyValue, T, Int>
  ) -> Multiset<Out, T, Int>
  /// Its result for inputs that do not change.
  func define(_ left: [KeyValue: Int], _ right: [KeyValue: Int]) -> [Out: Int]
}

/// A change of one of the two inputs at a time: an epoch, and a round for each of up to three loops.
struct SidedChange: Equatable, CustomStringConvertible, Sendable {
  var time: [UInt32]
  var isRight: Bool
  var data: KeyValue
  var difference: Int

  var description: String {
    "\(isRight ? "R" : "L")\(data)@\(time.map(String.init).joined(separator: "."))\(difference < 0 ? "" : "+")\(difference)"
  }
}

/// A difference that came out, its time as coordinates.
struct Emitted<Out: Record>: Sendable {
  var data: Out
  var time: [UInt32]
  var difference: Int
}

/// Coordinates, outermost first: the tests have an order of times of their own.
protocol Coordinated { var coordinates: [UInt32] { get } }
extension UInt32: Coordinated { var coordinates: [UInt32] { [self] } }
extension Product: Coordinated where Outer: Coordinated, Inner == UInt32 {
  var coordinates: [UInt32] { outer.coordinates + [inner] }
}

func precedes(_ a: [UInt32], _ b: [UInt32]) -> Bool { zip(a, b).allSatisfy { $0 <= $1 } }

/// All least upper bounds of sets of the times.
func joinClosure(_ times: Set<[UInt32]>) -> Set<[UInt32]> {
  var closed: Set<[UInt32]> = []
  for time in times { closed.formUnion(closed.map { zip($0, time).map { max($0, $1) } } + [time]) }
  return closed
}

extension Dictionary where Value == Int {
  /// A multiset of what is there other than zero times.
  init(counting entries: some Sequence<(Key, Int)>) {
    self = Dictionary(entries.map { ($0, $1) }, uniquingKeysWith: +).filter { $0.value != 0 }
  }
}

/// Why an operator is not what its definition says over a history; nil if it is.
///
/// At each least upper bound of times of changes, the output accumulated must be the definition of the input accumulated, and
/// no output may lie elsewhere.
func disagreement<Operator: DefinedOperator>(
  of tested: Operator, over history: [SidedChange], emitted: [Emitted<Operator.Out>]
) -> String? {
  let closed = joinClosure(Set(history.map(\.time)))
  for time in closed.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
    let seen = history.filter { precedes($0.time, time) }
    let left = [KeyValue: Int](counting: seen.filter { !$0.isRight }.map { ($0.data, $0.difference) })
    let right = [KeyValue: Int](counting: seen.filter { $0.isRight }.map { ($0.data, $0.difference) })
    let actual = [Operator.Out: Int](
      counting: emitted.filter { precedes($0.time, time) }.map { ($0.data, $0.difference) })
    let expected = tested.define(left, right)
    if actual != expected { return "at \(time): \(actual), by definition \(expected)" }
  }
  let elsewhere = [[UInt32]: [Operator.Out: Int]](grouping: emitted.filter { !closed.contains($0.time) })
  if let stray = elsewhere.first { return "a change at \(stray.key), where no changes join: \(stray.value)" }
  return nil
}

extension Dictionary {
  fileprivate init<Out: Record>(grouping emitted: [Emitted<Out>]) where Key == [UInt32], Value == [Out: Int] {
    self = Dictionary<Key, [Emitted<Out>]>(grouping: emitted, by: \.time)
      .mapValues { [Out: Int](counting: $0.map { ($0.data, $0.difference) }) }.filter { !$0.value.isEmpty }
  }
}

/// Runs an operator inside so many loops, in steps that end at the given epochs.
///
/// - Parameters:
///   - flow: A dataflow without operators.
///   - feeds: Whether a change, by its number, is fed here and not by another worker.
///   - stops: Asked between operators whether to interrupt the step there; it is then gone on with at once.
func emissions<Operator: DefinedOperator>(
  of tested: Operator, over history: [SidedChange], in flow: Dataflow<UInt32> = Dataflow(), loops: Int,
  stepsEndingAt ends: [UInt32], stops: @escaping () -> Bool = { false }, feeds: (Int) -> Bool = { _ in true }
) -> [Emitted<Operator.Out>] {
  typealias Placed = Pair<Pair<UInt32, Pair<UInt32, UInt32>>, Pair<UInt8, KeyValue>>
  var emitted: [Emitted<Operator.Out>] = []
  func observe<T: Timestamp & Coordinated>(_ placed: Multiset<Placed, T, Int>) {
    let left = placed.filter { $0.second.first == 0 }.map { $0.second.second }
    let right = placed.filter { $0.second.first == 1 }.map { $0.second.second }
    _ = tested.build(left, right).inspect {
      emitted.append(Emitted(data: $0.data, time: $0.time.coordinates, difference: $0.difference))
    }
  }
  let (input, placed) = flow.input(Placed.self)
  if loops == 0 {
    observe(placed)
  } else {
    flow.root.loop { first in
      let once = placed.enterAt(first) { $0.first.first }
      if loops == 1 { return observe(once) }
      first.loop { second in
        let twice = once.enterAt(second) { $0.first.second.first }
        if loops == 2 { return observe(twice) }
        second.loop { third in observe(twice.enterAt(third) { $0.first.second.second }) }
      }
    }
  }
  var start: UInt32 = 0
  for end in ends {
    for (number, change) in history.enumerated()
    where change.time[0] >= start && change.time[0] < end && feeds(number) {
      let rounds = Array(change.time.dropFirst()) + [0, 0, 0]
      input.update(
        Pair(Pair(rounds[0], Pair(rounds[1], rounds[2])), Pair(change.isRight ? 1 : 0, change.data)),
        at: change.time[0], by: change.difference)
    }
    input.advance(to: end)
    while !flow.step(while: { !stops() }) {}
    start = end
  }
  return emitted
}

/// A random history with so many rounds in each of so many loops, over few keys and values, so that much of it collides.
func randomSidedHistory(_ generator: inout TestGenerator, loops: Int, epochs: UInt32) -> [SidedChange] {
  let rounds = UInt32.random(in: 1...4, using: &generator)
  return (0..<Int.random(in: 1...16, using: &generator)).map { _ in
    let inside = (0..<loops).map { _ in UInt32.random(in: 0..<rounds, using: &generator) }
    return SidedChange(
      time: [.random(in: 0..<epochs, using: &generator)] + inside,
      isRight: Int.random(in: 0..<3, using: &generator) == 0,
      data: Pair(.random(in: 0..<3, using: &generator), .random(in: 0..<4, using: &generator)),
      difference: [-2, -1, 1, 1, 2].randomElement(using: &generator)!)
  }
}
