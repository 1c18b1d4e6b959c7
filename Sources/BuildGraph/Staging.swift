/// The paths at which a command finds its inputs and must make its outputs, relative to its working directory.
///
/// They are part of the key, since tools write them into what they make, and so depend on nothing but the program: `in/SLOT/NAME`
/// and `out/LABEL`. A file that occurs twice in a template is staged once, in the slot of its first occurrence.
package struct Staging: Hashable, Sendable {
  /// For each of ``Exec/inputs``.
  package var inputs: [ByteString]
  /// For each of ``Exec/inputs``, the input whose place it shares; itself where it is the first.
  package var slots: [Int]
  /// For each of ``Exec/outputs``.
  package var outputs: [ByteString]

  /// - Parameter baseName: what a reference is called among the things that it could be confused with.
  /// - Complexity: O(inputs + outputs).
  package init(_ exec: Exec, baseName: (ArtifactReference) -> ByteString) {
    inputs = []
    slots = []
    inputs.reserveCapacity(exec.inputs.count)
    slots.reserveCapacity(exec.inputs.count)
    // Below this, comparing all with all is quicker than hashing.
    let few = 8
    var first: [Exec.Input: Int] = [:]
    for (index, input) in exec.inputs.enumerated() {
      let earlier: Int?
      if exec.inputs.count <= few {
        earlier = exec.inputs[..<index].firstIndex(of: input)
      } else {
        earlier = first[input]
        if earlier == nil { first[input] = index }
      }
      if let earlier {
        slots.append(earlier)
        inputs.append(inputs[earlier])
      } else {
        slots.append(index)
        inputs.append(ByteString("in/\(index)/") + Self.sanitized(baseName(input.reference)))
      }
    }
    outputs = exec.outputs.map { ByteString("out/") + Self.sanitized(ByteString($0.label)) }
  }

  /// A name that means the same to every shell and tool: bytes outside `[A-Za-z0-9._+=,@%-]` become `_`.
  package static func sanitized(_ name: ByteString) -> ByteString {
    if name.isEmpty || name == "." || name == ".." { return "_" }
    return ByteString(bytes: name.bytes.map { isPlain($0) ? $0 : UInt8(ascii: "_") })
  }

  static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      return true
    case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "+"), UInt8(ascii: "="), UInt8(ascii: ","),
      UInt8(ascii: "@"), UInt8(ascii: "%"), UInt8(ascii: "-"):
      return true
    default: return false
    }
  }

  /// The command line as the shell gets it.
  package func script(of exec: Exec) -> ByteString {
    var result = ByteString()
    for fragment in exec.template {
      switch fragment {
      case .text(let text): result += text
      case .input(let index): result += inputs[index]
      case .output(let index): result += outputs[index]
      }
    }
    return result
  }
}
