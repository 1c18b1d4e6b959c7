/// A function of a system module. The raw value is `module.Name`.
package enum SystemFunction: String, Hashable, Sendable, CaseIterable {
  case testAssert = "test.Assert"
  case testAssertMap = "test.AssertMap"
  case testAll = "test.All"
  case testExecRepeatAndCheck = "test.ExecRepeatAndCheck"

  case dirsGroups = "dirs.Groups"
  case dirsMake = "dirs.Make"
  case dirsFromList = "dirs.FromList"
  case dirsSum = "dirs.Sum"
  case dirsPick = "dirs.Pick"
  case dirsFiles = "dirs.Files"
  case dirsCopy = "dirs.Copy"
  case dirsFileset = "dirs.Fileset"
  case dirsGlob = "dirs.Glob"

  case filesCopy = "files.Copy"
  case filesCreate = "files.Create"
  case filesFileset = "files.Fileset"
  case filesText = "files.Text"
  case filesLines = "files.Lines"

  case regexpGroups = "regexp.Groups"
  case regexpMatch = "regexp.Match"
  case regexpReplace = "regexp.Replace"

  case stringsSplit = "strings.Split"
  case stringsChunk = "strings.Chunk"
  case stringsJoin = "strings.Join"
  case stringsHasPrefix = "strings.HasPrefix"
  case stringsHasSuffix = "strings.HasSuffix"
  case stringsSort = "strings.Sort"
  case stringsFromInt = "strings.FromInt"
  case stringsFromFloat = "strings.FromFloat"
  case stringsFromBool = "strings.FromBool"
  case stringsToInt = "strings.ToInt"
  case stringsToFloat = "strings.ToFloat"
  case stringsTrim = "strings.Trim"
  case stringsReplace = "strings.Replace"
  case stringsFields = "strings.Fields"
  case stringsLines = "strings.Lines"
  case stringsLower = "strings.Lower"
  case stringsUpper = "strings.Upper"
  case stringsContains = "strings.Contains"
  case stringsIndex = "strings.Index"
  case stringsSlice = "strings.Slice"

  case pathBase = "path.Base"
  case pathExt = "path.Ext"
  case pathDir = "path.Dir"
  case pathJoin = "path.Join"

  case filesetsDir = "filesets.Dir"
  case filesetsFile = "filesets.File"

  case listsSort = "lists.Sort"
  case listsSortBy = "lists.SortBy"
  case listsContains = "lists.Contains"
  case listsUnique = "lists.Unique"
  case listsReverse = "lists.Reverse"
  case listsEnumerate = "lists.Enumerate"
  case listsSum = "lists.Sum"
  case listsMin = "lists.Min"
  case listsMax = "lists.Max"
  case listsTake = "lists.Take"
  case listsDrop = "lists.Drop"

  /// The module that it belongs to.
  package var module: String { String(rawValue.prefix { $0 != "." }) }

  /// Its name in that module.
  package var name: String { String(rawValue.drop { $0 != "." }.dropFirst()) }

  /// The type of it as a value; a ``Type/scheme(_:)`` for the functions of `$/lists`.
  package var type: Type {
    switch self {
    case .testAssert: Self.function(("values", .list(.bool)), to: .unit)
    case .testAssertMap: Self.function(("values", .map(key: .string, value: .bool)), to: .bool)
    case .testAll: Self.function(("values", .list(.bool)), to: .bool)
    case .testExecRepeatAndCheck: Self.function(("value", .top), ("times", .int), to: .bool)

    case .dirsGroups: Self.function(("dir", .dir), ("re", .string), to: .map(key: .string, value: .dir))
    case .dirsMake: Self.function(("map", .map(key: .string, value: .file)), to: .dir)
    case .dirsFromList:
      Self.function(("list", .list(.tuple([.init(nil, .string), .init(nil, .file)]))), to: .dir)
    case .dirsSum: Self.function(("dirs", .list(.dir)), to: .dir)
    case .dirsPick:
      Self.function(
        ("dir", .dir), ("pattern", .string), to: .tuple([.init(nil, .file), .init(nil, .string)]))
    case .dirsFiles: Self.function(("dir", .dir), to: .list(.file))
    case .dirsCopy: Self.function(("dir", .dir), ("url", .string), to: .unit)
    case .dirsFileset: Self.function(("fileset", .fileset), to: .dir)
    case .dirsGlob: Self.function(("dir", .dir), ("pattern", .string), to: .dir)

    case .filesCopy: Self.function(("file", .file), ("url", .string), to: .unit)
    case .filesCreate: Self.function(("content", .string), to: .file)
    case .filesFileset: Self.function(("fileset", .fileset), to: .file)
    case .filesText: Self.function(("file", .file), to: .string)
    case .filesLines: Self.function(("file", .file), to: .list(.string))

    case .regexpGroups: Self.function(("str", .string), ("re", .string), to: .list(.string))
    case .regexpMatch: Self.function(("str", .string), ("re", .string), to: .bool)
    case .regexpReplace: Self.function(("src", .string), ("re", .string), ("repl", .string), to: .string)

    case .stringsSplit: Self.function(("s", .string), ("sep", .string), to: .list(.string))
    case .stringsChunk: Self.function(("s", .string), ("maxlen", .int), to: .list(.string))
    case .stringsJoin: Self.function(("strs", .list(.string)), ("sep", .string), to: .string)
    case .stringsHasPrefix: Self.function(("s", .string), ("prefix", .string), to: .bool)
    case .stringsHasSuffix: Self.function(("s", .string), ("suffix", .string), to: .bool)
    case .stringsSort: Self.function(("strs", .list(.string)), to: .list(.string))
    case .stringsFromInt: Self.function(("value", .int), to: .string)
    case .stringsFromFloat: Self.function(("value", .float), ("precision", .int), to: .string)
    case .stringsFromBool: Self.function(("value", .bool), to: .string)
    case .stringsToInt: Self.function(("s", .string), to: .int)
    case .stringsToFloat: Self.function(("s", .string), to: .float)
    case .stringsTrim, .stringsLower, .stringsUpper: Self.function(("s", .string), to: .string)
    case .stringsReplace: Self.function(("s", .string), ("old", .string), ("new", .string), to: .string)
    case .stringsFields, .stringsLines: Self.function(("s", .string), to: .list(.string))
    case .stringsContains: Self.function(("s", .string), ("substr", .string), to: .bool)
    case .stringsIndex: Self.function(("s", .string), ("substr", .string), to: .int)
    case .stringsSlice: Self.function(("s", .string), ("lower", .int), ("upper", .int), to: .string)

    case .pathBase, .pathExt, .pathDir: Self.function(("path", .string), to: .string)
    case .pathJoin: Self.function(("paths", .list(.string)), to: .string)

    case .filesetsDir: Self.function(("dir", .dir), to: .fileset)
    case .filesetsFile: Self.function(("file", .file), to: .fileset)

    case .listsSort, .listsSortBy, .listsContains, .listsUnique, .listsReverse, .listsEnumerate, .listsSum, .listsMin,
      .listsMax, .listsTake, .listsDrop:
      .scheme(self)
    }
  }

  /// Whether its result is known only when a step or a source is done, whatever its arguments are.
  package var isDelayed: Bool {
    switch module {
    case "dirs", "files", "filesets": true
    default: self == .testExecRepeatAndCheck
    }
  }

  private static func function(_ parameters: (String, Type)..., to result: Type) -> Type {
    .function(parameters.map { Type.Labelled($0.0, $0.1) }, result)
  }
}

/// A module that the language itself provides: `make("$/strings")`.
package struct SystemModule: Hashable, Sendable {
  package let name: String
  /// Its functions, in the order of ``SystemFunction/allCases``.
  package let functions: [SystemFunction]

  /// - Returns: nil if there is no system module of that name.
  package init?(name: String) {
    functions = SystemFunction.allCases.filter { $0.module == name }
    guard !functions.isEmpty else { return nil }
    self.name = name
  }

  /// The names of all system modules, sorted.
  package static let names: [String] = Set(SystemFunction.allCases.map(\.module)).sorted()

  /// The names of its functions and their types.
  package var members: [Type.Field] { functions.map { Type.Field($0.name, $0.type) } }

  /// The type of `make("$/NAME")`.
  package var type: Type { .module(members, aliases: []) }

  /// - Complexity: O(functions of the module).
  package subscript(_ name: String) -> SystemFunction? { functions.first { $0.name == name } }
}
