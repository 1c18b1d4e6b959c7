package import BuildGraph
package import Diagnostics

/// A program whose modules have been parsed and checked.
package struct CheckedProgram: Sendable {
  /// nil if its file could not be read.
  package let entry: CheckedModule?
  /// Every module once, each after those that it refers to; the entry last.
  package let modules: [CheckedModule]
  /// Of all modules, in their order.
  package let diagnostics: [Diagnostic]

  package init(entry: CheckedModule?, modules: [CheckedModule], diagnostics: [Diagnostic]) {
    self.entry = entry
    self.modules = modules
    self.diagnostics = diagnostics
  }

  package var hasErrors: Bool { diagnostics.contains { $0.severity == .error } }
}

/// Why a module's file could not be read: what the system says, such as `open lib.rf: no such file or directory`.
package struct UnreadableModule: Error, Hashable, Sendable {
  package var message: String
  package init(_ message: String) { self.message = message }
}

/// Finds, parses and checks a program: the entry and whatever it refers to by `make`.
///
/// Paths are relative to the workspace root. `./x.rf` in a program is relative to the folder of the file that says it,
/// other relative paths to the root. A file is read and checked once, however many `make`s name it and however they spell
/// it; two paths that a link makes one file are two modules.
package struct ProgramLoader {
  package typealias Reader = (ByteString) -> Result<[UInt8], UnreadableModule>

  private let read: Reader
  private let notesNames: Bool

  /// - Parameters:
  ///   - notesNames: whether the modules have a ``CheckedModule/names``.
  ///   - read: the bytes of a file, by its path relative to the root.
  package init(notesNames: Bool = false, read: @escaping Reader) {
    self.notesNames = notesNames
    self.read = read
  }

  private struct Import {
    var expression: ExpressionID
    var path: ByteString
  }

  /// A module that waits for those it refers to. They are kept on a stack of ours: a chain of modules may be long.
  private struct Pending {
    var path: ByteString
    var tree: SyntaxTree
    var syntaxDiagnostics: [Diagnostic]
    var imports: [Import]
    var next = 0
    var modules: [ExpressionID: Checker.Module] = [:]
  }

  private enum State {
    case loading
    case done(CheckedModule, isBroken: Bool)
    case unreadable(String)
  }

  /// Loads a program.
  ///
  /// - Complexity: O(size of all its modules).
  package func load(_ entry: ByteString) -> CheckedProgram { load([entry]) }

  /// Loads several programs as one; what they share is read and checked once.
  ///
  /// - Returns: the program whose entry is the last of them that could be read.
  /// - Complexity: O(size of all their modules).
  package func load(_ entries: [ByteString]) -> CheckedProgram {
    var states: [ByteString: State] = [:]
    var modules: [CheckedModule] = []
    var entry: CheckedModule?
    var refusals: [Diagnostic] = []
    for name in entries {
      let path = Self.normalize(name)
      if let refusal = Self.refusal(of: path) {
        refusals.append(Diagnostic(CheckerMessage.moduleUnsupported.id, .error, refusal))
      } else if case .done(let module, isBroken: _)? = states[path] {
        entry = module
      } else {
        switch read(path) {
        case .failure(let failure):
          let message = "failed to open module \(name.display): \(failure.message)"
          refusals.append(Diagnostic(CheckerMessage.moduleNotFound.id, .error, message))
        case .success(let text):
          load(path, text, &states, &modules)
          entry = modules.last
        }
      }
    }
    return CheckedProgram(entry: entry, modules: modules, diagnostics: refusals + modules.flatMap(\.diagnostics))
  }

  private func load(
    _ entry: ByteString, _ text: [UInt8], _ states: inout [ByteString: State], _ modules: inout [CheckedModule]
  ) {
    states[entry] = .loading
    var stack = [Self.pending(entry, text)]
    while var top = stack.popLast() {
      guard top.next < top.imports.count else {
        let module = Checker.check(
          top.tree, syntaxDiagnostics: top.syntaxDiagnostics, modules: top.modules, notesNames: notesNames)
        let isBroken = top.syntaxDiagnostics.contains { $0.severity == .error }
        states[top.path] = .done(module, isBroken: isBroken)
        modules.append(module)
        continue
      }
      let wanted = top.imports[top.next]
      func fail(_ message: CheckerMessage, _ text: String, notes: [Diagnostic.Note] = [], fixIts: [FixIt] = []) {
        top.modules[wanted.expression] = .broken
        top.syntaxDiagnostics.append(
          Diagnostic(
            message.id, .error, text, at: Self.range(of: wanted.expression, in: top.tree), notes: notes,
            fixIts: fixIts))
      }
      let written = wanted.path.display
      if wanted.path.bytes.starts(with: Self.systemPrefix) {
        let name = String(decoding: wanted.path.bytes.dropFirst(Self.systemPrefix.count), as: UTF8.self)
        if let module = SystemModule(name: name) {
          top.modules[wanted.expression] = .system(module)
        } else {
          let meant = Suggestion.nearest(to: name, among: SystemModule.names)
          fail(
            .moduleNotFound, "failed to open module \(written): no system module named \(name)",
            notes: [
              meant.map { Diagnostic.Note("did you mean \"$/\($0)\"?") }
                ?? Diagnostic.Note("there are " + SystemModule.names.map { "$/" + $0 }.joined(separator: ", "))
            ],
            fixIts: meant.map { [Self.fix(written, "$/" + $0, wanted.expression, top.tree)].compactMap { $0 } } ?? [])
        }
        top.next += 1
        stack.append(top)
        continue
      }
      let path = Self.resolve(wanted.path, from: top.path)
      if let refusal = Self.refusal(of: path) {
        fail(.moduleUnsupported, "failed to open module \(written): \(refusal)")
        top.next += 1
        stack.append(top)
        continue
      }
      switch states[path] {
      case .done(let module, let isBroken)?:
        top.modules[wanted.expression] = isBroken ? .broken : .module(module)
      case .unreadable(let message)?: fail(.moduleNotFound, "failed to open module \(written): \(message)")
      case .loading?:
        let start = stack.firstIndex { $0.path == path } ?? stack.count
        let chain = (stack[start...].map(\.path) + [top.path, path]).map(\.display)
        fail(
          .moduleCycle, "module \(written) refers to itself: \(chain.joined(separator: " -> "))",
          notes: [Diagnostic.Note("move what both need into a module of its own")])
      case nil:
        switch read(path) {
        case .success(let text):
          states[path] = .loading
          // This import is looked at again when the module is there.
          stack.append(top)
          stack.append(Self.pending(path, text))
          continue
        case .failure(let failure):
          states[path] = .unreadable(failure.message)
          let isSystem = SystemModule.names.contains(written)
          fail(
            .moduleNotFound, "failed to open module \(written): \(failure.message)",
            notes: isSystem ? [Diagnostic.Note("did you mean \"$/\(written)\"?")] : [],
            fixIts: isSystem
              ? [Self.fix(written, "$/" + written, wanted.expression, top.tree)].compactMap { $0 } : [])
        }
      }
      top.next += 1
      stack.append(top)
    }
  }

  // MARK: Paths

  private static let systemPrefix = Array("$/".utf8)

  private static func pending(_ path: ByteString, _ text: [UInt8]) -> Pending {
    let (tree, diagnostics) = parse(SourceFile(name: path.display, text: text))
    var imports: [Import] = []
    for (index, expression) in tree.expressions.enumerated() {
      guard case .make(let path, _) = expression.kind else { continue }
      imports.append(Import(expression: ExpressionID(index: Int32(index)), path: path))
    }
    return Pending(path: path, tree: tree, syntaxDiagnostics: diagnostics, imports: imports)
  }

  private static func range(of id: ExpressionID, in tree: SyntaxTree) -> SourceRange {
    let span = tree[id].span
    let lower = tree.tokens[Int(span.first)].lower
    return SourceRange(tree.source, Int(lower), Int(tree.tokens[Int(span.last)].upper))
  }

  /// Replaces the path inside the quotes of a `make`.
  private static func fix(_ written: String, _ path: String, _ id: ExpressionID, _ tree: SyntaxTree) -> FixIt? {
    let span = tree[id].span
    guard
      let token = (Int(span.first)...Int(span.last)).map({ tree.tokens[$0] }).first(where: { $0.kind == .string })
    else { return nil }
    let range = SourceRange(tree.source, Int(token.lower), Int(token.upper))
    return FixIt("replace \"\(written)\" with \"\(path)\"", [FixIt.Edit(range, "\"\(path)\"")])
  }

  /// What a path in a file names, relative to the root.
  static func resolve(_ path: ByteString, from importer: ByteString) -> ByteString {
    guard path.bytes.starts(with: Array("./".utf8)) else { return normalize(path) }
    let folder = importer.bytes.lastIndex(of: UInt8(ascii: "/")).map { Array(importer.bytes[...$0]) } ?? []
    return normalize(ByteString(bytes: folder + path.bytes))
  }

  /// The path without `.`, empty and, where they can be taken back, `..` components.
  package static func normalize(_ path: ByteString) -> ByteString {
    let slash = UInt8(ascii: "/")
    let isAbsolute = path.bytes.first == slash
    var parts: [ArraySlice<UInt8>] = []
    let up = Array("..".utf8)
    for part in path.bytes.split(separator: slash) where !part.elementsEqual([UInt8(ascii: ".")]) {
      if part.elementsEqual(up) {
        if let last = parts.last, !last.elementsEqual(up) {
          parts.removeLast()
          continue
        }
        if isAbsolute { continue }
      }
      parts.append(part)
    }
    return ByteString(bytes: (isAbsolute ? [slash] : []) + Array(parts.joined(separator: [slash])))
  }

  /// Why a file of such a name is not a module of ours.
  private static func refusal(of path: ByteString) -> String? {
    if path.bytes.ends(with: ".rfx") { return "bundles (.rfx) are not supported; name the program's .rf file" }
    if path.bytes.ends(with: ".reflow") {
      return "the older language of .reflow files is not supported; rewrite it as an .rf module"
    }
    return nil
  }
}

extension [UInt8] {
  fileprivate func ends(with suffix: String) -> Bool { self.suffix(suffix.utf8.count).elementsEqual(suffix.utf8) }
}
