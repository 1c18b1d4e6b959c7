package import BuildGraph
import CLinux
import Glibc

/// What this machine, or the container that we are in, lets us use.
package enum Machine {
  /// Cores that this process may run on, at least 1: its affinity, and a control group's CPU quota rounded up.
  package static let cores: Int = {
    let count = Int(reflow_cores())
    return max(1, min(count, quotaCores ?? count))
  }()

  /// Bytes of memory that steps may use: the machine's, or a control group's limit where that is lower.
  package static let memoryBytes: Int64 = {
    let whole = Int64(sysconf(Int32(_SC_PHYS_PAGES))) * Int64(sysconf(Int32(_SC_PAGESIZE)))
    return controlGroupValues("memory", file: "memory.max", oldFile: "memory.limit_in_bytes")
      .compactMap { Int64($0) }.filter { $0 > 0 }.reduce(whole, min)
  }()

  /// What every processor can, as `/proc/cpuinfo` calls it; the names of the original (`intel_avx2`) as well. Nil where nobody says.
  package static let cpuFeatures: Set<String>? = {
    guard let text = smallText("/proc/cpuinfo"),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("flags") || $0.hasPrefix("Features") })
    else { return nil }
    var features = Set(line.drop { $0 != ":" }.dropFirst().split(separator: " ").map(String.init))
    if features.contains("avx512f") { features.insert("avx512") }
    return features.union(features.map { "intel_" + $0 })
  }()

  /// Bytes that the disk of a folder has free for us; nil where the folder is not there.
  package static func freeBytes(onDiskOf folder: ByteString) -> Int64? {
    var figures = statvfs()
    guard folder.withCString({ statvfs($0, &figures) }) == 0 else { return nil }
    return Int64(clamping: UInt64(figures.f_bavail) * UInt64(figures.f_frsize))
  }

  /// How many processes the kernel has killed for want of memory since it was started.
  static var kernelKills: Int {
    let line = smallText("/proc/vmstat")?.split(separator: "\n").first { $0.hasPrefix("oom_kill ") }
    return line.flatMap { Int($0.dropFirst("oom_kill ".count)) } ?? 0
  }

  private static var quotaCores: Int? {
    let new = controlGroupValues("cpu", file: "cpu.max", oldFile: nil).compactMap { line -> Double? in
      let words = line.split(separator: " ").map { Double($0) }
      guard words.count == 2, let quota = words[0], let period = words[1], period > 0 else { return nil }
      return quota / period
    }
    let quotas = controlGroupValues("cpu", file: nil, oldFile: "cpu.cfs_quota_us").compactMap { Double($0) }
    let periods = controlGroupValues("cpu", file: nil, oldFile: "cpu.cfs_period_us").compactMap { Double($0) }
    let old = zip(quotas, periods).filter { $0.0 > 0 && $0.1 > 0 }.map { $0.0 / $0.1 }
    return (new + old).min().map { max(1, Int($0.rounded(.up))) }
  }

  /// What a file says in our control group and in each one above it. Versions 1 and 2 may be mounted side by side.
  private static func controlGroupValues(_ controller: String, file: String?, oldFile: String?) -> [String] {
    guard let groups = smallText("/proc/self/cgroup") else { return [] }
    var values: [String] = []
    for line in groups.split(separator: "\n") {
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { continue }
      let places: [(String, String?)]
      if fields[1].isEmpty {
        places = [("/sys/fs/cgroup", file), ("/sys/fs/cgroup/unified", file)]
      } else if fields[1].split(separator: ",").contains(Substring(controller)) {
        places = [("/sys/fs/cgroup/\(controller)", oldFile)]
      } else {
        continue
      }
      for (mount, name) in places {
        guard let name else { continue }
        var group = fields[2]
        while true {
          if let text = smallText("\(mount)\(group == "/" ? "" : group)/\(name)") {
            values.append(String(text.prefix { $0 != "\n" }))
          }
          guard let slash = group.lastIndex(of: "/"), group != "/" else { break }
          group = slash == group.startIndex ? "/" : group[..<slash]
        }
      }
    }
    return values
  }

  static func smallText(_ path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    guard case .success(let bytes?) = readAll(descriptor, sizeHint: 4096, limitBytes: 1 << 20) else { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }
}
