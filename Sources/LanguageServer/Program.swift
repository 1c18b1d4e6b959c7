import BuildGraph
import Diagnostics
import Language

/// The modules of the documents that are open below one root, and of all that they refer to, as they are now.
///
/// Owned by the server and thrown away at every change; what it keeps is only what it has worked out so far.
final class Program {
  let root: ByteString
  let checked: CheckedProgram
  /// By absolute path.
  let modules: [ByteString: CheckedModule]
  private let encoding: PositionEncoding
  private var indices: [ByteString: ModuleIndex] = [:]

  /// - Parameters:
  ///   - entries: Absolute paths.
  ///   - read: The text of a file or an open document, by its absolute path.
  /// - Complexity: O(size of all modules).
  init(
    root: ByteString, entries: [ByteString], encoding: PositionEncoding, read: @escaping (ByteString) -> [UInt8]?
  ) {
    self.root = root
    self.encoding = encoding
    let loader = ProgramLoader(notesNames: true) { name in
      guard let text = read(Self.absolute(name, in: root)) else {
        return .failure(UnreadableModule("open \(name.display): no such file or directory"))
      }
      return .success(text)
    }
    checked = loader.load(entries.map { Self.relative($0, to: root) })
    modules = Dictionary(
      checked.modules.map { (Self.absolute(ByteString($0.tree.source.name), in: root), $0) }, uniquingKeysWith: { $1 })
  }

  static func absolute(_ name: ByteString, in root: ByteString) -> ByteString {
    name.bytes.first == UInt8(ascii: "/") ? name : ProgramLoader.normalize(root + "/" + name)
  }

  static func relative(_ path: ByteString, to root: ByteString) -> ByteString {
    let prefix = root == "/" ? root : root + "/"
    guard path.bytes.starts(with: prefix.bytes) else { return path }
    return ByteString(bytes: Array(path.bytes[prefix.count...]))
  }

  /// The path of a module of this program.
  func path(of module: CheckedModule) -> ByteString {
    Self.absolute(ByteString(module.tree.source.name), in: root)
  }

  /// - Complexity: O(size of the module) at the first call.
  func index(of path: ByteString) -> ModuleIndex? {
    if let index = indices[path] { return index }
    guard let module = modules[path] else { return nil }
    let index = ModuleIndex(module, path: path, lines: LineTable(module.tree.source.text, encoding))
    indices[path] = index
    return index
  }

  func index(of module: CheckedModule) -> ModuleIndex? { index(of: path(of: module)) }
}
