import BigInt
import BuildGraph
import Diagnostics

/// Functions that are not written in the language. All wait until their arguments are known, down to the last element.
extension Machine {
  /// Applies a native function to the top operands, below which it lies itself.
  mutating func perform(_ function: NativeFunction, _ count: Int) throws(Failure) {
    let arguments = try knownArguments(count, below: 1)
    guard let arguments else { return }
    switch function {
    case .file, .dir:
      guard case .string(let name) = arguments[0] else { preconditionFailure("the checker admits strings only") }
      complete(count + 1, .value(try source(name, function == .file ? .file : .folder)))
    case .system(let function): complete(count + 1, try apply(function, arguments, .top))
    }
  }

  /// Applies a system function that the checker knows to the top operands.
  mutating func perform(_ function: SystemFunction, _ count: Int, type: Int32) throws(Failure) {
    guard let arguments = try knownArguments(count, below: 0) else { return }
    complete(count, try apply(function, arguments, current.code.module.types[Int(type)]))
  }

  private mutating func knownArguments(_ count: Int, below: Int) throws(Failure) -> ContiguousArray<Value>? {
    var waiting: [NodeID] = []
    for depth in (0..<count).reversed() { waiting += pending(in: stack[stack.count - 1 - depth]) }
    guard waiting.isEmpty else {
      suspend(count + below, on: waiting)
      return nil
    }
    return ContiguousArray(stack.suffix(count).map { deeplyResolved($0) })
  }

  private mutating func apply(
    _ function: SystemFunction, _ arguments: ContiguousArray<Value>, _ type: Type
  ) throws(Failure) -> Progress {
    switch function {
    case .testAssert, .testAssertMap, .testAll, .testExecRepeatAndCheck: try test(function, arguments)
    case .dirsGroups, .dirsMake, .dirsFromList, .dirsSum, .dirsPick, .dirsFiles, .dirsCopy, .dirsFileset, .dirsGlob,
      .filesetsDir:
      try dirs(function, arguments)
    case .filesCopy, .filesCreate, .filesFileset, .filesText, .filesLines, .filesetsFile:
      try files(function, arguments)
    case .regexpGroups, .regexpMatch, .regexpReplace: .value(try regexp(function, arguments))
    case .stringsSplit, .stringsChunk, .stringsJoin, .stringsHasPrefix, .stringsHasSuffix, .stringsSort,
      .stringsFromInt, .stringsFromFloat, .stringsFromBool, .stringsToInt, .stringsToFloat, .stringsTrim,
      .stringsReplace, .stringsFields, .stringsLines, .stringsLower, .stringsUpper, .stringsContains, .stringsIndex,
      .stringsSlice:
      .value(try strings(function, arguments))
    case .pathBase, .pathExt, .pathDir, .pathJoin: .value(path(function, arguments))
    case .listsSort, .listsSortBy, .listsContains, .listsUnique, .listsReverse, .listsEnumerate, .listsSum, .listsMin,
      .listsMax, .listsTake, .listsDrop:
      try lists(function, arguments, type)
    }
  }

  // MARK: Arguments, whose types the checker has seen to

  static func text(_ value: Value) -> ByteString {
    guard case .string(let text) = value else { preconditionFailure("the checker admits strings only") }
    return text
  }

  static func list(_ value: Value) -> List {
    guard case .list(let list) = value else { preconditionFailure("the checker admits lists only") }
    return list
  }

  static func texts(_ value: Value) -> [ByteString] { list(value).elements.map { text($0) } }

  static func dir(_ value: Value) -> DirValue {
    guard case .dir(let dir) = value else { preconditionFailure("the checker admits dirs only") }
    return dir
  }

  static func strings(_ texts: some Sequence<ByteString>) -> Value { .list(ContiguousArray(texts.map { .string($0) })) }

  // MARK: test

  private mutating func test(
    _ function: SystemFunction, _ arguments: ContiguousArray<Value>
  ) throws(Failure) -> Progress {
    switch function {
    case .testAssertMap:
      guard case .map(let root) = arguments[0] else { preconditionFailure("the checker admits maps only") }
      let failed = MapNode.pairs(of: root).filter { !Self.isTrue($0.value) }.map { Self.text($0.key).display }
      guard failed.isEmpty else { throw assertionFailure(failed) }
      return .value(.bool(true))
    case .testExecRepeatAndCheck:
      guard let times = arguments[1].integer else { preconditionFailure("the checker admits ints only") }
      guard times <= 1000 else { throw fail(.tooLarge, "an exec cannot be repeated \(times) times") }
      return try repeatAndCheck(arguments[0], max(0, Int(times)))
    case _:
      let list = Self.list(arguments[0])
      var failed = (0..<list.count).filter { !Self.isTrue(list[$0]) }
      if function == .testAll { failed = Array(failed.prefix(1)) }
      guard failed.isEmpty else { throw assertionFailure(failed.map { "\($0)" }) }
      return .value(function == .testAll ? .bool(true) : .unit)
    }
  }

  private static func isTrue(_ value: Value) -> Bool {
    if case .bool(true) = value { return true }
    return false
  }

  private mutating func assertionFailure(_ which: [String]) -> Failure {
    fail(.assertion, "failed assertion \(identifier)[\(which.joined(separator: ", "))]")
  }

  /// Adds copies of the execs under a value, and compares what they make.
  private mutating func repeatAndCheck(_ value: Value, _ times: Int) throws(Failure) -> Progress {
    let steps = steps(under: value)
    guard !steps.isEmpty else {
      throw fail(.assertion, "precondition was not met: no execs to repeat")
    }
    guard times > 1 else { return .value(.bool(true)) }
    var pending: [NodeID] = []
    var agree = true
    for id in steps {
      let step = graph.steps[Int(id.index)]
      guard case .exec(var exec) = step.work, !exec.nondeterministic else { continue }
      var first: [Artifact?] = []
      for repetition in 1...times {
        exec.repetition = repetition
        let copy = graph.addStep(Step(work: .exec(exec), name: step.name, location: step.location))
        var made: [Artifact?] = []
        for index in exec.outputs.indices {
          let need = Need.artifact(.output(copy, index))
          if case .artifact(let artifact)? = try require(need, or: &pending) { made.append(artifact) }
        }
        if repetition == 1 { first = made } else if made != first { agree = false }
      }
    }
    return pending.isEmpty ? .value(.bool(agree)) : .wait(pending)
  }

  // MARK: files

  private mutating func files(
    _ function: SystemFunction, _ arguments: ContiguousArray<Value>
  ) throws(Failure) -> Progress {
    switch (function, arguments[0]) {
    case (.filesCreate, .string(let content)):
      guard content.count <= limits.createdBytes else {
        throw fail(
          .tooLarge, "files.Create makes at most \(limits.createdBytes) bytes, not \(content.count)")
      }
      return .value(.file(FileValue(.literal(graph.addLiteral(content)))))
    case (.filesCopy, .file(let file)):
      return try copy(file.reference, .file, to: Self.text(arguments[1]), "files.Copy")
    case (.filesText, .file(let file)), (.filesLines, .file(let file)):
      var pending: [NodeID] = []
      guard case .text(let text)? = try require(.text(file.reference), or: &pending) else { return .wait(pending) }
      return .value(function == .filesText ? .string(text) : Self.strings(StringFunctions.lines(text)))
    case (.filesetsFile, .file): return .value(.fileset(FilesetValue(arguments[0])))
    case (.filesFileset, .fileset(let fileset)):
      if case .file = fileset.value { return .value(fileset.value) }
      throw fail(.wrongFileset, "files.Fileset: the fileset is a dir and not a file")
    case _: preconditionFailure("the checker admits what the function takes only")
    }
  }

  /// A step that copies, and the wait for it.
  mutating func copy(
    _ reference: ArtifactReference, _ kind: ArtifactKind, to url: ByteString, _ name: String
  ) throws(Failure) -> Progress {
    guard Self.scheme(of: url) != nil else {
      throw fail(.missingScheme, "\(name): scheme not provided in destination url \(url.display)")
    }
    let place = resolve(url)
    if case .unmapped = place {
      throw fail(
        .unmappedUrl, "\(name): nothing says which folder \(url.display) stands for; add a mapping for it")
    }
    let step = graph.addStep(
      Step(
        work: .copy(reference, kind: kind, to: place), name: identifier,
        location: range.map {
          ProgramLocation(file: $0.file.name, line: $0.start.line, column: $0.start.column)
        }))
    var pending: [NodeID] = []
    _ = try require(.artifact(.output(step, 0)), or: &pending)
    return pending.isEmpty ? .value(.unit) : .wait(pending)
  }
}
