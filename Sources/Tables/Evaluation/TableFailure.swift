import BuildGraph
package import Language

/// Why a table has no rows to show.
package enum TableFailure: Error, Hashable, Sendable {
  /// A row expression has no value for a row that it is asked about.
  case row(RowError)
  /// A file is malformed.
  case reading(ReadingError)
  /// A file could not be had; why, in the words of whoever looked.
  case input(String)

  /// For people, with its place.
  package var message: String {
    switch self {
    case .row(let error):
      guard let place = error.location else { return error.message }
      return "\(place.file):\(place.line):\(place.column): \(error.message)"
    case .reading(let error): return "\(error.path.display):\(error.line):\(error.column): \(error.message)"
    case .input(let message): return message
    }
  }
}
