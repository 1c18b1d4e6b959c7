import BuildGraph
import CLinux
import Glibc
import Ports
import Testing

@testable import LinuxSystem

/// What Reflow does first, without Reflow: starts the spawner and a worker, gives it the frames of a file, and waits to be killed.
private let driver = """
  #include "CLinux.h"
  #include <fcntl.h>
  #include <stdlib.h>
  #include <unistd.h>
  int main(int count, char **words) {
    static char bytes[1 << 20];
    if (count != 3 || reflow_spawner_start()) return 1;
    int worker = reflow_spawner_worker(atoi(words[1]), -1);
    int file = open(words[2], O_RDONLY);
    ssize_t size = read(file, bytes, sizeof bytes);
    if (worker < 0 || size <= 0 || reflow_write_exactly(worker, bytes, size)) return 1;
    for (;;) pause();
  }
  """

@Test(arguments: [Worker.Kind.plain, .sandbox]) func whoKillsReflowKillsItsSteps(kind: Worker.Kind) throws {
  let bench = StepBench()
  _ = try bench.run("true")  // makes runs/ and logs/
  let runs = openAt(anywhere, bench.workspace.bytes + "/.reflow/runs", O_RDONLY | O_DIRECTORY)
  defer { close(runs) }
  let folder = try RunFolder(in: runs, name: "killed")

  var frames = RequestBytes()
  if kind != .plain {
    let setup = bench.runner.layout().setup(work: folder.path, withNetwork: false)
    frames.append(reflow_frame(length: UInt32(setup.count), type: REFLOW_FRAME_SETUP.rawValue))
    for byte in setup { frames.append(byte) }
  }
  // One process that ignores the polite signal, one in a session of its own, and their parent.
  let mark = "296.\(getpid())\(kind.rawValue)"
  let script = "trap '' TERM HUP; setsid sleep \(mark) & sleep \(mark) & echo > out/started; wait"
  var plan = RequestBytes()
  plan.append(
    reflow_plan(
      timeout_ms: 0, log_limit: 0, memory_limit: 0, argument_count: 3, variable_count: 0, stage_count: 0, is_direct: 0))
  let texts = [
    kind == .plain ? folder.path : SandboxLayout.workFolder, folder.path + "/log", "/bin", "", "", "bash", "-c",
    ByteString(script),
  ]
  for text in texts { plan.append(text: text) }
  frames.append(reflow_frame(length: UInt32(plan.bytes.count), type: REFLOW_FRAME_RUN.rawValue))
  for byte in plan.bytes { frames.append(byte) }

  bench.workspace.write("driver.c", driver)
  let file = openAt(anywhere, bench.workspace.bytes + "/frames", O_WRONLY | O_CREAT, mode: 0o644)
  #expect(frames.bytes.withUnsafeBytes { write(file, $0.baseAddress, $0.count) } == frames.bytes.count)
  close(file)
  let sources = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined() + "/Sources"
  let killed = bench.workspace.shell(
    """
    cd \(sources) && clang -I CLinux/include -I CXXHash/include "$OLDPWD/driver.c" CLinux/*.c CXXHash/*.c -o "$OLDPWD/driver" \
      || exit 9
    cd "$OLDPWD"
    ./driver \(kind.rawValue) frames & driver=$!
    for i in $(seq 1000); do [ "$(pgrep -fc '^sleep \(mark)$')" = 2 ] && break; sleep 0.01; done
    [ "$(pgrep -fc '^sleep \(mark)$')" = 2 ] || exit 8
    kill -9 $driver
    for i in $(seq 1000); do pgrep -f '^sleep \(mark)$' > /dev/null || exit 7; sleep 0.01; done
    """)
  // 7: both were there, and then neither was.
  #expect(killed >> 8 == 7)
}
