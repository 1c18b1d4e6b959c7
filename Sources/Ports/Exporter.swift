package import BuildGraph
package import Diagnostics

/// Brings artifacts to mapped places outside the output tree: what `files.Copy` and `dirs.Copy` do.
///
/// Callable from any thread. Files are written beside their place and renamed. A folder gets the artifact's files; what else
/// lies in it stays, since it is not ours.
package protocol Exporter: Sendable {
  /// - Throws: `notPermitted`, `noSpace`, `damaged`.
  func export(_ artifact: Artifact, to path: Path) throws(SystemError)
}
