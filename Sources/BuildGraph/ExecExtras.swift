/// What an ``Exec`` may say beyond its command, inputs and outputs. Never changed once it is made.
final class ExecExtras: Hashable, Sendable {
  struct Values: Hashable, Sendable {
    var image: ByteString?
    var environment: [Exec.Variable] = []
    var network = false
    var timeoutSeconds: Double?
    var retries = 0
    var depfile: ByteString?
    var nondeterministic = false
    var repetition = 0
    var resources = Resources()
  }

  let values: Values

  init(_ values: Values) { self.values = values }

  static func == (a: ExecExtras, b: ExecExtras) -> Bool { a === b || a.values == b.values }
  func hash(into hasher: inout Hasher) { hasher.combine(values) }
}
