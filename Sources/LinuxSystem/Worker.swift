import BuildGraph
import CLinux
import Diagnostics
import Glibc

/// A process that runs one step at a time, and the run folder that is its own.
///
/// One thread at a time talks to it, but for ``cancel()``, which any thread may call while a step runs.
final class Worker: Sendable {
  enum Kind: Int, CaseIterable, Sendable {
    case plain, sandbox, sandboxWithNetwork

    var spawned: reflow_worker_kind {
      switch self {
      case .plain: REFLOW_WORKER_PLAIN
      case .sandbox: REFLOW_WORKER_SANDBOX
      case .sandboxWithNetwork: REFLOW_WORKER_SANDBOX_NETWORK
      }
    }
  }

  /// What the worker says when a step has ended, or its box is built.
  struct Report {
    var figures: reflow_report
    /// What it is about: a path, names of processes.
    var message: ByteString
    var logTail: ByteString

    var ending: reflow_ending { reflow_ending(rawValue: figures.ending) }
  }

  let kind: Kind
  let folder: RunFolder
  /// Whether steps with a limit of memory may run here.
  let usesGroup: Bool
  /// What keeps their limit; nil where the system does not let us.
  let group: ControlGroup?
  private let socket: Descriptor

  /// - Throws: `limit` where this machine has no more processes or descriptors.
  init(kind: Kind, folder: RunFolder, usesGroup: Bool) throws(SystemError) {
    self.usesGroup = usesGroup
    group = usesGroup ? ControlGroup.make() : nil
    let number = reflow_spawner_worker(kind.spawned, group?.processes ?? -1)
    guard number >= 0 else { throw systemError(-number, "start a process for steps") }
    self.kind = kind
    self.folder = folder
    socket = Descriptor(number)
  }

  /// Sends a request and waits for its answer: until the step has ended.
  ///
  /// - Parameter sent: Called once the worker has the request: a cancel that came before would find nothing to end.
  /// - Throws: `other` where the worker is gone; it is of no more use then.
  func perform(
    _ type: reflow_frame_type, _ payload: [UInt8], sent: () -> Void = {}
  ) throws(SystemError) -> Report {
    var frame = reflow_frame(length: UInt32(payload.count), type: type.rawValue)
    let head = withUnsafeBytes(of: &frame) { Array($0) }
    var failure = send(head + payload)
    if failure == 0 { sent() }
    if failure == 0 { failure = receive(into: &frame) }
    var figures = reflow_report()
    let size = MemoryLayout<reflow_report>.size
    if failure == 0 { failure = Int(frame.length) < size ? EPROTO : receive(into: &figures) }
    var rest = [UInt8](repeating: 0, count: max(0, Int(frame.length) - size))
    if failure == 0 { failure = rest.withUnsafeMutableBytes { receive($0) } }
    guard failure == 0 else {
      throw SystemError(
        .other,
        "a process that runs steps was killed (\(String(cString: strerror(failure))) on its socket); build again",
        errno: failure)
    }
    let end = rest.firstIndex(of: 0) ?? rest.endIndex
    return Report(
      figures: figures, message: ByteString(bytes: Array(rest[..<end])),
      logTail: ByteString(bytes: Array(rest[min(end + 1, rest.count)...])))
  }

  /// Ends the running step, with all its processes.
  func cancel() {
    var frame = reflow_frame(length: 0, type: REFLOW_FRAME_CANCEL.rawValue)
    _ = send(withUnsafeBytes(of: &frame) { Array($0) })
  }

  private func send(_ bytes: [UInt8]) -> Int32 {
    bytes.withUnsafeBytes { reflow_write_exactly(socket.number, $0.baseAddress, $0.count) }
  }

  private func receive(_ buffer: UnsafeMutableRawBufferPointer) -> Int32 {
    buffer.isEmpty ? 0 : reflow_read_exactly(socket.number, buffer.baseAddress, buffer.count)
  }

  private func receive<Value: BitwiseCopyable>(into value: inout Value) -> Int32 {
    withUnsafeMutableBytes(of: &value) { receive($0) }
  }
}

/// Bytes of a request: numbers as they lie in memory, texts with a zero at their end.
struct RequestBytes {
  private(set) var bytes: [UInt8] = []
  /// Whether a text held a zero byte, which no argument or name of a process can.
  private(set) var hasZero = false

  init() { bytes.reserveCapacity(1024) }

  mutating func append<Value: BitwiseCopyable>(_ value: Value) {
    withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
  }

  mutating func append(text: ByteString) {
    if text.hasZero { hasZero = true }
    bytes.append(contentsOf: text.bytes)
    bytes.append(0)
  }

  mutating func append(_ code: reflow_box_code, _ first: ByteString, _ second: ByteString? = nil) {
    bytes.append(UInt8(truncatingIfNeeded: code.rawValue))
    append(text: first)
    if let second { append(text: second) }
  }

  mutating func append(_ code: reflow_stage_code, _ first: ByteString, _ second: ByteString? = nil) {
    bytes.append(UInt8(truncatingIfNeeded: code.rawValue))
    append(text: first)
    if let second { append(text: second) }
  }
}
