import BuildGraph

extension Machine {
  mutating func dirs(_ function: SystemFunction, _ arguments: ContiguousArray<Value>) throws(Failure) -> Progress {
    switch function {
    case .dirsMake:
      guard case .map(let root) = arguments[0] else { preconditionFailure("the checker admits maps only") }
      return .value(.dir(DirValue(.assembled(root))))
    case .dirsFromList:
      let pairs = Self.list(arguments[0]).elements.map { pair -> MapNode.Pair in
        guard case .tuple(let pair) = pair else { preconditionFailure("the checker admits pairs only") }
        return (pair.elements[0], pair.elements[1])
      }
      return .value(.dir(DirValue(.assembled(MapNode.fromPairs(pairs)))))
    case .dirsSum: return try sum(of: Self.list(arguments[0]).elements.map { Self.dir($0) })
    case .dirsCopy:
      let dir = Self.dir(arguments[0])
      return try copy(try reference(to: dir), .folder, to: Self.text(arguments[1]), "dirs.Copy")
    case .dirsFileset:
      guard case .fileset(let fileset) = arguments[0] else { preconditionFailure("the checker admits filesets only") }
      if case .dir = fileset.value { return .value(fileset.value) }
      throw fail(.wrongFileset, "dirs.Fileset: the fileset is a file and not a dir")
    case .filesetsDir: return .value(.fileset(FilesetValue(arguments[0])))
    case _: return try listed(function, arguments)
    }
  }

  /// What must know the names in a folder.
  private mutating func listed(
    _ function: SystemFunction, _ arguments: ContiguousArray<Value>
  ) throws(Failure) -> Progress {
    var pending: [NodeID] = []
    guard let content = try content(of: Self.dir(arguments[0]), or: &pending) else { return .wait(pending) }
    let pairs = MapNode.pairs(of: content)
    switch function {
    case .dirsFiles: return .value(.list(ContiguousArray(pairs.map(\.value))))
    case .dirsPick:
      let pattern = try glob(Self.text(arguments[1]), .plain)
      guard let (key, value) = pairs.first(where: { pattern.matches(Self.text($0.key)) }) else {
        throw fail(.noMatch, "dirs.Pick: no files matched \(Self.text(arguments[1]).display)")
      }
      return .value(.tuple(value, key))
    case .dirsGlob:
      let pattern = try glob(Self.text(arguments[1]), .recursive)
      let matching = pairs.filter { pattern.matches(Self.text($0.key)) }
      return .value(.dir(DirValue(.assembled(MapNode.fromSorted(matching)))))
    case _:
      let expression = try regularExpression(Self.text(arguments[1]))
      var groups: [(key: Value, pairs: [MapNode.Pair])] = []
      var positions: [ByteString: Int] = [:]
      for pair in pairs {
        let path = Self.text(pair.key)
        guard let match = expression.firstMatch(in: path), match.groups.count == 2 else { continue }
        let key = match.texts(in: path)[1]
        if let position = positions[key] {
          groups[position].pairs.append(pair)
        } else {
          positions[key] = groups.count
          groups.append((.string(key), [pair]))
        }
      }
      return .value(
        .map(
          MapNode.fromPairs(
            groups.map { ($0.key, .dir(DirValue(.assembled(MapNode.fromSorted($0.pairs))))) })))
    }
  }
}
