/// The world refused: a file, a database or a process could not be used. Thrown; the message says what to do about it.
package struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What kind of refusal it is; decides the exit status (`state` kinds end with 3) and what a caller may try again.
  package struct Code: Hashable, Sendable, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }

    package static let notFound = Code("not-found")
    package static let notPermitted = Code("not-permitted")
    package static let noSpace = Code("no-space")
    package static let wrongKind = Code("wrong-kind")
    package static let locked = Code("locked")
    package static let damaged = Code("damaged")
    package static let newerVersion = Code("newer-version")
    package static let foreignFile = Code("foreign-file")
    package static let limit = Code("limit")
    package static let unsupported = Code("unsupported")
    package static let other = Code("other")
  }

  package var code: Code
  /// What could not be done, to what, why, and what to do: `cannot open 'x': permission denied; make it readable`.
  package var message: String
  /// The `errno` behind it, or 0.
  package var errno: Int32

  package init(_ code: Code, _ message: String, errno: Int32 = 0) {
    self.code = code
    self.message = message
    self.errno = errno
  }

  package var description: String { message }
}
