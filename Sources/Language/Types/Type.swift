/// A type of the language, structural. What programs cannot write has a name too: `unit`, `fileset`, `top`, `bottom`.
package indirect enum Type: Hashable, Sendable {
  case int, float, string, bool, file, dir, unit, fileset, top, bottom
  /// The type of what was wrong already; fits everything, so that one mistake is reported once.
  case error
  case list(Type)
  case map(key: Type, value: Type)
  /// Labels matter for printing only. A tuple of one labelled element means that element (see ``unlabelled``); it occurs
  /// as the result of a function and as the type of an export, nowhere else.
  case tuple([Labelled])
  /// In the order as written, which is the order of printing; equality of types does not depend on it.
  case structure([Field])
  /// Exported values, in order of declaration.
  case module([Field], aliases: [Field])
  case function([Labelled], Type)
  /// Tags distinct.
  case sum([Variant])
  /// A multiset of rows. Inside is the struct type of a row: of scalars, or `{key K, rows [R]}` for what `group` makes.
  case table(Type)
  /// A function of `$/lists` that has a type only where it is called; not first class.
  case scheme(SystemFunction)

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
