import Diagnostics

extension Machine {
  /// Goes to the branch that the top value chooses.
  mutating func branch(otherwise: Int, end: Int) {
    switch operand(0) {
    case .bool(let condition):
      _ = pop()
      if !condition { current.position = otherwise }
    case .delayed(let node): suspend(1, end: end, on: [node])
    case .unit, .int, .big, .float, .string, .file, .dir, .fileset, .list, .map, .tuple, .record, .variant, .table,
      .closure,
      .native, .absent:
      preconditionFailure("the checker admits bools only")
    }
  }

  /// Binds the names of a pattern that must fit. What is not known yet is bound to projections of it.
  mutating func bind(_ value: Value, _ matcher: Matcher) throws(Failure) {
    var rest = [(value: value, node: 0)]
    while let (value, node) = rest.popLast() {
      let value = resolved(value)
      switch matcher.nodes[node] {
      case .wildcard: continue
      case .bind(let slot):
        loops.note(value, in: current.frame)
        current.frame.slots[slot] = value
      case .tuple(let elements):
        for (position, element) in elements.enumerated().reversed() {
          rest.append((try take(.tuple(position), of: value, matcher.origins[node]), element))
        }
      case .record(let fields):
        for field in fields.reversed() {
          rest.append((try take(.field(field.name), of: value, matcher.origins[node]), field.node))
        }
      case .list(let elements, let tail):
        var isExact = false
        if case .none = tail { isExact = true }
        if elements.isEmpty, isExact { try checkEmpty(value, matcher.origins[node]) }
        if case .node(let tail) = tail {
          rest.append((try take(.tail(count: elements.count), of: value, matcher.origins[node]), tail))
        }
        for (position, element) in elements.enumerated().reversed() {
          let part = Projection.Part.element(position, count: elements.count, isExact: isExact)
          rest.append((try take(part, of: value, matcher.origins[node]), element))
        }
      case .variant(let tag, let element):
        // Without an element there is nothing to bind, but the tag must fit as far as it is known.
        let inner = try take(.variant(tag), of: value, matcher.origins[node])
        if let element { rest.append((inner, element)) }
      case .literal(let literal):
        if case .delayed = value { continue }
        guard Value.compareKeys(value, literal) == 0 else {
          throw fail(
            Diagnostic(
              EvaluationMessage.noMatch.id, "the value is not the one that the pattern says",
              at: current.code.module.range(of: matcher.origins[node])))
        }
      }
    }
  }

  private mutating func checkEmpty(_ value: Value, _ origin: Int32) throws(Failure) {
    guard case .list(let list) = value, list.count > 0 else { return }
    throw sizeMismatch(0, list.count, current.code, origin)
  }

  private mutating func take(_ part: Projection.Part, of value: Value, _ origin: Int32) throws(Failure) -> Value {
    if case .delayed = value {
      let projection = Projection(whole: value, part: part, code: current.code, origin: origin)
      return .delayed(add(Node(state: .idle(.project(projection)))))
    }
    return try self.part(part, of: value, in: current.code, origin: origin)
  }

  mutating func part(
    _ part: Projection.Part, of value: Value, in code: CodeUnit, origin: Int32
  ) throws(Failure) -> Value {
    switch (part, value) {
    case (.tuple(let position), .tuple(let tuple)): return tuple.elements[position]
    case (.field(let name), .record(let record)):
      guard let field = record[name] else { preconditionFailure("the checker has seen the field") }
      return field
    case (.element(let position, let count, let isExact), .list(let list)):
      guard isExact ? list.count == count : list.count >= count else {
        throw sizeMismatch(count, list.count, code, origin)
      }
      return list[position]
    case (.tail(let count), .list(let list)):
      guard list.count >= count else { throw sizeMismatch(count, list.count, code, origin) }
      return .list(list.slice(count, list.count))
    case (.variant(let tag), .variant(let variant)):
      guard variant.tag == tag else {
        throw fail(
          Diagnostic(
            EvaluationMessage.noMatch.id,
            "cannot match tag #\(symbols[tag]) with a variant with tag #\(symbols[variant.tag])",
            at: code.module.range(of: origin)))
      }
      return variant.element ?? .unit
    case _: preconditionFailure("the checker admits patterns of the value's type only")
    }
  }

  private mutating func sizeMismatch(_ wanted: Int, _ found: Int, _ code: CodeUnit, _ origin: Int32) -> Failure {
    fail(
      Diagnostic(
        EvaluationMessage.noMatch.id, "cannot match list pattern of size \(wanted) with a list of size \(found)",
        at: code.module.range(of: origin)))
  }

  /// Goes to the first case that fits, having waited for as much of the value as tells.
  mutating func select(_ selection: ModuleCode.Selection) throws(Failure) {
    let value = operand(0)
    for one in selection.cases {
      switch fits(value, current.code.module.matchers[one.matcher]) {
      case .fits:
        _ = pop()
        current.position = one.target
        return
      case .differs: continue
      case .depends(let node): return suspend(1, end: selection.end, on: [node])
      }
    }
    throw fail(.noMatch, "no case fits the value")
  }

  private enum Fit {
    case fits
    case differs
    case depends(NodeID)
  }

  private mutating func fits(_ value: Value, _ matcher: Matcher) -> Fit {
    var rest = [(value: value, node: 0)]
    while let (value, node) = rest.popLast() {
      let value = resolved(value)
      switch (matcher.nodes[node], value) {
      case (.wildcard, _): continue
      case (.bind(let slot), _):
        loops.note(value, in: current.frame)
        current.frame.slots[slot] = value
      case (_, .delayed(let id)): return .depends(id)
      case (.tuple(let elements), .tuple(let tuple)):
        for (position, element) in elements.enumerated().reversed() {
          rest.append((tuple.elements[position], element))
        }
      case (.record(let fields), .record(let record)):
        for field in fields.reversed() {
          guard let part = record[field.name] else { preconditionFailure("the checker has seen the field") }
          rest.append((part, field.node))
        }
      case (.list(let elements, let tail), .list(let list)):
        switch tail {
        case .none: if list.count != elements.count { return .differs }
        case .anything: if list.count < elements.count { return .differs }
        case .node(let tail):
          if list.count < elements.count { return .differs }
          rest.append((.list(list.slice(elements.count, list.count)), tail))
        }
        for (position, element) in elements.enumerated().reversed() { rest.append((list[position], element)) }
      case (.variant(let tag, let element), .variant(let variant)):
        guard tag == variant.tag else { return .differs }
        if let element, let inner = variant.element { rest.append((inner, element)) }
      case (.literal(let literal), _): if Value.compareKeys(value, literal) != 0 { return .differs }
      case _: preconditionFailure("the checker admits patterns of the value's type only")
      }
    }
    return .fits
  }
}
