import BuildGraph
import Configuration
import Console
import Diagnostics
import Language
@preconcurrency import Glibc

/// The folder that a command works in, and what its configuration says.
struct Workspace {
  /// Absolute, links resolved, without a trailing slash.
  let root: ByteString
  var settings: Settings
  /// Of the configuration file as it was read.
  var configurationDigest = Digest(high: 0, low: 0)
  let configurationName = "reflow.toml"

  /// Finds the workspace and reads its configuration.
  ///
  /// The root is the nearest folder, from the current one upward, that holds `.reflow/`; else the current folder.
  ///
  /// - Throws: ``ExitStatus/badInput`` after having said what is wrong.
  init(root given: String?) throws {
    if let given {
      guard let resolved = Self.resolve(ByteString(given)) else {
        Terminal.printError("error: cannot use '\(given)' as the root: no such folder\n")
        throw ExitStatus.badInput.exitCode
      }
      root = resolved
    } else {
      guard let current = Self.resolve(".") else {
        Terminal.printError("error: the current folder does not exist any more\n")
        throw ExitStatus.badInput.exitCode
      }
      root = Self.nearestRoot(from: current) ?? current
    }
    settings = Settings()
    try readConfiguration()
  }

  /// The workspace of the current folder as it is without its configuration, for those who must not complain.
  init?(unconfiguredAt given: String?) {
    guard let current = Self.resolve(ByteString(given ?? ".")) else { return nil }
    root = given == nil ? Self.nearestRoot(from: current) ?? current : current
    settings = Settings()
  }

  /// `.reflow`, absolute.
  var stateFolder: ByteString { root + "/.reflow" }

  /// Absolute folders by index of `RootID`: the workspace, then the mappings', then the declared roots.
  var rootFolders: [ByteString] {
    [root] + settings.mappings.map { absolute($0.folder) } + settings.roots.map(absolute)
  }

  /// A path that a person wrote, absolute: `~/` is the home folder, anything else is relative to the root.
  func absolute(_ path: ByteString) -> ByteString {
    if path.bytes.first == UInt8(ascii: "/") { return path }
    if path.bytes.starts(with: "~/".utf8) {
      return ByteString(Terminal.environment("HOME") ?? "/") + ByteString(bytes: Array(path.bytes.dropFirst()))
    }
    return root + "/" + path
  }

  /// Where a URL's contents are, by the configuration's mappings.
  func place(of url: ByteString) -> Source.Place {
    guard let (mapping, path) = settings.resolve(url: url) else { return .unmapped(url: url) }
    return .path(Path(root: RootID(index: UInt16(mapping + 1)), path))
  }

  /// A file named on the command line, as a path relative to the root: what the current folder and links make of it.
  ///
  /// - Returns: nil where it lies outside the workspace.
  func relative(_ argument: String) -> ByteString? {
    let given = ByteString(argument)
    let slash = given.bytes.lastIndex(of: UInt8(ascii: "/"))
    let folder = slash.map { $0 == 0 ? "/" : ByteString(bytes: Array(given.bytes[..<$0])) } ?? "."
    let name = slash.map { ByteString(bytes: Array(given.bytes[($0 + 1)...])) } ?? given
    guard let resolved = Self.resolve(folder) else {
      // The folder is not there: let the reader of the file say so, under the name that was given.
      return given
    }
    let path = resolved == "/" ? "/" + name : resolved + "/" + name
    let prefix = root == "/" ? root : root + "/"
    guard path.bytes.starts(with: prefix.bytes) else { return nil }
    return ByteString(bytes: Array(path.bytes[prefix.count...]))
  }

  /// The output tree, absolute: what `--out` names, from the current folder, or `out` in the root.
  ///
  /// - Throws: ``ExitStatus/badInput`` where that would be the root itself or the state.
  func outputFolder(_ given: String?) throws -> ByteString {
    guard let given else { return root + "/out" }
    var folder = ByteString(given)
    if folder.bytes.first != UInt8(ascii: "/") {
      guard let current = Self.resolve(".") else { return root + "/" + folder }
      folder = current + "/" + folder
    }
    while folder.count > 1, folder.bytes.last == UInt8(ascii: "/") { folder.bytes.removeLast() }
    let resolved = Self.place(of: folder)
    guard resolved != root, resolved != stateFolder, resolved != "/" else {
      Terminal.printError(
        "error: '\(given)' cannot be the output tree: Reflow removes what is not an output of its program there\n")
      throw ExitStatus.badInput.exitCode
    }
    return resolved
  }

  /// What the state calls an output tree: the same for as long as the tree lies there, also where the whole project is moved.
  func treeName(of folder: ByteString) -> ByteString {
    let inside = root + "/"
    guard folder.bytes.starts(with: inside.bytes) else { return folder }
    let name = ByteString(bytes: Array(folder.bytes.dropFirst(inside.count)))
    return name == "out" ? "" : name
  }

  /// What `-help` behind a program prints.
  func printHelp(of program: String) throws {
    let checked = load(program)
    guard let module = checked.entry, !checked.hasErrors else {
      report(checked.diagnostics)
      throw ExitStatus.badInput.exitCode
    }
    Terminal.print(ModuleDocumentation(of: module).help(program: program))
  }

  private mutating func readConfiguration() throws {
    do throws(SystemError) {
      let (parsed, digest, diagnostics) = try parseConfiguration()
      if diagnostics.isEmpty {
        settings = parsed
        configurationDigest = digest
        return
      }
      report(diagnostics)
    } catch {
      Terminal.printError("error: \(error.message)\n")
    }
    throw ExitStatus.badInput.exitCode
  }

  /// What the configuration file says now, overridden by the environment, and what is wrong with them.
  func parseConfiguration() throws(SystemError) -> (settings: Settings, digest: Digest, diagnostics: [Diagnostic]) {
    var settings = Settings()
    var diagnostics: [Diagnostic] = []
    let file = try HostFile.read(root + "/" + ByteString(configurationName))
    if let file { (settings, diagnostics) = Settings.parse(SourceFile(name: configurationName, text: file)) }
    let environment = Terminal.environment(beginningWith: "REFLOW_")
    diagnostics += settings.apply(environment: environment)
    // A watch answers only those whose configuration is its own.
    var identity = file ?? []
    if !environment.isEmpty {
      for name in Settings.variables {
        if let value = environment[name], !value.isEmpty { identity += Array("\0\(name)=\(value)".utf8) }
      }
    }
    return (settings, identity.isEmpty ? Digest(high: 0, low: 0) : Digest(hashing: identity), diagnostics)
  }

  static func nearestRoot(from folder: ByteString) -> ByteString? {
    var folder = folder
    while true {
      if HostFile.isFolder(folder + "/.reflow") { return folder }
      guard let slash = folder.bytes.lastIndex(of: UInt8(ascii: "/")), folder.count > 1 else { return nil }
      folder = slash == 0 ? "/" : ByteString(bytes: Array(folder.bytes[..<slash]))
    }
  }

  /// Where a path leads that need not be there yet: it has the same name before and after it is made.
  private static func place(of path: ByteString) -> ByteString {
    if let resolved = resolve(path) { return resolved }
    guard let slash = path.bytes.lastIndex(of: UInt8(ascii: "/")), slash > 0 else { return path }
    return place(of: ByteString(bytes: Array(path.bytes[..<slash]))) + ByteString(bytes: Array(path.bytes[slash...]))
  }

  static func resolve(_ path: ByteString) -> ByteString? {
    (path.bytes + [0]).withUnsafeBufferPointer { bytes in
      bytes.withMemoryRebound(to: CChar.self) { text in
        guard let resolved = realpath(text.baseAddress, nil) else { return nil }
        defer { free(resolved) }
        let length = strlen(resolved)
        return UnsafeRawBufferPointer(start: resolved, count: length).withMemoryRebound(to: UInt8.self) {
          ByteString(bytes: Array($0))
        }
      }
    }
  }
}

/// Small files of the commands' own: the configuration, programs to check, logs to show.
enum HostFile {
  /// Whether there is anything of this name, a link that leads nowhere included.
  static func exists(_ path: ByteString) -> Bool {
    var status = stat()
    return withPath(path) { lstat($0, &status) } == 0
  }

  static func isFolder(_ path: ByteString) -> Bool {
    var status = stat()
    return withPath(path) { stat($0, &status) } == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// The file's bytes, or nil where there is none.
  static func read(_ path: ByteString) throws(SystemError) -> [UInt8]? {
    let descriptor = withPath(path) { open($0, O_RDONLY | O_CLOEXEC) }
    guard descriptor >= 0 else {
      if errno == ENOENT || errno == ENOTDIR { return nil }
      throw SystemError(
        errno == EACCES ? .notPermitted : .other, "cannot open '\(path.display)': \(String(cString: strerror(errno)))",
        errno: errno)
    }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      if count == 0 { return bytes }
      if count < 0 {
        if errno == EINTR { continue }
        throw SystemError(
          errno == EISDIR ? .wrongKind : .other,
          "cannot read '\(path.display)': \(String(cString: strerror(errno)))", errno: errno)
      }
      bytes += buffer[..<count]
    }
  }

  static func withPath<Result>(_ path: ByteString, _ body: (UnsafePointer<CChar>) -> Result) -> Result {
    var bytes = path.bytes.map { CChar(bitPattern: $0) }
    bytes.append(0)
    return bytes.withUnsafeBufferPointer { buffer in
      // Never nil: the array holds at least the terminator.
      body(buffer.baseAddress!)
    }
  }
}
