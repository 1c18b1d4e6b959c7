/// Runs a matching program: one thread for each place in it, in order of preference, one character after another.
struct RegexMachine {
  /// Threads that wait for the same character.
  private struct Threads {
    var places: [Int] = []
    /// The slots of each thread, one after another.
    var slots: [Int] = []
    /// For each place of the program the round in which it got its thread.
    var rounds: [Int]
  }

  /// What is left to follow of the steps that take no character.
  private enum Pending {
    case follow(Int)
    case restore(slot: Int, value: Int)
  }

  private var current: Threads
  private var next: Threads
  private var pending: [Pending] = []
  private var slots: [Int]
  private var round = 0

  init(_ expression: RegularExpression) {
    current = Threads(rounds: Array(repeating: 0, count: expression.program.count))
    next = current
    slots = Array(repeating: -1, count: 2 * expression.groupNames.count)
  }

  /// The leftmost match that begins at or behind `start`, as pairs of offsets, -1 for groups that took no part.
  mutating func run(
    _ expression: RegularExpression, _ text: UnsafeBufferPointer<UInt8>, from start: Int, firstBytes: [Bool]?,
    isAnchored: Bool
  ) -> [Int]? {
    let program = expression.program
    let width = slots.count
    var best: [Int]?
    var place = start
    current.places.removeAll(keepingCapacity: true)
    current.slots.removeAll(keepingCapacity: true)
    round += 1
    while true {
      if current.places.isEmpty {
        if best != nil || (isAnchored && place > 0) { break }
        if let firstBytes {
          while place < text.count, !firstBytes[Int(text[place])] { place += 1 }
          if place == text.count { break }
        }
      }
      if best == nil, !isAnchored || place == 0 {
        for slot in slots.indices { slots[slot] = -1 }
        Self.follow(0, program, text, place, round, &current, &pending, &slots)
      }
      let (value, length) = Self.scalar(in: text, at: place)
      round += 1
      next.places.removeAll(keepingCapacity: true)
      next.slots.removeAll(keepingCapacity: true)
      threads: for thread in current.places.indices {
        let instruction = program[current.places[thread]]
        let matches: Bool
        switch instruction {
        case .match:
          best = Array(current.slots[(thread * width)..<((thread + 1) * width)])
          // The threads behind it are worth less.
          break threads
        case .character(let wanted): matches = length > 0 && value == wanted
        case .set(let index): matches = length > 0 && expression.sets[index].contains(value)
        case .assertion, .save, .jump, .split: matches = false
        }
        guard matches else { continue }
        for slot in 0..<width { slots[slot] = current.slots[thread * width + slot] }
        Self.follow(current.places[thread] + 1, program, text, place + length, round, &next, &pending, &slots)
      }
      swap(&current, &next)
      if place >= text.count { break }
      place += length
    }
    return best
  }

  /// Adds a thread for every character that can come next after `start`, in order of preference.
  private static func follow(
    _ start: Int, _ program: [RegexInstruction], _ text: UnsafeBufferPointer<UInt8>, _ place: Int, _ round: Int,
    _ threads: inout Threads, _ pending: inout [Pending], _ slots: inout [Int]
  ) {
    pending.append(.follow(start))
    while let task = pending.popLast() {
      guard case .follow(let step) = task else {
        if case .restore(let slot, let value) = task { slots[slot] = value }
        continue
      }
      guard threads.rounds[step] != round else { continue }
      threads.rounds[step] = round
      switch program[step] {
      case .jump(let target): pending.append(.follow(target))
      case .split(let first, let second):
        pending.append(.follow(second))
        pending.append(.follow(first))
      case .save(let slot):
        pending.append(.restore(slot: slot, value: slots[slot]))
        slots[slot] = place
        pending.append(.follow(step + 1))
      case .assertion(let assertion):
        if holds(assertion, text, place) { pending.append(.follow(step + 1)) }
      case .character, .set, .match:
        threads.places.append(step)
        threads.slots.append(contentsOf: slots)
      }
    }
  }

  private static func holds(_ assertion: RegexAssertion, _ text: UnsafeBufferPointer<UInt8>, _ place: Int) -> Bool {
    switch assertion {
    case .textStart: place == 0
    case .textEnd: place == text.count
    case .lineStart: place == 0 || text[place - 1] == UInt8(ascii: "\n")
    case .lineEnd: place == text.count || text[place] == UInt8(ascii: "\n")
    case .wordBoundary: isWord(text, place - 1) != isWord(text, place)
    case .noWordBoundary: isWord(text, place - 1) == isWord(text, place)
    }
  }

  private static func isWord(_ text: UnsafeBufferPointer<UInt8>, _ place: Int) -> Bool {
    guard text.indices.contains(place) else { return false }
    return isLetter(text[place]) || isDigit(text[place]) || text[place] == UInt8(ascii: "_")
  }

  /// The character at an offset and its length; length 0 at the end, and U+FFFD of length 1 where it is not UTF-8.
  static func scalar(in text: UnsafeBufferPointer<UInt8>, at place: Int) -> (value: UInt32, width: Int) {
    guard place < text.count else { return (0, 0) }
    let first = text[place]
    if first < 0x80 { return (UInt32(first), 1) }
    var decoder = UTF8()
    var bytes = text[place..<min(place + 4, text.count)].makeIterator()
    guard case .scalarValue(let scalar) = decoder.decode(&bytes) else { return (0xFFFD, 1) }
    return (scalar.value, UTF8.width(scalar))
  }
}
