import ArgumentParser
@preconcurrency import Glibc

/// A node that is gone in the middle of a build: how long until its steps run elsewhere.
struct SlurmCut {
  private let options: SlurmBenchmark
  private let binary: String

  init(_ options: SlurmBenchmark, binary: String) {
    self.options = options
    self.binary = binary
  }

  /// Steps fill all nodes but the last slots; each notes when it begins, and waits until all is seen.
  func measure() throws {
    guard let found = realpath(options.cut, nil) else { throw ValidationError("no command at \(options.cut)") }
    defer { free(found) }
    let cut = String(cString: found)
    let folder = options.folder
    Scratch.removeAll(folder)
    Scratch.makeFolder(folder)
    Scratch.makeFolder(folder + "/begun")
    let slots = options.nodes * options.cpus
    let list = (1...slots).map(String.init).joined(separator: ", ")
    Scratch.write(
      """
      func S(n int) = exec(cpu := 1) (o file) {"
        echo x >> \(folder)/begun/{{n}}
        while [ ! -e \(folder)/go ]; do sleep 0.1; done
        echo {{n}} > {{o}}
      "}
      val Main = map([(n, S(n)) | n <- [\(list)]])

      """, to: folder + "/main.rf")
    // An allocation is a whole node, so that one node is one agent.
    let silence = options.silence.map { "silence = \($0)\n" } ?? ""
    Scratch.write(
      "[slurm]\nallocations = \(options.nodes)\ncpus = \(options.cpus)\nsmall = 0\n\(silence)",
      to: folder + "/reflow.toml")
    Scratch.write(
      """
      conf=$SLURM_CONF cluster=$(dirname "$(dirname "$SLURM_CONF")")
      begun() { cat begun/* 2> /dev/null | wc -l; }
      since() { echo "$(date +%s.%N) $1" | awk '{ printf "%.1f", $1 - $2 }'; }
      '\(binary)' build -q --executor slurm --sandbox off --out made 2> errors & build=$!
      for _ in $(seq 1200); do [ "$(begun)" -ge \(slots) ] && break; sleep 0.1; done
      [ "$(begun)" -ge \(slots) ] || { echo "the steps did not begin" > result; kill $build; exit 1; }
      node=$(squeue -h -t R -o %N | sort | tail -1)
      '\(cut)' "$cluster" "$node" > /dev/null
      start=$(date +%s.%N)
      for _ in $(seq 3000); do [ "$(begun)" -gt \(slots) ] && break; sleep 0.1; done
      first=$(since $start) lost=$(grep -c 'was lost' errors)
      for _ in $(seq 3000); do [ "$(begun)" -ge $((\(slots) + lost)) ] && break; sleep 0.1; done
      all=$(since $start)
      touch go
      wait $build; status=$?
      for _ in $(seq 600); do sinfo -h -n "$node" -o %t | grep -q down && break; sleep 0.1; done
      echo "$first $all $(grep -c 'was lost' errors) $status $(since $start)" > result
      slurmd -N "$node" -f "$conf"

      """, to: folder + "/cut.sh")
    let run = ChildProcess.run(["bash", "cut.sh"], in: folder)
    let result = Scratch.read(folder + "/result")
    print(
      "cut\tsilence \(options.silence.map { "\($0)" } ?? "built in")\tfirst step again after, all again after, steps lost, ended with, node called down after"
    )
    print("cut\t\(slots) steps on \(options.nodes) nodes\t\(result)" + (run.status == 0 ? "" : "\tfailed"))
  }
}
