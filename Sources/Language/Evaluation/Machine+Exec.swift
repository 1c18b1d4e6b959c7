import BigInt
import BuildGraph
import Diagnostics

extension Machine {
  /// Turns an exec into a step. Strings and numbers must be known; files may be made by steps that have not run.
  mutating func exec(_ code: ModuleCode.ExecCode) throws(Failure) {
    let count = code.operandCount
    var waiting: [NodeID] = []
    for depth in (0..<count).reversed() {
      let value = operand(depth)
      waiting += pending(in: value)
    }
    guard waiting.isEmpty else { return suspend(count, on: waiting) }
    let operands = pop(count).map { deeplyResolved($0) }
    var exec = Exec(template: [], inputs: [], outputs: code.outputs)
    exec.resources = requirements[Int(current.requirement)]
    for (name, value) in zip(code.arguments, operands) { try set(name, value, of: &exec) }
    for part in code.parts {
      switch part {
      case .text(let text): exec.append(text)
      case .output(let index): exec.template.append(.output(index))
      case .value(let index): try interpolate(operands[index], into: &exec)
      }
    }
    let prefix = current.frame.modulePrefix
    let step = graph.addStep(Step(work: .exec(exec), name: prefix + code.name, location: code.location))
    let results = code.outputs.enumerated().map { index, output -> Value in
      let reference = ArtifactReference.output(step, index)
      return output.kind == .file ? .file(FileValue(reference)) : .dir(DirValue(.reference(reference)))
    }
    stack.append(results.count == 1 ? results[0] : .tuple(TupleValue(ContiguousArray(results))))
  }

  private mutating func interpolate(_ value: Value, into exec: inout Exec) throws(Failure) {
    switch value {
    case .string(let text):
      if text.bytes.contains(0) { throw fail(.badTemplate, "an interpolated string holds a NUL byte") }
      exec.append(text)
    case .int(let word): exec.append(ByteString(String(word)))
    case .big(let box): exec.append(ByteString(String(box.value)))
    case .float(let box): exec.append(ByteString(Printer.text(of: box.value)))
    case .file(let file): exec.append(input: file.reference, .file)
    case .dir(let dir): exec.append(input: try reference(to: dir), .folder)
    case .list(let list):
      for index in 0..<list.count {
        if index > 0 { exec.append(" ") }
        try interpolate(list[index], into: &exec)
      }
    case .unit, .bool, .fileset, .map, .tuple, .record, .variant, .table, .closure, .native, .delayed, .absent:
      preconditionFailure("the checker admits what can be interpolated only")
    }
  }

  private mutating func set(_ name: String, _ value: Value, of exec: inout Exec) throws(Failure) {
    switch (name, value) {
    case ("image", .string(let text)): exec.image = text
    case ("nondeterministic", .bool(let flag)): exec.nondeterministic = flag
    case ("network", .bool(let flag)): exec.network = flag
    case ("depfile", .string(let text)): exec.depfile = text
    case ("timeout", _): exec.timeoutSeconds = try amount(name, value)
    case ("retries", _): exec.retries = Int(try wholeAmount(name, value))
    case ("env", .map(let root)):
      for pair in MapNode.pairs(of: root) {
        guard case .string(let name) = pair.key, case .string(let text) = pair.value else { continue }
        if name.isEmpty || name.bytes.contains(UInt8(ascii: "=")) || name.bytes.contains(0) || text.bytes.contains(0) {
          throw fail(.badArgument, "\(name.display) cannot be the name of a variable with that value")
        }
        exec.environment.append(Exec.Variable(name: name, value: text))
      }
    case _: exec.resources.formMaximum(try resources([(name, value)]))
    }
  }

  /// The resources that arguments of `exec` or `@requires` ask for; others are passed over.
  private mutating func resources(_ arguments: [(name: String, value: Value)]) throws(Failure) -> Resources {
    var resources = Resources()
    for (name, value) in arguments {
      switch (name, value) {
      case ("cpu", _): resources.cpu = try amount(name, value)
      case ("mem", _): resources.memory = try wholeAmount(name, value)
      case ("disk", _): resources.disk = try wholeAmount(name, value)
      case ("cpufeatures", .list(let list)):
        for index in 0..<list.count {
          if case .string(let text) = resolved(list[index]) { resources.cpuFeatures.append(text.display) }
        }
      case _: continue
      }
    }
    return resources
  }

  private mutating func amount(_ name: String, _ value: Value) throws(Failure) -> Double {
    var amount = 0.0
    if case .float(let box) = value {
      amount = box.value.double
    } else if let whole = value.integer {
      amount = Double(whole)
    }
    guard amount >= 0, amount.isFinite else {
      throw fail(.badArgument, "\(name) cannot be \(Printer.key(value))")
    }
    return amount
  }

  private mutating func wholeAmount(_ name: String, _ value: Value) throws(Failure) -> Int64 {
    guard let whole = value.integer, whole >= 0, let amount = Int64(exactly: whole) else {
      throw fail(.badArgument, "\(name) cannot be \(Printer.key(value))")
    }
    return amount
  }

  // MARK: @requires

  /// Takes the arguments, and leaves what was required before under the value to come.
  mutating func enterRequirements(_ names: [String]) throws(Failure) {
    // The checker admits immediate values only, so nothing is pending here but what has failed.
    var waiting: [NodeID] = []
    for depth in 0..<names.count { waiting += pending(in: operand(depth)) }
    let operands = pop(names.count)
    stack.append(.int(Int(current.requirement)))
    guard waiting.isEmpty else { return }
    var required = requirements[Int(current.requirement)]
    required.formMaximum(try resources(Array(zip(names, operands.map { deeplyResolved($0) }))))
    requirements.append(required)
    current.requirement = Int32(requirements.count - 1)
  }

  mutating func leaveRequirements() {
    let value = pop()
    guard case .int(let before) = pop() else { preconditionFailure("a requirement is left as it was entered") }
    let required = requirements[Int(current.requirement)]
    current.requirement = Int32(before)
    for step in directSteps(of: value) { graph.raise(required, of: step) }
    stack.append(value)
  }

  /// The steps that make the files of a value, as far as it is known; not those that these depend on.
  private func directSteps(of value: Value) -> [StepID] {
    var steps: [StepID] = []
    var rest = [value]
    while let next = rest.popLast() {
      switch resolved(next) {
      case .file(let file): if let step = file.reference.step { steps.append(step) }
      case .dir(let dir):
        switch dir.content {
        case .reference(let reference): if let step = reference.step { steps.append(step) }
        case .assembled(let root): rest.append(.map(root))
        }
      case .list(let list): for index in 0..<list.count { rest.append(list[index]) }
      case .map(let root): MapNode.forEach(in: root) { rest.append($1) }
      case .tuple(let tuple): rest += tuple.elements
      case .record(let record): rest += record.values
      case .variant(let variant): if let element = variant.element { rest.append(element) }
      case .fileset(let fileset): rest.append(fileset.value)
      case .unit, .bool, .int, .big, .float, .string, .table, .closure, .native, .delayed, .absent: continue
      }
    }
    return steps
  }

  // MARK: Repetition

  /// The exec steps under a value: those that make its files, and those that they depend on, ascending.
  func steps(under value: Value) -> [StepID] {
    var found: Set<StepID> = []
    var rest = directSteps(of: value)
    func add(_ reference: ArtifactReference) {
      if let step = reference.step { rest.append(step) }
      if case .assembly(let id) = reference { graph.assemblies[Int(id.index)].forEach { add($0.reference) } }
    }
    while let step = rest.popLast() {
      guard found.insert(step).inserted, case .exec(let exec) = graph.steps[Int(step.index)].work else { continue }
      for input in exec.inputs { add(input.reference) }
    }
    return found.sorted()
  }
}

extension ArtifactReference {
  /// The step that makes it.
  var step: StepID? {
    switch self {
    case .output(let step, _), .member(let step, _, _): step
    case .source, .literal, .assembly: nil
    }
  }
}

extension Exec {
  /// Adds text to the template, joined to text before it.
  fileprivate mutating func append(_ text: ByteString) {
    if text.isEmpty { return }
    if case .text(let before)? = template.last {
      template[template.count - 1] = .text(before + text)
    } else {
      template.append(.text(text))
    }
  }

  fileprivate mutating func append(input reference: ArtifactReference, _ kind: ArtifactKind) {
    template.append(.input(inputs.count))
    inputs.append(Input(reference: reference, kind: kind))
  }
}
