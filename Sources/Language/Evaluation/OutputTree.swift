import BuildGraph
import Diagnostics

/// What a value becomes in the output tree: files and folders by path, and scalars as text.
///
/// A dir is the tree itself; structures, maps, lists and tuples are folders of their members by name, key and position; a variant is its
/// element; a file by itself has the name of the exported value. Functions and unit make nothing.
struct OutputTree {
  /// A scalar, by its path in the value.
  struct Scalar {
    var path: String
    var text: String
  }

  private(set) var entries: [OutputEntry] = []
  private(set) var scalars: [Scalar] = []
  private(set) var problems: [String] = []
  private let graph: FlowGraph
  private let symbols: SymbolTable
  private let location: ProgramLocation?

  /// - Precondition: the value is known down to its last element.
  init(
    of value: Value, _ type: Type, named name: String, in graph: FlowGraph, _ symbols: SymbolTable,
    at location: ProgramLocation?
  ) {
    self.graph = graph
    self.symbols = symbols
    self.location = location
    switch value {
    case .file(let file): add(file.reference, .file, at: ByteString(name))
    case .table(let table):
      if let file = table.exported { add(file, .file, at: ByteString(name + ".csv")) }
    case _: add(value, type.unlabelled, at: [])
    }
    findConflicts()
  }

  private mutating func add(_ value: Value, _ type: Type, at path: [ByteString]) {
    switch value {
    case .file(let file): add(file.reference, .file, at: Self.joined(path))
    case .dir(let dir):
      switch dir.content {
      case .reference(let reference): add(reference, .folder, at: Self.joined(path))
      case .assembled(let root):
        for pair in MapNode.pairs(of: root) {
          guard case .string(let name) = pair.key, check(name) else { continue }
          add(pair.value, .file, at: path + [name])
        }
      }
    case .fileset(let fileset): add(fileset.value, .top, at: path)
    case .list(let list):
      entries.makeRoom(forMore: list.count)
      for index in 0..<list.count { add(list[index], type.member(index), at: path + [ByteString(String(index))]) }
    case .tuple(let tuple):
      for index in tuple.elements.indices {
        add(tuple.elements[index], type.member(index), at: path + [ByteString(String(index))])
      }
    case .record(let record):
      for field in Machine.fields(of: type, in: record, symbols) {
        guard let value = record[field.symbol] else { continue }
        add(value, field.type, at: path + [ByteString(symbols[field.symbol])])
      }
    case .map(let root):
      entries.makeRoom(forMore: MapNode.count(root))
      for pair in MapNode.pairs(of: root) {
        switch pair.key {
        case .string(let name):
          if check(name) { add(pair.value, type.member(0), at: path + [name]) }
        case .int, .big, .bool: add(pair.value, type.member(0), at: path + [ByteString(Printer.key(pair.key))])
        case _:
          problems.append("only strings, ints and bools can be the keys of a map that becomes a folder")
          return
        }
      }
    case .variant(let variant):
      if let element = variant.element {
        add(element, type.member(of: symbols[variant.tag]), at: path)
      } else {
        addScalar("#" + symbols[variant.tag], at: path)
      }
    case .table(let table):
      if let file = table.exported { add(file, .file, at: Self.joined(path) + ".csv") }
    case .string(let text): addScalar(text.display, at: path)
    case .bool, .int, .big, .float: addScalar(Printer.key(value), at: path)
    case .unit, .closure, .native, .delayed, .absent: return
    }
  }

  private mutating func addScalar(_ text: String, at path: [ByteString]) {
    scalars.append(Scalar(path: Self.joined(path).display, text: text))
  }

  private mutating func add(_ reference: ArtifactReference, _ kind: ArtifactKind, at path: ByteString) {
    var place = location
    switch reference {
    case .output(let step, _), .member(let step, _, _): place = graph.steps[Int(step.index)].location ?? place
    case .source(let id): place = graph.sources[Int(id.index)].location ?? place
    case .literal, .assembly: break
    }
    entries.append(OutputEntry(path: path, reference: reference, kind: kind, location: place))
  }

  private mutating func check(_ name: ByteString) -> Bool {
    guard let problem = OutputPath.problem(of: name) else { return true }
    problems.append("in the output tree, " + problem)
    return false
  }

  private static func joined(_ path: [ByteString]) -> ByteString {
    // A name by itself is the key of a map, and is not copied.
    path.count == 1 ? path[0] : ByteString(bytes: Array(path.map(\.bytes).joined(separator: [UInt8(ascii: "/")])))
  }

  /// Two entries at one path, and entries inside of another.
  private mutating func findConflicts() {
    entries.sort { $0.path < $1.path }
    var byPath: [ByteString: Int] = [:]
    for (index, entry) in entries.enumerated() {
      if let other = byPath[entry.path] {
        problems.append(
          "two members of the output tree have the path \(entry.path.display)\(Self.places(entries[other], entry))")
      } else {
        byPath[entry.path] = index
      }
    }
    for entry in entries {
      for (offset, byte) in entry.path.bytes.enumerated() where byte == UInt8(ascii: "/") {
        guard let other = byPath[ByteString(bytes: Array(entry.path.bytes[..<offset]))] else { continue }
        let outer = entries[other]
        problems.append(
          "in the output tree, \(outer.path.display) is a \(outer.kind == .file ? "file" : "folder of its own") and "
            + "cannot hold \(entry.path.display)\(Self.places(outer, entry))")
      }
    }
  }

  private static func places(_ a: OutputEntry, _ b: OutputEntry) -> String {
    guard let p = a.location, let q = b.location else { return "" }
    return " (\(p.file):\(p.line):\(p.column) and \(q.file):\(q.line):\(q.column))"
  }
}

extension Type {
  /// The type of a list's, map's or tuple's element.
  fileprivate func member(_ index: Int) -> Type {
    switch self {
    case .list(let element): element.unlabelled
    case .map(key: _, let value): value.unlabelled
    case .tuple(let elements): elements.indices.contains(index) ? elements[index].type.unlabelled : .top
    case _: .top
    }
  }

  fileprivate func member(of tag: String) -> Type {
    guard case .sum(let variants) = self else { return .top }
    return variants.first { $0.tag == tag }?.element?.unlabelled ?? .top
  }
}
