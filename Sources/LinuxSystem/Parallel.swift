import Glibc
import Synchronization

/// Calls `body` once for each number below `count`, on all cores, lower numbers first. Returns when all are done.
///
/// Threads are made for the call: a dozen microseconds each, which is why short work stays on the caller's.
func forEachOnAllCores(_ count: Int, chunk: Int = 64, _ body: @Sendable (Int) -> Void) {
  let threads = min(Machine.cores, (count + chunk - 1) / chunk)
  guard threads > 1 else {
    for index in 0..<count { body(index) }
    return
  }
  withoutActuallyEscaping(body) { body in
    let work = SharedWork(count: count, chunk: chunk, body: body)
    var others: [pthread_t] = []
    for _ in 1..<threads {
      var thread = pthread_t()
      let argument = Unmanaged.passRetained(work).toOpaque()
      let failure = pthread_create(
        &thread, nil,
        { argument in
          Unmanaged<SharedWork>.fromOpaque(argument!).takeRetainedValue().run()
          return nil
        }, argument)
      if failure == 0 { others.append(thread) } else { Unmanaged<SharedWork>.fromOpaque(argument).release() }
    }
    work.run()
    for thread in others { pthread_join(thread, nil) }
  }
}

/// What the threads of one call share: the next number, and the work.
private final class SharedWork: Sendable {
  private let count: Int
  private let chunk: Int
  private let body: @Sendable (Int) -> Void
  private let next = Atomic<Int>(0)

  init(count: Int, chunk: Int, body: @escaping @Sendable (Int) -> Void) {
    self.count = count
    self.chunk = chunk
    self.body = body
  }

  func run() {
    while true {
      let start = next.wrappingAdd(chunk, ordering: .relaxed).oldValue
      guard start < count else { return }
      for index in start..<min(start + chunk, count) { body(index) }
    }
  }
}

/// Room for one result per number, written from many threads, each place once.
final class ResultTable<Value>: @unchecked Sendable {
  // Safe to share: each index is written by the one thread that drew it, and read only after all threads have ended.
  private let places: UnsafeMutablePointer<Value>
  private let count: Int
  private var isFilled = false

  init(count: Int) {
    places = .allocate(capacity: count)
    self.count = count
  }

  func fill(chunk: Int = 64, _ body: @Sendable (Int) -> Value) -> [Value] {
    let places = SendablePointer(places)
    forEachOnAllCores(count, chunk: chunk) { index in (places.pointer + index).initialize(to: body(index)) }
    isFilled = true
    return Array(UnsafeBufferPointer(start: self.places, count: count))
  }

  deinit {
    if isFilled { places.deinitialize(count: count) }
    places.deallocate()
  }
}

private struct SendablePointer<Value>: @unchecked Sendable {
  // Carries an address only; who may write where is the table's promise.
  let pointer: UnsafeMutablePointer<Value>
  init(_ pointer: UnsafeMutablePointer<Value>) { self.pointer = pointer }
}

/// `body` of each number below `count`, in order, computed on all cores.
func mapOnAllCores<Value>(_ count: Int, chunk: Int = 64, _ body: @Sendable (Int) -> Value) -> [Value] {
  ResultTable<Value>(count: count).fill(chunk: chunk, body)
}
