import BuildGraph
import Diagnostics

/// The answers as text for people and as JSON.
extension Provenance {
  /// Of a step that reads thousands of files nobody wants to see all.
  private static let toldInputs = 24

  /// Lines, the last with its newline.
  package var text: String {
    var lines: [(String, String)] = []
    switch maker {
    case .source(let name): lines.append(("copy of", name))
    case .program: lines.append(("made by", "the program itself"))
    case .assembly(let inputs):
      lines.append(("made by", "the program, of these"))
      lines += inputs.map { ("", $0.name) }
    case .step(let step):
      let key = step.key.map { " (key \($0))" } ?? ""
      lines.append(("made by", step.label + key))
      if let place = step.location { lines.append(("in", "\(place.file):\(place.line):\(place.column)")) }
      for (index, line) in step.command.split(separator: "\n").enumerated() {
        lines.append((index == 0 ? "command" : "", String(line)))
      }
      for (index, input) in step.inputs.prefix(Self.toldInputs).enumerated() {
        lines.append((index == 0 ? "reads" : "", input.name))
      }
      let more = step.inputs.count - Self.toldInputs
      if more > 0 { lines.append(("", "and \(more) more; --json names them all")) }
      for (index, output) in step.outputs.enumerated() {
        lines.append((index == 0 ? "outputs" : "", output.isEmpty ? "." : output.display))
      }
      lines += Self.lines(step)
    }
    let width = 9
    return subject + "\n"
      + lines.map { name, value in
        "  " + name + String(repeating: " ", count: max(0, width - name.count)) + value + "\n"
      }.joined()
  }

  private static func lines(_ step: StepProvenance) -> [(String, String)] {
    if step.isStale { return [("state", "stale: it failed or could not run in the last build")] }
    guard let run = step.run else { return [("state", "up to date; it had not to be looked at in the last build")] }
    var lines: [(String, String)] = []
    if let startedAt = run.startedAt {
      lines.append(("ran", "\(Moment(startedAt)) in build \(run.build)"))
      lines.append(("because", run.reason))
    }
    let sandbox = run.isSandboxed ? "in the sandbox" : "without a sandbox"
    lines.append(
      (
        "took",
        "\(Measure.seconds(run.seconds)), \(Measure.seconds(run.cpuSeconds)) of CPU, \(Measure.bytes(run.peakMemoryBytes)), \(sandbox)"
      ))
    return lines
  }

  /// One object on one line.
  package var json: String {
    var json = JSONText()
    json.beginObject()
    json.key("subject")
    json.string(subject)
    func write(_ inputs: [Input]) {
      json.key("inputs")
      json.beginArray()
      for input in inputs {
        json.beginObject()
        json.key("name")
        json.string(input.name)
        json.key("isSource")
        json.bool(input.isSource)
        json.endObject()
      }
      json.endArray()
    }
    switch maker {
    case .source(let name):
      json.key("copyOf")
      json.string(name)
    case .program:
      json.key("madeBy")
      json.string("program")
    case .assembly(let inputs):
      json.key("madeBy")
      json.string("program")
      write(inputs)
    case .step(let step):
      json.key("step")
      json.string(step.label)
      if let key = step.key {
        json.key("key")
        json.string(key)
      }
      if let place = step.location {
        json.key("file")
        json.string(place.file)
        json.key("line")
        json.integer(place.line)
      }
      json.key("command")
      json.string(step.command)
      write(step.inputs)
      json.key("outputs")
      json.beginArray()
      for output in step.outputs { json.string(output.display) }
      json.endArray()
      json.key("isStale")
      json.bool(step.isStale)
      if let run = step.run {
        json.key("seconds")
        json.seconds(run.seconds)
        json.key("cpuSeconds")
        json.seconds(run.cpuSeconds)
        json.key("maxrssBytes")
        json.integer(run.peakMemoryBytes)
        json.key("isSandboxed")
        json.bool(run.isSandboxed)
        if let startedAt = run.startedAt {
          json.key("time")
          json.seconds(startedAt)
          json.key("build")
          json.integer(run.build)
          json.key("reason")
          json.string(run.reason)
        }
      }
    }
    json.endObject()
    return json.text + "\n"
  }
}

extension Dependents {
  /// Lines, the last with its newline.
  package var text: String {
    var text = input + "\n"
    for folder in through { text += "  is in   \(folder)\n" }
    if shapesProgram { text += "  shapes  the program: its evaluation depends on it, or on the names in its folder\n" }
    let rest = steps.count - direct
    if steps.isEmpty {
      text += "  no step depends on it\n"
    } else {
      text +=
        "  steps   \(steps.count) depend on it, \(direct) directly" + (rest > 0 ? ", \(rest) through others\n" : "\n")
      for step in steps { text += "          \(step)\n" }
    }
    for (index, output) in outputs.enumerated() {
      text += (index == 0 ? "  outputs " : "          ") + (output.isEmpty ? "." : output.display) + "\n"
    }
    return text
  }

  /// One object on one line.
  package var json: String {
    var json = JSONText()
    json.beginObject()
    json.key("input")
    json.string(input)
    for (name, list) in [("through", through), ("steps", steps), ("outputs", outputs.map(\.display))] {
      json.key(name)
      json.beginArray()
      for element in list { json.string(element) }
      json.endArray()
    }
    json.key("direct")
    json.integer(direct)
    json.key("shapesProgram")
    json.bool(shapesProgram)
    json.endObject()
    return json.text + "\n"
  }
}

/// Amounts as people read them.
package enum Measure {
  /// `340 ms`, `2.41 s`, `3 min 12 s`.
  package static func seconds(_ value: Double) -> String {
    if value < 0.9995 { return "\(Int((value * 1000).rounded())) ms" }
    if value < 60 {
      let hundredths = Int((value * 100).rounded())
      let rest = hundredths % 100
      return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest) s"
    }
    let whole = Int(value.rounded())
    if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
    return "\(whole / 3600) h \(whole % 3600 / 60) min"
  }

  /// `512 B`, `3.4 MiB`.
  package static func bytes(_ count: Int64) -> String {
    if count < 1024 { return "\(count) B" }
    var value = Double(count)
    var unit = 0
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
    while value >= 1023.95, unit < units.count - 1 {
      value /= 1024
      unit += 1
    }
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10) \(units[unit])"
  }
}

/// An instant in universal time, which is the same for everybody who reads it.
package struct Moment: CustomStringConvertible {
  private let seconds: Int64

  /// - Parameter seconds: since 1970.
  package init(_ seconds: Double) { self.seconds = Int64(max(0, min(seconds, 253_402_300_799))) }

  /// `2026-11-21 07:05:09 UTC`
  package var description: String {
    let (days, rest) = seconds.quotientAndRemainder(dividingBy: 86_400)
    let (year, month, day) = Self.date(days)
    func two(_ value: Int64) -> String { (value < 10 ? "0" : "") + "\(value)" }
    return "\(year)-\(two(month))-\(two(day)) \(two(rest / 3600)):\(two(rest / 60 % 60)):\(two(rest % 60)) UTC"
  }

  /// The civil date of a day counted from 1970-01-01. See: E. G. Richards, "Calendars", in Explanatory Supplement to the
  /// Astronomical Almanac, 2013.
  private static func date(_ days: Int64) -> (Int64, Int64, Int64) {
    let julian = days + 2_440_588
    let f = julian + 1401 + (((4 * julian + 274_277) / 146_097) * 3) / 4 - 38
    let e = 4 * f + 3
    let g = (e % 1461) / 4
    let h = 5 * g + 2
    let day = (h % 153) / 5 + 1
    let month = (h / 153 + 2) % 12 + 1
    let year = e / 1461 - 4716 + (14 - month) / 12
    return (year, month, day)
  }
}
