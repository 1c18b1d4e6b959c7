import BuildGraph
import Differential
import Language

/// The words of a binding: of which generators' columns they are, in order.
struct BindingLayout {
  private(set) var places: [Place] = []

  struct Place: Hashable {
    var generator: Int
    var column: Int
  }

  init(_ places: [Place] = []) { self.places = places }

  /// All columns of one generator.
  init(generator: Int, width: Int) { places = (0..<width).map { Place(generator: generator, column: $0) } }

  /// The binding of these and then those.
  static func + (a: Self, b: Self) -> Self { Self(a.places + b.places) }

  /// Where a word stands that a function reads.
  ///
  /// - Precondition: it is in the binding, as everything is that is still needed.
  func position(of input: RowFunction.Input) -> Int {
    guard let position = places.firstIndex(of: Place(generator: input.generator, column: input.column)) else {
      preconditionFailure("a binding keeps the words that later functions read")
    }
    return position
  }
}

/// A row function that reads its words from a binding.
final class BindingFunction {
  let function: RowFunction
  private let bound: BoundRowFunction
  private let positions: UnsafeMutableBufferPointer<Int>
  /// Where it does nothing but select what needs no look: for each word that it makes, the position.
  private let selected: UnsafeMutableBufferPointer<Int>
  private let input: RecordBuffer
  /// What the last call made; for a selection nothing is copied before it is asked for.
  private let output: RecordBuffer
  let outputCount: Int

  init(_ function: RowFunction, _ layout: BindingLayout, _ evaluator: RowEvaluator) {
    self.function = function
    bound = evaluator.bind(function)
    positions = .allocate(capacity: function.inputs.count)
    _ = positions.initialize(from: function.inputs.map { layout.position(of: $0) })
    // A float may have become one that no row has.
    let isPlain = function.selection != nil && function.outputs.allSatisfy { $0 != .float }
    let places = isPlain ? function.selection ?? [] : []
    selected = .allocate(capacity: places.count)
    _ = selected.initialize(from: places.map { layout.position(of: function.inputs[$0]) })
    input = RecordBuffer(function.inputs.count)
    outputCount = function.outputs.count
    output = RecordBuffer(outputCount)
  }

  deinit {
    positions.deallocate()
    selected.deallocate()
  }

  private func fetch(_ row: Words) {
    for index in 0..<positions.count { input[index] = row[positions[index]] }
  }

  /// Computes the words for a binding; they stay until the next call.
  func apply(_ row: Words) -> Result<UnsafePointer<UInt64>, RowError> {
    if selected.count > 0 {
      for index in 0..<selected.count { output[index] = row[selected[index]] }
      return .success(UnsafePointer(output.words))
    }
    fetch(row)
    if let error = bound.apply(UnsafePointer(input.words), output.words) { return .failure(error) }
    return .success(UnsafePointer(output.words))
  }

  /// Computes a list, an element at a time.
  func expand(_ row: Words, _ body: (UnsafePointer<UInt64>) -> Void) -> RowError? {
    fetch(row)
    return bound.expand(UnsafePointer(input.words), body)
  }
}

/// Row errors as records: by number, since a record is words.
final class ErrorTable {
  /// Whether something failed that cannot, and left no complaint.
  var isInDoubt = false
  private var numbers: [RowError: UInt64] = [:]
  private let cell: RecordBuffer

  init() {
    cell = RecordBuffer(1)
  }

  /// The record of an error, valid until the next is asked for.
  func record(of error: RowError) -> Words {
    let number = numbers[error] ?? UInt64(numbers.count)
    numbers[error] = number
    cell[0] = number
    return cell.record
  }
}

/// What is made of each row by itself: rows, and complaints on the side.
protocol Stage: AnyObject {
  func process<T: Timestamp>(_ row: Words, _ out: inout Expansion<Words, Words, T, Int>)
}

/// What happens to a binding on its way: conditions, one after the other, and what is made of those that pass them all.
final class RowStage: Stage {
  enum Product {
    /// Some of the words; none for one word that is always 0.
    case project([Int])
    case function(BindingFunction)
    /// Some of the words, and then those of each element of a list.
    case list(BindingFunction, keep: [Int])
  }

  private let conditions: [BindingFunction]
  private let product: Product
  private let errors: ErrorTable
  private let scratch: RecordBuffer
  /// Of a list, while its elements are computed.
  private var elements: [UInt64] = []
  /// Of what comes out.
  let width: Int

  init(_ conditions: [BindingFunction], _ product: Product, _ errors: ErrorTable) {
    self.conditions = conditions
    self.product = product
    self.errors = errors
    switch product {
    case .project(let positions): width = max(positions.count, 1)
    case .function(let function): width = max(function.outputCount, 1)
    case .list(let function, let keep): width = max(keep.count + function.outputCount, 1)
    }
    scratch = RecordBuffer(width)
  }

  func process<T: Timestamp>(_ row: Words, _ out: inout Expansion<Words, Words, T, Int>) {
    for condition in conditions {
      switch condition.apply(row) {
      case .success(let word): if word[0] == 0 { return }
      case .failure(let error): return out.appendAside(errors.record(of: error))
      }
    }
    switch product {
    case .project(let positions):
      var index = 0
      while index < positions.count {
        scratch[index] = row[positions[index]]
        index += 1
      }
      out.append(scratch.record)
    case .function(let function):
      switch function.apply(row) {
      case .success(let words): out.append(Words(words, count: width))
      case .failure(let error): out.appendAside(errors.record(of: error))
      }
    case .list(let function, let keep):
      for (index, position) in keep.enumerated() { scratch[index] = row[position] }
      // All elements or the error: what was handed out before an error came counts nowhere.
      elements.removeAll(keepingCapacity: true)
      let count = function.outputCount
      let error = function.expand(row) { element in
        for index in 0..<count { elements.append(element[index]) }
      }
      if let error { return out.appendAside(errors.record(of: error)) }
      var start = 0
      while start < elements.count {
        for index in 0..<count { scratch[keep.count + index] = elements[start + index] }
        out.append(scratch.record)
        start += max(count, 1)
      }
    }
  }
}

/// Makes the key and the value under which a binding is arranged.
final class KeyStage {
  private let keys: [BindingFunction]
  /// The same at a fixed place, and without references to count: they are looked at for each row.
  private let unownedKeys: UnsafeMutableBufferPointer<Unmanaged<BindingFunction>>
  /// How many first words are the key, where no function makes it.
  private let plainKeyWidth: Int
  private let keep: [Int]
  private let errors: ErrorTable
  private let keyScratch: RecordBuffer
  private let valueScratch: RecordBuffer

  /// - Parameter keep: the positions that make the value. Without any the value is one word, 0; so is the key without functions.
  convenience init(_ keys: [BindingFunction], keep: [Int], _ errors: ErrorTable) {
    self.init(keys, plainKeyWidth: 0, keep: keep, errors)
  }

  convenience init(keyWidth: Int, keep: [Int], _ errors: ErrorTable) {
    self.init([], plainKeyWidth: keyWidth, keep: keep, errors)
  }

  private init(_ keys: [BindingFunction], plainKeyWidth: Int, keep: [Int], _ errors: ErrorTable) {
    self.keys = keys
    unownedKeys = .allocate(capacity: keys.count)
    _ = unownedKeys.initialize(from: keys.map { Unmanaged.passUnretained($0) })
    self.plainKeyWidth = plainKeyWidth
    self.keep = keep
    self.errors = errors
    keyScratch = RecordBuffer(keys.reduce(plainKeyWidth) { $0 + $1.outputCount })
    valueScratch = RecordBuffer(keep.count)
  }

  deinit { unownedKeys.deallocate() }

  func process<T: Timestamp>(_ row: Words, _ out: inout Expansion<Pair<Words, Words>, Words, T, Int>) {
    var next = 0
    for key in unownedKeys {
      let count = key._withUnsafeGuaranteedRef { $0.outputCount }
      switch key._withUnsafeGuaranteedRef({ $0.apply(row) }) {
      case .success(let words):
        for index in 0..<count { keyScratch[next + index] = words[index] }
        next += count
      case .failure(let error): return out.appendAside(errors.record(of: error))
      }
    }
    for index in 0..<plainKeyWidth { keyScratch[index] = row[index] }
    var index = 0
    while index < keep.count {
      valueScratch[index] = row[keep[index]]
      index += 1
    }
    out.append(
      Pair(keyScratch.record, valueScratch.record))
  }
}

/// Puts the words of two rows beside each other.
final class Splice {
  private let first: Int
  private let second: Int
  private let scratch: RecordBuffer

  /// - Parameters: how many words of each count.
  init(_ first: Int, _ second: Int) {
    self.first = first
    self.second = second
    scratch = RecordBuffer(first + second)
  }

  /// Valid until the next call.
  func callAsFunction(_ a: Words, _ b: Words) -> Words {
    var index = 0
    while index < first {
      scratch[index] = a[index]
      index += 1
    }
    index = 0
    while index < second {
      scratch[first + index] = b[index]
      index += 1
    }
    return scratch.record
  }
}

/// Makes a row of the words of a key, each at a place of its own, and one word more.
final class Placing {
  private let places: [Int]
  private let last: Int
  private let scratch: RecordBuffer

  /// - Parameters: where the words of the key go, and the other; together all places of the row.
  init(_ places: [Int], _ last: Int) {
    self.places = places
    self.last = last
    scratch = RecordBuffer(places.count + 1)
  }

  /// Valid until the next call.
  func callAsFunction(_ key: Words, _ value: Words) -> Words {
    var index = 0
    while index < places.count {
      scratch[places[index]] = key[index]
      index += 1
    }
    scratch[last] = value[0]
    return scratch.record
  }
}
