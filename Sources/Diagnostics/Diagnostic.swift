/// Something that is wrong with what the user wrote: a value, collected and returned with the partial result.
package struct Diagnostic: Hashable, Sendable {
  package enum Severity: String, Hashable, Sendable { case error, warning, note }

  /// A stable dotted name, such as `language.unknown-name`; listed in `reflow.7`.
  package struct ID: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    package let description: String
    package init(stringLiteral value: String) { description = value }
    package init(_ value: String) { description = value }
  }

  package struct Note: Hashable, Sendable {
    package var message: String
    package var range: SourceRange?

    package init(_ message: String, at range: SourceRange? = nil) {
      self.message = message
      self.range = range
    }
  }

  package var id: ID
  package var severity: Severity
  package var message: String
  package var range: SourceRange?
  package var notes: [Note]
  package var fixIts: [FixIt]

  /// An error.
  package init(
    _ id: ID, _ message: String, at range: SourceRange? = nil, notes: [Note] = [], fixIts: [FixIt] = []
  ) {
    self.init(id, .error, message, at: range, notes: notes, fixIts: fixIts)
  }

  package init(
    _ id: ID, _ severity: Severity, _ message: String, at range: SourceRange? = nil, notes: [Note] = [],
    fixIts: [FixIt] = []
  ) {
    self.id = id
    self.severity = severity
    self.message = message
    self.range = range
    self.notes = notes
    self.fixIts = fixIts
  }
}

/// An edit that mends what a diagnostic complains of. Applying it makes that diagnostic go away.
package struct FixIt: Hashable, Sendable {
  package struct Edit: Hashable, Sendable {
    package var range: SourceRange
    package var replacement: String

    package init(_ range: SourceRange, _ replacement: String) {
      self.range = range
      self.replacement = replacement
    }
  }

  package var message: String
  package var edits: [Edit]

  package init(_ message: String, _ edits: [Edit]) {
    self.message = message
    self.edits = edits
  }
}
