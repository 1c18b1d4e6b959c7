import BuildGraph
import Diagnostics
import Engine
import Ports
import Scheduling

/// How a run ends: with what it leaves for the next build, or by beginning anew.
extension BuildRun {
  /// Makes room: nothing runs any more, and lists that were once long for all steps stay so.
  private func forgetLaunches() {
    scheduler = Scheduler(pools: pools)
    reasons = [:]
    launches = [:]
    runs = [:]
    ended = [:]
  }

  func restart(_ new: Restart) {
    switch (restart, new) {
    case (nil, _), (.planAgain, .evaluate): restart = new
    case (.evaluate, _): break
    case (.planAgain(let old), .planAgain(let more)): restart = .planAgain(old.union(more))
    }
  }

  /// Ends what is under way, and waits for it: nothing may outlive the loop that it reports to.
  ///
  /// - Throws: once all has ended, what a commit could not do.
  func abandonWork() throws(SystemError) {
    world.runner.cancelAll()
    var failure: SystemError?
    while underWay > 0 {
      for message in wait(seconds: nil) {
        if message.endsWork { underWay -= 1 }
        if case .interrupted = message { wasInterrupted = true }
        if case .ran(let end) = message { tellAbandoned(end) }
        guard case .synced(let changes) = message else { continue }
        do throws(SystemError) { try commit(changes) } catch { failure = failure ?? error }
      }
    }
    tellAbandoned()
    isSyncing = false
    if let failure { throw failure }
  }

  func finish(mayRestart: Bool) throws(SystemError) -> Ending {
    if let restart {
      try abandonWork()
      try flush()
      if mayRestart, !wasInterrupted { return .restart(restart) }
    }
    leaveSuspects()
    var tally = engine.tally
    if let plan { tally.steps = plan.whole.header.wantedSteps }
    var status = BuildEvent.BuildStatus.succeeded
    // An input that cannot be had is the user's to mend, as a program that is wrong is; no step has failed.
    if engine.hasFailures { status = hasUnfitInput && tally.failed == 0 ? .invalid : .failed }
    if hasInvalidProgram { status = .invalid }
    if wasInterrupted { status = .interrupted }
    if status == .succeeded, !isEvaluated {
      status = .failed
      if !options.isDryRun {
        report(Diagnostic("build.incomplete", "the program was not evaluated to its end; please report this"))
      }
    }
    if !options.isDryRun {
      var isPublished = false
      if isEvaluated, !wasInterrupted, !mustRestart {
        forgetLaunches()
        giveBackMemory()
        let publisher = Publisher(self)
        isPublished = try publisher.publish()
        if !isPublished, status == .succeeded { status = .refused }
      }
      note(
        .endBuild(
          number: buildNumber,
          BuildEvent.Summary(
            status: status, steps: tally.steps, run: tally.run, cached: tally.cached, failed: tally.failed,
            seconds: world.clock.monotonic - startedAt)))
      let isUseful = isPublished && !hasFailedAnswers && !hasUnfitInput && (status == .succeeded || status == .failed)
      let superseded = isUseful ? try supersededTables() : []
      for made in superseded { note(.removeResult(contentKey: made.contentKey)) }
      var header = isUseful ? plan.flatMap(recordStates) : nil
      if header != nil, let lastIntent { note(.removeIntents([lastIntent])) }
      try flush()
      if isUseful, let plan, let renewed = plan.renewed {
        header = try save(renewed, plan)
        if let lastIntent { try store.commit([.removeIntents([lastIntent])]) }
      } else if isUseful, plan == nil {
        header = try saveGraph(wantedSteps: tally.steps)
        if header != nil, let lastIntent { try store.commit([.removeIntents([lastIntent])]) }
        // The snapshot takes as much room again, and nobody asks the engine any more.
        engine = BuildEngine()
        giveBackMemory()
      }
      writeSnapshot(header, isComplete: status == .succeeded, steps: tally.steps)
      removeObjects(of: superseded)
    }
    if options.isDryRun, isEvaluated, !wasInterrupted {
      if let question = world.question {
        answer(question)
      } else if try !Publisher(self).foresee(), status == .succeeded {
        status = .refused
      }
    }
    // What was made is as good as any: it is kept, and only the ending tells.
    if status == .succeeded, hasNondeterminism { status = .failed }
    if options.checksDeterminism, tally.run > 0, !hasNondeterminism { reportDeterminism() }
    return .finished(
      BuildEvent.Summary(
        status: status, steps: tally.steps, run: tally.run, cached: tally.cached, failed: tally.failed, seconds: 0))
  }
}
