/// The arguments that are given by name to what the language itself provides.
struct ArgumentNames {
  var name: String
  var type: String
  var summary: String

  private init(_ name: String, _ type: String, _ summary: String) {
    self.name = name
    self.type = type
    self.summary = summary
  }

  static let exec: [ArgumentNames] = [
    .init("image", "string", "The container image that the step runs in."),
    .init("cpu", "int or float", "How many cores the step uses."),
    .init("mem", "int", "How many bytes of memory the step needs, such as `4*GiB`."),
    .init("disk", "int", "How many bytes of scratch space the step needs."),
    .init("cpufeatures", "[string]", "What the processor must have, such as `[\"intel_avx\"]`."),
    .init("nondeterministic", "bool", "Whether two runs may make different outputs."),
    .init("timeout", "int or float", "After how many seconds the step is ended, and has failed."),
    .init("retries", "int", "How often the step is run again after it has failed."),
    .init("env", "[string:string]", "Environment variables of the step."),
    .init("network", "bool", "Whether the step may use the network."),
    .init("depfile", "string", "A file that the step writes, which names what it has read of its inputs."),
  ]

  static let table: [ArgumentNames] = [
    .init("format", "string", "`\"csv\"` (the default), `\"tsv\"`, `\"jsonl\"` or `\"lines\"`."),
    .init("header", "bool", "Whether each file begins with the names of its columns."),
    .init(
      "empty", "string", "What an empty field that is no string does: `\"zero\"` or `\"drop\"`; else it is malformed."),
    .init("malformed", "string", "`\"drop\"` leaves out, and counts, records that cannot be read."),
    .init("columns", "[string:string]", "The header of a field whose name is no identifier."),
    .init("path", "string", "The field that takes the path of the file."),
    .init("number", "string", "The field that takes the number of the record in its file."),
    .init("append", "bool", "Whether files only grow at their end."),
  ]

  static let requires: [ArgumentNames] = [
    .init("cpu", "int or float", "How many cores are needed."),
    .init("mem", "int", "How many bytes of memory are needed."),
    .init("disk", "int", "How many bytes of scratch space are needed."),
    .init("cpufeatures", "[string]", "What the processor must have."),
    .init("wide", "bool", "Whether it may be spread over several machines."),
  ]
}
