import CLinux
import Glibc
import Synchronization

/// Runs `body` over `0..<count` in pieces of `grain`, on all cores, and returns when all is done. Pieces come in any order.
///
/// - Complexity: starting a thread costs about 30 µs; few pieces run on the caller's thread alone.
func onAllCores(count: Int, grain: Int, _ body: @Sendable (Range<Int>) -> Void) {
  let pieces = (count + grain - 1) / grain
  guard pieces > 1 else {
    if count > 0 { body(0..<count) }
    return
  }
  let helpers = min(max(1, Int(reflow_cores())), pieces) - 1
  withoutActuallyEscaping(body) { body in
    let work = Pieces(count: count, grain: grain, body: body)
    var threads: [pthread_t] = []
    for _ in 0..<helpers {
      var thread = pthread_t()
      let argument = Unmanaged.passRetained(work)
      let code = pthread_create(
        &thread, nil,
        { argument in
          Unmanaged<Pieces>.fromOpaque(argument!).takeRetainedValue().run()
          return nil
        }, argument.toOpaque())
      // Without helpers the caller does all of it.
      if code == 0 { threads.append(thread) } else { argument.release() }
    }
    work.run()
    for thread in threads { pthread_join(thread, nil) }
  }
}

private final class Pieces: Sendable {
  private let next = Atomic<Int>(0)
  private let count: Int
  private let grain: Int
  private let body: @Sendable (Range<Int>) -> Void

  init(count: Int, grain: Int, body: @escaping @Sendable (Range<Int>) -> Void) {
    self.count = count
    self.grain = grain
    self.body = body
  }

  func run() {
    while true {
      let start = next.add(grain, ordering: .relaxed).oldValue
      if start >= count { return }
      body(start..<min(count, start + grain))
    }
  }
}

/// A slot for each piece of work of ``onAllCores(count:grain:_:)``.
///
/// `@unchecked`: no two pieces have an index in common, and the owner reads only after all have ended.
struct Slots<Element>: @unchecked Sendable {
  private let buffer: UnsafeMutableBufferPointer<Element>

  /// The results of `fill`, which must set each index once at most.
  static func filled(count: Int, with initial: Element, _ fill: (Slots) -> Void) -> [Element] {
    [Element](unsafeUninitializedCapacity: count) { buffer, initialized in
      buffer.initialize(repeating: initial)
      initialized = count
      fill(Slots(buffer: buffer))
    }
  }

  subscript(index: Int) -> Element {
    get { buffer[index] }
    nonmutating set { buffer[index] = newValue }
  }
}
