import Glibc

/// What the process has used so far.
struct Usage {
  var wallSeconds: Double
  var cpuSeconds: Double

  static func now() -> Usage {
    Usage(wallSeconds: seconds(CLOCK_MONOTONIC), cpuSeconds: seconds(CLOCK_PROCESS_CPUTIME_ID))
  }

  /// Seconds on a clock that starts anywhere. Cheap enough to read around a single change.
  static func wall() -> Double { seconds(CLOCK_MONOTONIC) }

  private static func seconds(_ clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}

/// The largest resident size of this process so far. `ru_maxrss` would start from the parent's.
func peakMiB() -> Int {
  guard let file = fopen("/proc/self/status", "r") else { return 0 }
  defer { fclose(file) }
  var line = [CChar](repeating: 0, count: 256)
  while fgets(&line, Int32(line.count), file) != nil {
    let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    guard text.hasPrefix("VmHWM:") else { continue }
    let digits = text.filter { $0.isNumber }
    return (Int(digits) ?? 0) / 1024
  }
  return 0
}

/// A number with so many digits after the point, without a locale.
func fixed(_ value: Double, _ digits: Int) -> String {
  var scale = 1
  for _ in 0..<digits { scale *= 10 }
  let scaled = Int((value * Double(scale)).rounded())
  guard digits > 0 else { return String(scaled) }
  let fraction = String(scaled % scale)
  return "\(scaled / scale)." + String(repeating: "0", count: digits - fraction.count) + fraction
}
