import BuildGraph
import Diagnostics

/// Files and folders: what is in them is asked for, what they are is not.
extension Machine {
  /// Digest and size of a file, if they are known.
  mutating func artifact(of file: FileValue, or pending: inout [NodeID]) throws(Failure) -> Artifact? {
    if let artifact = file.artifact { return artifact }
    guard case .artifact(let artifact)? = try require(.artifact(file.reference), or: &pending) else { return nil }
    file.artifact = artifact
    return artifact
  }

  /// The files of a folder by path, if they are known. The file values may be delayed.
  mutating func content(of dir: DirValue, or pending: inout [NodeID]) throws(Failure) -> MapNode?? {
    switch dir.content {
    case .assembled(let root): return .some(root)
    case .reference(let reference):
      if let known = listings[reference] { return .some(known) }
      guard case .listing(let paths)? = try require(.listing(reference), or: &pending) else { return nil }
      for path in paths where path.utf8 == nil {
        throw fail(.nameNotUtf8, "the name \(path.display) is not UTF-8, so it cannot be a string")
      }
      let root = MapNode.fromPairs(
        paths.map { (key: .string($0), value: .file(FileValue(member($0, of: reference)))) })
      listings[reference] = .some(root)
      return .some(root)
    }
  }

  /// A file of a folder; in a source folder it is a source of its own, so that what reads it depends on it alone.
  private mutating func member(_ path: ByteString, of folder: ArtifactReference) -> ArtifactReference {
    switch folder {
    case .source(let id):
      let source = graph.sources[Int(id.index)]
      guard case .path(let place) = source.place else { return folder }
      return .source(
        graph.addSource(Source(place: .path(place.appending(path)), kind: .file, location: source.location)))
    case .output(let step, let index): return .member(step, index, path)
    case .member(let step, let index, let base): return .member(step, index, base + "/" + path)
    case .literal, .assembly: return folder
    }
  }

  /// The folder that has the files of all; of equal paths the last wins.
  mutating func sum(of dirs: [DirValue]) throws(Failure) -> Progress {
    if dirs.count == 1 { return .value(.dir(dirs[0])) }
    var pending: [NodeID] = []
    var result: MapNode?
    for dir in dirs {
      guard let content = try content(of: dir, or: &pending) else { continue }
      if pending.isEmpty { result = MapNode.merging(result, content) }
    }
    return pending.isEmpty ? .value(.dir(DirValue(.assembled(result)))) : .wait(pending)
  }

  /// Waits for the contents of all files of a value, and so for the steps that make them.
  mutating func requireFiles(in value: Value, or pending: inout [NodeID]) throws(Failure) {
    switch value {
    case .file(let file): _ = try artifact(of: file, or: &pending)
    case .dir(let dir):
      switch dir.content {
      case .assembled(let root): try requireFiles(in: .map(root), or: &pending)
      case .reference(let reference): _ = try require(.artifact(reference), or: &pending)
      }
    case .list(let list): for index in 0..<list.count { try requireFiles(in: list[index], or: &pending) }
    case .map(let root): for pair in MapNode.pairs(of: root) { try requireFiles(in: pair.value, or: &pending) }
    case .tuple(let tuple): for element in tuple.elements { try requireFiles(in: element, or: &pending) }
    case .record(let record): for element in record.values { try requireFiles(in: element, or: &pending) }
    case .variant(let variant): if let element = variant.element { try requireFiles(in: element, or: &pending) }
    case .fileset(let fileset): try requireFiles(in: fileset.value, or: &pending)
    case .delayed:
      let known = resolved(value)
      if case .delayed = known { return }
      try requireFiles(in: known, or: &pending)
    case .table(let table): try requireTable(table, or: &pending)
    case .unit, .bool, .int, .big, .float, .string, .closure, .native, .absent: return
    }
  }

  // MARK: Naming sources

  mutating func source(_ name: ByteString, _ kind: ArtifactKind) throws(Failure) -> Value {
    guard !name.isEmpty else { throw fail(.badPath, "the path is empty") }
    guard !name.bytes.contains(0) else { throw fail(.badPath, "the path holds a NUL byte") }
    let location = range.map {
      ProgramLocation(file: $0.file.name, line: $0.start.line, column: $0.start.column)
    }
    let place = Self.isExternal(name) ? resolve(name) : .path(Path(Self.normalized(name)))
    let id = graph.addSource(Source(place: place, kind: kind, location: location))
    if presenceRanges[id] == nil {
      presenceRanges.updateValue(range, forKey: id)
      request(.presence(id))
    }
    return kind == .file
      ? .file(FileValue(.source(id))) : .dir(DirValue(.reference(.source(id))))
  }

  /// Whether a path is not the workspace's own: it has a scheme, or is absolute.
  private static func isExternal(_ name: ByteString) -> Bool {
    if name.bytes.first == UInt8(ascii: "/") { return true }
    return scheme(of: name) != nil
  }

  /// `s3` of `s3://bucket/key`.
  static func scheme(of name: ByteString) -> ByteString? {
    guard let colon = name.bytes.firstIndex(of: UInt8(ascii: ":")), colon > 0,
      name.bytes[colon...].starts(with: Array("://".utf8))
    else { return nil }
    let scheme = name.bytes[..<colon]
    let isName = scheme.allSatisfy { byte in
      byte.isLetter || byte.isDigit || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-")
        || byte == UInt8(ascii: ".")
    }
    return isName ? ByteString(bytes: Array(scheme)) : nil
  }

  /// Without `.` parts, doubled slashes and a slash at the end.
  static func normalized(_ name: ByteString) -> ByteString {
    let parts = name.bytes.split(separator: UInt8(ascii: "/")).filter { !$0.elementsEqual([UInt8(ascii: ".")]) }
    return ByteString(bytes: Array(parts.joined(separator: [UInt8(ascii: "/")])))
  }

  // MARK: References for steps

  /// What a step is given for a folder. One that the program put together becomes an assembly.
  mutating func reference(to dir: DirValue) throws(Failure) -> ArtifactReference {
    switch dir.content {
    case .reference(let reference): return reference
    case .assembled(let root):
      var members: [FlowGraph.Member] = []
      members.reserveCapacity(MapNode.count(root))
      for pair in MapNode.pairs(of: root) {
        guard case .string(let name) = pair.key, case .file(let file) = resolved(pair.value) else {
          preconditionFailure("a folder's files are known when a step is made")
        }
        if let problem = OutputPath.problem(of: name) { throw fail(.badPath, problem) }
        members.append(FlowGraph.Member(name: name, reference: file.reference))
      }
      if let (file, inside) = OutputPath.conflict(in: members.map(\.name)) {
        throw fail(
          .pathConflict, "the folder has both a file \(file.display) and a file \(inside.display) in it")
      }
      return .assembly(graph.addAssembly(members))
    }
  }
}

extension UInt8 {
  var isLetter: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20) }
  var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
}
