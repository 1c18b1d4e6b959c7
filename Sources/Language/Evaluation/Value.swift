package import BigInt
package import BuildGraph

/// A value of the language while it is evaluated: one word and a tag; what is larger lies in a box.
///
/// Lists are flat and share their storage, maps are balanced trees, files and folders are references into the flow graph.
/// A value never holds the bytes of a file.
package enum Value {
  case unit
  case bool(Bool)
  /// An int that fits a machine word; one that does not is ``big(_:)``, and never the other way round.
  case int(Int)
  case big(BigBox)
  case float(FloatBox)
  case string(ByteString)
  case file(FileValue)
  case dir(DirValue)
  case fileset(FilesetValue)
  case list(List)
  case map(MapNode?)
  case tuple(TupleValue)
  /// Also modules: both are fields by name.
  case record(Record)
  case variant(VariantValue)
  /// A table: an expression, not its rows.
  case table(TableValue)
  case closure(Closure)
  case native(NativeFunction)
  /// Known when the node of that number is done.
  case delayed(NodeID)
  /// A parameter for which no argument was given; never seen by a program.
  case absent
}

/// Index of a node of the evaluation's own graph of delayed computations.
package struct NodeID: Hashable, Sendable {
  package let index: Int32
  package init(index: Int32) { self.index = index }
}

/// An identifier or tag as a number; equal names have equal numbers within one evaluation.
package struct Symbol: Hashable, Sendable {
  package let index: Int32
}

/// An int beyond the machine word.
package final class BigBox {
  package let value: BigInt
  init(_ value: BigInt) { self.value = value }
}

package final class FloatBox {
  package let value: Floating
  init(_ value: Floating) { self.value = value }
}

/// A file: a reference, and its content's name once somebody had to know it.
package final class FileValue {
  package let reference: ArtifactReference
  /// Known where the file is the key of a map.
  var artifact: Artifact?

  init(_ reference: ArtifactReference) { self.reference = reference }
}

package final class DirValue {
  package enum Content {
    /// A source folder or an output; what is in it is known only to who asks for its listing.
    case reference(ArtifactReference)
    /// A map from path to file that the program put together.
    case assembled(MapNode?)
  }

  package let content: Content

  init(_ content: Content) { self.content = content }
}

package final class FilesetValue {
  /// A `.file` or a `.dir`.
  package let value: Value
  init(_ value: Value) { self.value = value }
}

package final class TupleValue {
  package let elements: ContiguousArray<Value>
  init(_ elements: ContiguousArray<Value>) { self.elements = elements }
}

/// The names of a record's fields, shared by all records that one expression makes.
package final class Shape {
  package let names: [Symbol]
  init(_ names: [Symbol]) { self.names = names }
}

/// A structure or a module instance.
package final class Record {
  package let shape: Shape
  package let values: ContiguousArray<Value>

  init(_ shape: Shape, _ values: ContiguousArray<Value>) {
    self.shape = shape
    self.values = values
  }

  /// - Complexity: O(fields).
  subscript(_ name: Symbol) -> Value? {
    // A later field of one name wins, as in a module that rebinds an exported name.
    for position in shape.names.indices.reversed() where shape.names[position] == name { return values[position] }
    return nil
  }
}

package final class VariantValue {
  package let tag: Symbol
  package let element: Value?

  init(_ tag: Symbol, _ element: Value?) {
    self.tag = tag
    self.element = element
  }
}

/// A function of the program with the frame in which it was written.
package final class Closure {
  let code: CodeUnit
  let frame: Frame
  /// Of code that belongs to no module of the evaluation: what keeps it alive.
  private let owners: [ModuleCode]

  init(_ code: CodeUnit, _ frame: Frame, owners: [ModuleCode] = []) {
    self.code = code
    self.frame = frame
    self.owners = owners
  }
}

/// A function that is not written in the language.
package enum NativeFunction: Hashable, Sendable {
  case file
  case dir
  case system(SystemFunction)
}

extension Value {
  init(_ value: BigInt) {
    if let word = Int(exactly: value) { self = .int(word) } else { self = .big(BigBox(value)) }
  }

  init(_ value: Floating) { self = .float(FloatBox(value)) }

  init(_ text: String) { self = .string(ByteString(text)) }

  static func list(_ elements: ContiguousArray<Value>) -> Value { .list(List(elements)) }

  static func tuple(_ elements: Value...) -> Value { .tuple(TupleValue(ContiguousArray(elements))) }

  /// The int, however long; nil for another kind of value.
  package var integer: BigInt? {
    switch self {
    case .int(let word): BigInt(word)
    case .big(let box): box.value
    case .unit, .bool, .float, .string, .file, .dir, .fileset, .list, .map, .tuple, .record, .variant, .table,
      .closure, .native, .delayed, .absent:
      nil
    }
  }
}
