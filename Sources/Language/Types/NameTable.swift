/// What the names in a module's text mean, for editors. Made on request only: a build has no use for it.
package struct NameTable: Sendable {
  /// By the token of a name that is used, the token at which it is declared in the same module. A name of the prelude, a
  /// builtin and a member of something have none.
  package private(set) var declarations: [TokenIndex: TokenIndex] = [:]
  /// By the token at which a name is bound, by a declaration, a pattern or a parameter: the type of what it is bound to.
  package private(set) var types: [TokenIndex: Type] = [:]

  mutating func note(use: TokenIndex, of declaration: TokenIndex) { declarations[use] = declaration }
  mutating func note(binding: TokenIndex, _ type: Type) { types[binding] = type }
}
