import Differential

/// Runs a workload over a graph; false if there is none of that name.
func runGraph(_ name: String, _ arguments: WorkloadArguments) throws -> Bool {
  false
}
