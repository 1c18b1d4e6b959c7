package import Diagnostics

/// What the checker and the loader can complain of: the stable ids, each with a fixture under
/// `fixtures/language/errors/`.
package enum CheckerMessage: String, CaseIterable, Sendable {
  case unknownName = "language.unknown-name"
  case unknownType = "language.unknown-type"
  case unknownField = "language.unknown-field"
  case noFields = "language.no-fields"
  case builtinAsValue = "language.builtin-as-value"
  case genericAsValue = "language.generic-as-value"
  case recursionWithoutType = "language.recursion-without-type"

  case typeMismatch = "language.type-mismatch"
  case noCommonType = "language.no-common-type"
  case operatorTypes = "language.operator-types"
  case argumentCount = "language.argument-count"
  case argumentType = "language.argument-type"
  case notAFunction = "language.not-a-function"
  case notBoolean = "language.not-boolean"
  case notIterable = "language.not-iterable"
  case notIndexable = "language.not-indexable"
  case indexType = "language.index-type"
  case invalidConversion = "language.invalid-conversion"
  case invalidMapKey = "language.invalid-map-key"
  case typeTooLarge = "language.type-too-large"

  case lowercaseTag = "language.lowercase-tag"
  case duplicateTag = "language.duplicate-tag"
  case duplicateField = "language.duplicate-field"
  case duplicateArgument = "language.duplicate-argument"

  case incompatiblePattern = "language.incompatible-pattern"
  case notExhaustive = "language.not-exhaustive"
  case unreachableCase = "language.unreachable-case"
  case switchTooComplex = "language.switch-too-complex"
  case comprehensionStart = "language.comprehension-start"

  case tableRow = "language.table-row"
  case tableSource = "language.table-source"
  case tableOption = "language.table-option"
  case tableOptionValue = "language.table-option-value"
  case tableHead = "language.table-head"
  case tableGenerator = "language.table-generator"
  case tableOfRow = "language.table-of-row"
  case stepOfRow = "language.step-of-row"
  case traceOfRow = "language.trace-of-row"
  case groupedTable = "language.grouped-table"
  case fixpointGrowth = "language.fixpoint-growth"

  case execParameter = "language.exec-parameter"
  case execParameterType = "language.exec-parameter-type"
  case execOutput = "language.exec-output"
  case interpolationType = "language.interpolation-type"
  case requiresParameter = "language.requires-parameter"
  case requiresParameterType = "language.requires-parameter-type"
  case notImmediate = "language.not-immediate"

  case moduleNotFound = "language.module-not-found"
  case moduleCycle = "language.module-cycle"
  case moduleUnsupported = "language.module-unsupported"
  case missingParameter = "language.missing-parameter"
  case unknownParameter = "language.unknown-parameter"
  case parameterType = "language.parameter-type"

  case unusedName = "language.unused-name"
  case unusedOutput = "language.unused-output"

  package var id: Diagnostic.ID { Diagnostic.ID(rawValue) }
}
