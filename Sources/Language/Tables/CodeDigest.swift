import BigInt
import BuildGraph

/// The digest of frozen code: what it does, without names of variables and functions, and without positions.
///
/// Variables are numbers already. A function that is met again, in itself or beside itself, is the number of its first
/// meeting.
struct CodeDigest {
  private var manifest = DigestManifest()
  private var units: [ObjectIdentifier: Int] = [:]
  private let symbols: SymbolTable
  private let graph: FlowGraph

  init(_ symbols: SymbolTable, _ graph: FlowGraph) {
    self.symbols = symbols
    self.graph = graph
  }

  static func digest(of closure: Closure, _ symbols: SymbolTable, _ graph: FlowGraph) -> Digest {
    var digest = CodeDigest(symbols, graph)
    digest.write(.closure(closure))
    return digest.manifest.finish()
  }

  private mutating func tag(_ name: String) { manifest.write(.name, name) }
  private mutating func number(_ value: some BinaryInteger) { manifest.write(.ordinal, Int(value)) }

  private mutating func write(_ symbol: Symbol) { manifest.write(.label, symbols[symbol]) }

  private mutating func write(_ shape: Shape) {
    number(shape.names.count)
    for name in shape.names { write(name) }
  }

  // MARK: Values

  private mutating func write(_ value: Value) {
    switch value {
    case .unit: tag("unit")
    case .absent: tag("absent")
    case .bool(let flag):
      tag("bool")
      number(flag ? 1 : 0)
    case .int, .big:
      tag("int")
      manifest.write(.value, String(value.integer ?? 0))
    case .float(let box):
      tag("float")
      manifest.write(.value, "\(box.value.value)")
    case .string(let text):
      tag("string")
      manifest.write(.value, text)
    case .file(let file):
      tag("file")
      manifest.write(.identity, graph.identity(of: file.reference))
    case .dir(let dir):
      switch dir.content {
      case .reference(let reference):
        tag("dir")
        manifest.write(.identity, graph.identity(of: reference))
      case .assembled(let root):
        tag("assembled")
        write(.map(root))
      }
    case .fileset(let fileset):
      tag("fileset")
      write(fileset.value)
    case .list(let list):
      tag("list")
      number(list.count)
      for index in 0..<list.count { write(list[index]) }
    case .map(let root):
      tag("map")
      number(MapNode.count(root))
      for pair in MapNode.pairs(of: root) {
        write(pair.key)
        write(pair.value)
      }
    case .tuple(let tuple):
      tag("tuple")
      number(tuple.elements.count)
      for element in tuple.elements { write(element) }
    case .record(let record):
      tag("record")
      write(record.shape)
      for element in record.values { write(element) }
    case .table(let table):
      tag("table")
      manifest.write(.identity, table.key)
    case .variant(let variant):
      tag("variant")
      write(variant.tag)
      number(variant.element == nil ? 0 : 1)
      if let element = variant.element { write(element) }
    case .closure(let closure):
      tag("closure")
      write(closure.code)
    case .native(.file): tag("native file")
    case .native(.dir): tag("native dir")
    case .native(.system(let function)):
      tag("native")
      tag(function.rawValue)
    case .delayed: preconditionFailure("frozen values are known")
    }
  }

  // MARK: Code

  private mutating func write(_ unit: CodeUnit) {
    if let known = units[ObjectIdentifier(unit)] {
      tag("again")
      return number(known)
    }
    units[ObjectIdentifier(unit)] = units.count
    tag("unit")
    number(unit.parameterCount)
    number(unit.instructions.count)
    for instruction in unit.instructions { write(instruction, in: unit.module) }
  }

  private mutating func write(_ instruction: Instruction, in module: ModuleCode) {
    switch instruction {
    case .constant(let index): write(module.constants[Int(index)])
    case .closure(let unit):
      tag("function")
      write(module.units[Int(unit)])
    case .iterateNext(let unit, let end):
      tag("each")
      number(end)
      write(module.units[Int(unit)])
    case .bind(let matcher):
      tag("bind")
      write(module.matchers[Int(matcher)])
    case .select(let table):
      tag("select")
      let selection = module.selections[Int(table)]
      number(selection.cases.count)
      for one in selection.cases {
        number(one.target)
        write(module.matchers[one.matcher])
      }
      number(selection.end)
    case .record(let shape):
      tag("make record")
      write(module.shapes[Int(shape)])
    case .member(let name):
      tag("member")
      write(name)
    case .variant(let name, let hasElement):
      tag("make variant")
      write(name)
      number(hasElement ? 1 : 0)
    case .binary(let op, let type):
      tag("binary")
      tag(op.rawValue)
      // Which fields of structs count.
      if type >= 0 { tag(module.types[Int(type)].description) }
    case .unary(let op):
      tag("unary")
      tag(op.rawValue)
    case .builtin(let builtin, let count, type: _):
      tag("builtin")
      tag(builtin.rawValue)
      number(count)
    case .system(let function, let count, let type):
      tag("system")
      tag(function.rawValue)
      number(count)
      if type >= 0 { tag(module.types[Int(type)].description) }
    case .local, .outer, .store, .jump, .branch, .sequence, .index, .slice, .toInteger, .toFloat, .tuple, .list, .map,
      .mergeUnder, .call, .foldStart, .reduceStart, .foldNext, .foldStep, .sortStart, .sortNext, .sortStep,
      .sortFinish, .collect, .iterate, .filter, .yield, .endIteration, .collected, .exec, .make, .relate,
      .fixpointStart, .fixpointEnd, .parameter, .missingParameter, .enterRequirements, .leaveRequirements, .endModule,
      .return:
      // Numbers only.
      tag("\(instruction)")
    }
  }

  private mutating func write(_ matcher: Matcher) {
    number(matcher.nodes.count)
    for node in matcher.nodes {
      switch node {
      case .wildcard: tag("_")
      case .bind(let slot):
        tag("name")
        number(slot)
      case .tuple(let parts):
        tag("tuple")
        numbers(parts)
      case .list(let parts, let tail):
        tag("list")
        numbers(parts)
        switch tail {
        case .none: number(-2)
        case .anything: number(-1)
        case .node(let node): number(node)
        }
      case .record(let fields):
        tag("record")
        number(fields.count)
        for (name, node) in fields {
          write(name)
          number(node)
        }
      case .variant(let name, let node):
        tag("variant")
        write(name)
        number(node ?? -1)
      case .literal(let value): write(value)
      }
    }
  }

  private mutating func numbers(_ values: [Int]) {
    number(values.count)
    for value in values { number(value) }
  }
}
