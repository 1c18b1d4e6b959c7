import Ports

/// What the living lines of a terminal say.
extension ProgressReport {
  private static let narrowColumns = 30
  private static let listColumns = 50
  private static let listRows = 10
  private static let listedSteps = 8
  /// A step that is over in a moment is not worth a line.
  private static let listedSeconds = 1.0

  /// One line, and on a terminal with room one for each step that takes long.
  ///
  /// - Complexity: O(running steps).
  func status(_ size: TerminalSize, _ now: Double) -> [(plain: String, shown: String)] {
    let elapsed = now - (startedAt ?? now)
    let head = "[\(finished)/\(total)]"
    guard size.columns >= Self.narrowColumns else { return [(head, head)] }
    let slow = running.filter { now - $0.since >= Self.listedSeconds }
    let hasList = size.columns >= Self.listColumns && size.rows >= Self.listRows && !slow.isEmpty
    var parts: [String] = []
    if !hasList, let first = running.first {
      let seconds = Int(now - first.since)
      parts.append(
        first.label + (seconds > 0 ? " \(Self.short(Double(seconds)))" : "")
          + (running.count > 1 ? " and \(running.count - 1) more" : ""))
    } else if hasList {
      parts.append("\(running.count) running")
    }
    if !failures.isEmpty { parts.append("\(failures.count) failed") }
    if elapsed >= 1 { parts.append(Self.short(elapsed)) }
    if let left { parts.append(left) }
    let plain = parts.isEmpty ? head : head + " " + parts.joined(separator: ", ")
    let shown = failures.isEmpty ? plain : plain.replacingFirst("\(failures.count) failed", options.style.bad)
    var lines = [(plain, shown)]
    guard hasList else { return lines }
    let room = min(Self.listedSteps, size.rows / 3)
    // With one line too few, the last says how many there are besides.
    let listed = slow.count > room ? slow.prefix(room - 1) : slow[...]
    for step in listed { lines.append(line(of: step, now, columns: size.columns)) }
    if slow.count > listed.count {
      lines.append(Self.quietly("  and \(slow.count - listed.count) more", options.style))
    }
    return lines
  }

  /// How many steps there will be, as far as that is known.
  private var total: Int { max(remaining?.total ?? planned, finished + running.count) }

  private var left: String? {
    let text = remaining.map { UsualTimes.left($0.seconds) } ?? ""
    return text.isEmpty ? nil : text
  }

  private func line(of step: Running, _ now: Double, columns: Int) -> (plain: String, shown: String) {
    let seconds = now - step.since
    var time = Self.short(seconds)
    if let expected = usual?.expected(step.label), expected >= 2 {
      time += seconds > expected * 1.5 ? ", took \(Self.short(expected)) before" : " of about \(Self.short(expected))"
    }
    let room = max(8, columns - 6 - time.count)
    var label = step.label
    // The end of a label tells more than its middle.
    if LiveLines.width(label) > room {
      label = LiveLines.prefix(label, columns: room / 2) + "..." + label.suffix(room / 2 - 4)
    }
    return ("  \(label)  \(time)", "  \(label)  \(options.style.quiet(time))")
  }

  private static func quietly(_ text: String, _ style: Style) -> (plain: String, shown: String) {
    (text, style.quiet(text))
  }

  /// `41 s`, `2 min 5 s`, `3 h 20 min`.
  static func short(_ seconds: Double) -> String {
    let whole = Int(seconds)
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
    return "\(whole / 3600) h \(whole % 3600 / 60) min"
  }
}

extension String {
  fileprivate func replacingFirst(_ part: String, _ change: (String) -> String) -> String {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(part) {
        return String(self[..<start]) + change(part) + String(self[start...].dropFirst(part.count))
      }
      start = index(after: start)
    }
    return self
  }
}
