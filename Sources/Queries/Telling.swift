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
