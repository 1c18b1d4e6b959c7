import Diagnostics
import Foundation
import Synchronization

@testable import Language

/// Runs `work` on a thread whose stack has 512 KiB, the least that a thread of the tool has.
func onSmallStack<Result: Sendable>(_ work: @escaping @Sendable () -> Result) -> Result {
  let result = Mutex<Result?>(nil)
  let done = DispatchSemaphore(value: 0)
  let thread = Thread {
    let value = work()
    result.withLock { $0 = value }
    done.signal()
  }
  thread.stackSize = 512 * 1024
  withExtendedLifetime(thread) {
    thread.start()
    done.wait()
  }
  return result.withLock { $0! }
}

/// Reads `text` on a small stack.
func parseOnSmallStack(_ text: String) -> (SyntaxTree, [Diagnostic]) {
  onSmallStack { parse(SourceFile(name: "main.rf", text: text)) }
}
