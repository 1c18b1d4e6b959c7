package import Diagnostics

/// What an evaluation may complain of. The raw value is the diagnostic's stable id.
package enum EvaluationMessage: String, CaseIterable, Hashable, Sendable {
  /// Division by zero, an int that is too long, a float that is not a number.
  case arithmetic = "language.arithmetic"
  /// A failed `test.Assert`, `AssertMap`, `All`, or an `ExecRepeatAndCheck` of nothing.
  case assertion = "language.assertion"
  /// An argument of a program, a function, an exec or `@requires` that has the right type and a wrong value.
  case badArgument = "language.bad-argument"
  /// A string that is not a number.
  case badNumber = "language.bad-number"
  /// A value that cannot become a tree of files.
  case badOutput = "language.bad-output"
  /// A path that is empty, absolute, or leaves its folder.
  case badPath = "language.bad-path"
  /// A regular expression or glob that is malformed.
  case badPattern = "language.bad-pattern"
  /// A template that no shell can be given.
  case badTemplate = "language.bad-template"
  /// A `Test` value that is not a bool.
  case badTest = "language.bad-test"
  case emptyList = "language.empty-list"
  case indexOutOfBounds = "language.index-out-of-bounds"
  case invalidRange = "language.invalid-range"
  case keyNotFound = "language.key-not-found"
  /// `zip` of lists of different lengths.
  case listSizes = "language.list-sizes"
  /// A mandatory parameter of the program for which the user gave no value.
  /// What depends on the variable of a loop, where its value would be needed.
  case loopTable = "language.loop-table"
  case missingArgument = "language.missing-argument"
  /// A mandatory parameter of a module for which a `make` gave no value.
  case missingParameter = "language.missing-parameter"
  /// A destination without a scheme.
  case missingScheme = "language.missing-scheme"
  /// A named file or folder that is not there, or is of the other kind.
  case missingSource = "language.missing-source"
  /// A function of rows that makes or asks for something that only a program can.
  case rowStep = "language.row-step"
  /// Tables that are multiplied; a warning.
  case tableProduct = "language.table-product"
  /// `error(code, message)`.
  case moduleError = "language.module-error"
  /// A file name that would have to be a string and is not UTF-8.
  case nameNotUtf8 = "language.name-not-utf8"
  /// A pattern, glob or regular expression that does not fit.
  case noMatch = "language.no-match"
  /// A goal that is not an exported value.
  case noSuchValue = "language.no-such-value"
  case panic = "language.panic"
  /// A path that is a file and a folder.
  case pathConflict = "language.path-conflict"
  case recursionTooDeep = "language.recursion-too-deep"
  /// Something that is larger than an evaluation should make at once.
  case tooLarge = "language.too-large"
  /// What `trace` prints; not a complaint.
  case trace = "language.trace"
  /// A content that could not be had.
  case unavailable = "language.unavailable"
  /// A value for a parameter that the program does not have.
  case unknownArgument = "language.unknown-argument"
  /// A destination for which there is no mapping.
  case unmappedUrl = "language.unmapped-url"
  /// A fileset that holds the other kind.
  case wrongFileset = "language.wrong-fileset"

  package var id: Diagnostic.ID { Diagnostic.ID(rawValue) }
}
