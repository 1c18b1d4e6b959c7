/// A type of the language, structural. What programs cannot write has a name too: `unit`, `fileset`, `top`, `bottom`.
package indirect enum Type: Hashable, Sendable {
  case int, float, string, bool, file, dir, unit, fileset, top, bottom
  /// The type of what was wrong already; fits everything, so that one mistake is reported once.
  case error
  case list(Type)
  case map(key: Type, value: Type)
  /// Labels matter for printing only.
  case tuple([Labelled])
  /// In the order as written, which is the order of printing; equality of types does not depend on it.
  case structure([Field])
  /// Exported values, in order of declaration.
  case module([Field], aliases: [Field])
  case function([Labelled], Type)
  /// Tags distinct.
  case sum([Variant])

  package struct Labelled: Hashable, Sendable {
    package var label: String?
    package var type: Type

    package init(_ label: String?, _ type: Type) {
      self.label = label
      self.type = type
    }
  }

  package struct Field: Hashable, Sendable {
    package var name: String
    package var type: Type

    package init(_ name: String, _ type: Type) {
      self.name = name
      self.type = type
    }
  }

  package struct Variant: Hashable, Sendable {
    package var tag: String
    package var element: Type?

    package init(_ tag: String, _ element: Type?) {
      self.tag = tag
      self.element = element
    }
  }
}
