package import Diagnostics
package import Ports

/// Runs each step in the pool that was chosen for it.
package final class PooledRunner: StepRunner {
  private let local: any StepRunner
  private let others: [String: any StepRunner]

  /// - Parameters:
  ///   - local: for all steps of a pool that is not among `others`.
  ///   - others: by the names of their pools.
  package init(local: any StepRunner, others: [String: any StepRunner]) {
    self.local = local
    self.others = others
  }

  package func run(_ request: RunRequest, succeeded: () -> Void) throws(SystemError) -> RunOutcome {
    try (others[request.pool] ?? local).run(request, succeeded: succeeded)
  }

  /// Who does not know the run does nothing.
  package func cancel(_ run: RunID) {
    local.cancel(run)
    for runner in others.values { runner.cancel(run) }
  }

  package func cancelAll() {
    local.cancelAll()
    for runner in others.values { runner.cancelAll() }
  }
}
