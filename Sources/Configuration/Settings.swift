package import BuildGraph

/// What `reflow.toml` may say. Environment variables and then flags override it.
package struct Settings: Hashable, Sendable {
  /// What happens to an exec's `image`.
  package enum Images: String, Hashable, Sendable, CaseIterable {
    /// A container runtime runs the step: the first of podman, docker and apptainer that is installed.
    case auto
    case podman, docker, apptainer
    /// The step runs on this machine; the image stays part of its key.
    case ignore
  }

  /// A URL prefix that stands for a folder.
  package struct Mapping: Hashable, Sendable {
    /// Such as `s3://bucket/data`, without a trailing slash.
    package var prefix: ByteString
    /// Absolute, or relative to the workspace root.
    package var folder: ByteString

    package init(prefix: ByteString, folder: ByteString) {
      self.prefix = prefix
      self.folder = folder
    }
  }

  package var images: Images = .auto
  /// Steps at once; nil for as many as there are cores.
  package var jobs: Int?
  package var keepGoing = false
  /// Longest prefix first, so that the first that matches is the one that counts.
  package var mappings: [Mapping] = []
  /// Folders outside the workspace into which symbolic links among the inputs may lead.
  package var roots: [ByteString] = []
  /// `auto`, `strict` or `off`.
  package var sandboxMode = "auto"
  /// Folders that steps may read beyond their inputs and the system's.
  package var readableFolders: [ByteString] = []
  /// `auto`, `reflink`, `hard` or `copy`.
  package var linkMode = "auto"
  /// What is kept of a step's log.
  package var logLimitBytes: Int64 = 64 << 20

  /// Where steps run: `local` or `slurm`.
  package var executor = "local"
  /// Where steps of some names run, whatever the others do.
  package var executors: [String: String] = [:]
  package var slurm = SlurmSettings()

  package init() {}

  /// The place of a URL among the mappings: which of them, and the path below its folder.
  package func resolve(url: ByteString) -> (mapping: Int, path: ByteString)? {
    for (index, mapping) in mappings.enumerated() {
      let prefix = mapping.prefix.bytes
      guard url.bytes.starts(with: prefix) else { continue }
      let rest = url.bytes[prefix.count...]
      if rest.isEmpty { return (index, "") }
      guard rest.first == UInt8(ascii: "/") else { continue }
      return (index, ByteString(bytes: Array(rest.drop { $0 == UInt8(ascii: "/") })))
    }
    return nil
  }
}

/// What may be said of a Slurm cluster.
package struct SlurmSettings: Hashable, Sendable {
  /// How many are held at most.
  package var allocations = 4
  /// Cores of an allocation.
  package var cpus: Int?
  package var memoryMebibytes: Int64?
  package var partition: String?
  package var account: String?
  package var qos: String?
  /// As `sbatch --time` takes it.
  package var time: String?
  /// Further arguments of `sbatch`.
  package var arguments: [String] = []
  /// How long an allocation without work is kept.
  package var idleSeconds = 10.0
  /// How long files of a node may take to be seen here.
  package var lateSeconds = 5.0
  /// An allocation whose agent gives no sign of life for so long is given up.
  package var silenceSeconds = 30.0
  /// Steps of a kind that is over sooner run on this machine while it has room.
  package var smallStepSeconds = 0.5
  /// Where the nodes find Reflow; this program's own file where nothing is said.
  package var command: String?

  package init() {}
}
