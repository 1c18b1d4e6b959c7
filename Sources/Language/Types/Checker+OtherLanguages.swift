/// What people write who come from other languages: it is looked for only where a name, a field or a type is unknown.
extension Checker {
  /// How what other languages call so is written here.
  static func hint(for name: String) -> String? {
    if SystemModule.names.contains(name) { return "it is a module of the system: val \(name) = make(\"$/\(name)\")" }
    return switch name {
    case "not": "negation is written '!'"
    case "and": "it is written '&&'"
    case "or": "it is written '||'"
    case "True", "False": "it is written '\(name.lowercased())'"
    case "null", "nil", "None", "undefined":
      "there is no \(name): an empty list will do, or a type of variants such as #None | #Some(int)"
    case "print", "echo", "println": "trace(x) prints x when it is computed"
    case "str", "toString": "make(\"$/strings\").FromInt makes a string of an int"
    case "length", "size", "count": "len(x) is the length of x"
    case "lambda", "fn", "function": "a function is written func(x int) => x + 1"
    case "return":
      "nothing is returned: the value of a function stands behind its '=', that of a block comes last in it"
    case "await", "async", "new": "there is no '\(name)', and no need for it"
    case "glob", "wildcard", "glob_wildcards": "make(\"$/dirs\").Glob(dir(\"data\"), \"*.txt\") takes files of a dir"
    case "expand", "foreach": "a comprehension makes many: [f(x) | x <- xs]"
    case "sorted", "sort", "min", "max", "enumerate", "unique", "uniq", "reversed":
      "lists are sorted, and more, by functions of make(\"$/lists\")"
    case "join", "split", "format", "upper", "lower", "strip", "trim":
      "strings are joined, split, and more, by functions of make(\"$/strings\")"
    case "open", "read", "readFile", "read_csv":
      "make(\"$/files\").Text(file(\"a.txt\")) reads a file, table(…) its records"
    case "path", "Path", "File": "a file is named by file(\"data/a.txt\"), a folder by dir(\"data\")"
    case "channel", "Channel": "files of a folder are [f | f <- dir(\"data\")]"
    case "shell", "system", "sh", "run", "cmd": "a command is a step: exec() (out file) {\" date > {{out}} \"}"
    case "input", "inputs", "output", "outputs", "wildcards", "params":
      "a function takes the inputs of a step: func f(in file) = exec() (out file) {\" sort {{in}} > {{out}} \"}"
    case "os", "env", "environ": "what comes from outside is a parameter: param name = \"default\""
    case "filter", "select", "SELECT": "a comprehension takes what fits: [x | x <- xs, if x > 1]"
    case _: nil
    }
  }

  /// What is written here for a method that a list, map, table or string has in other languages.
  static func hint(for name: String, of type: Type) -> String? {
    switch type {
    case .list, .map, .table, .string: break
    case .int, .float, .bool, .file, .dir, .unit, .fileset, .top, .bottom, .error, .tuple, .structure, .module,
      .function, .sum, .scheme:
      return nil
    }
    switch name {
    case "length", "len", "size", "count": return type.isEqual(to: .string) ? nil : "len(x) is how many there are"
    case "map", "filter", "each", "forEach", "collect": return "a comprehension is written [f(x) | x <- xs, if x > 1]"
    case "items", "keys", "values": return "the entries of a map are taken as in [k | (k, v) <- m]"
    case _: break
    }
    return type.isEqual(to: .string) ? "functions of strings are in make(\"$/strings\"): strings.Upper(s)" : nil
  }

  /// What a type that has another name in other languages is called here.
  static func type(ofOtherLanguages name: String) -> String? {
    switch name {
    case "str", "String", "text": "string"
    case "Int", "integer", "Integer", "long", "int64", "int32", "i64", "i32", "uint": "int"
    case "Float", "double", "Double", "float64", "f64", "real": "float"
    case "Bool", "boolean", "Boolean": "bool"
    case "File", "path", "Path": "file"
    case "Dir", "directory", "Directory", "folder": "dir"
    case _: nil
    }
  }
}
