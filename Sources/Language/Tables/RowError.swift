package import BuildGraph

/// Why a row expression has no value for a row: a value, since whether it matters depends on rows that come and go.
package struct RowError: Error, Hashable, Sendable, Comparable {
  /// A diagnostic's stable id.
  package var id: String
  package var message: String
  package var location: ProgramLocation?

  package init(_ id: String, _ message: String, at location: ProgramLocation?) {
    self.id = id
    self.message = message
    self.location = location
  }

  /// By position in the program, then by message.
  package static func < (a: Self, b: Self) -> Bool {
    let x = (a.location?.file ?? "", a.location?.line ?? 0, a.location?.column ?? 0)
    let y = (b.location?.file ?? "", b.location?.line ?? 0, b.location?.column ?? 0)
    return x != y ? x < y : a.message < b.message
  }
}
