import BuildGraph
import Diagnostics
import Engine
import Ports

/// Steps that make something else in some runs. See <doc:Engine>, "Second thoughts".
extension BuildRun {
  /// What earlier builds found, before the engine asks for anything.
  func tellVariants() throws(SystemError) {
    variants = try store.variants()
    if !variants.isEmpty { pending.append(.variantsKnown(variants.mapValues(\.outputs))) }
  }

  /// A step made something else than its result was: so it is by all derivation keys that lead to this result.
  ///
  /// The changes go into the transaction of the result itself.
  ///
  /// - Complexity: O(derivations), for the first of a build.
  func remember(_ variant: Variant, of key: Digest) throws(SystemError) {
    var keys = Set([key])
    for (other, known) in variants where known.contentKey == variant.contentKey { keys.insert(other) }
    if derivationKeys == nil { derivationKeys = try store.derivationKeys() }
    // Those that are of a variant already are made of keys that are found above, or were.
    keys.formUnion(derivationKeys?[variant.contentKey] ?? [])
    keys.subtract(variants.map { Keys.derivation(variant: $1.outputs, of: $0) })
    keys.insert(key)
    for key in keys.sorted() {
      variants[key] = variant
      note(.setVariant(key: key, variant))
    }
    pending.append(.variantsKnown(Dictionary(uniqueKeysWithValues: keys.map { ($0, variant.outputs) })))
  }
}
