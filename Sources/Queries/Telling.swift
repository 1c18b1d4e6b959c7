import BuildGraph
import Diagnostics
import Pictures

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
    if let node = run.node { lines.append(("on", node)) }
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
    json.field("subject", subject)
    func write(_ inputs: [Input]) {
      json.key("inputs")
      json.beginArray()
      for input in inputs {
        json.beginObject()
        json.field("name", input.name)
        json.field("isSource", input.isSource)
        json.endObject()
      }
      json.endArray()
    }
    switch maker {
    case .source(let name):
      json.field("copyOf", name)
    case .program:
      json.field("madeBy", "program")
    case .assembly(let inputs):
      json.field("madeBy", "program")
      write(inputs)
    case .step(let step):
      json.field("step", step.label)
      if let key = step.key {
        json.field("key", key)
      }
      if let place = step.location {
        json.field("file", place.file)
        json.field("line", place.line)
      }
      json.field("command", step.command)
      write(step.inputs)
      json.key("outputs")
      json.beginArray()
      for output in step.outputs { json.string(output.display) }
      json.endArray()
      json.field("isStale", step.isStale)
      if let run = step.run {
        json.field("seconds", seconds: run.seconds)
        json.field("cpuSeconds", seconds: run.cpuSeconds)
        json.field("maxrssBytes", run.peakMemoryBytes)
        json.field("isSandboxed", run.isSandboxed)
        if let startedAt = run.startedAt {
          json.field("time", seconds: startedAt)
          json.field("build", run.build)
          json.field("reason", run.reason)
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
    json.field("input", input)
    for (name, list) in [("through", through), ("steps", steps), ("outputs", outputs.map(\.display))] {
      json.key(name)
      json.beginArray()
      for element in list { json.string(element) }
      json.endArray()
    }
    json.field("direct", direct)
    json.field("shapesProgram", shapesProgram)
    json.endObject()
    return json.text + "\n"
  }
}
