import BuildGraph
import Glibc
import Ports
import Testing

@testable import LinuxSystem

@Test func signalsDoNotDisturbAWaitingStep() throws {
  let bench = StepBench()
  // Without SA_RESTART each of these ends the system call that its thread is in.
  var action = sigaction()
  action.__sigaction_handler.sa_handler = { _ in }
  sigaction(SIGUSR2, &action, nil)
  let request = bench.request(
    .shell("for i in 1 2 3 4 5 6; do echo $i; sleep 0.03; done; echo x > out/o"), outputs: ["o"])
  let runner = bench.runner
  let waiter = Waiter { (try? runner.run(request).ending) == .exited(0) }
  for _ in 0..<50 {
    waiter.signal(SIGUSR2)
    usleep(2000)
  }
  #expect(waiter.wait())
}

@Test func theFirstInterruptIsToldAndTheSecondEndsTheProcess() async {
  await #expect(processExitsWith: .exitCode(130)) {
    Interrupts.watch { _ in kill(getpid(), SIGINT) }
    kill(getpid(), SIGTERM)
    while true { sleep(1) }
  }
}
