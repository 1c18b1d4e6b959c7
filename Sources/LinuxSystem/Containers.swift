package import BuildGraph
import CLinux
import Glibc

/// What runs a step that names an image.
package enum ContainerRuntime: Hashable, Sendable {
  package enum Kind: String, Hashable, Sendable, CaseIterable { case podman, docker, apptainer }

  /// Nothing is installed: such a step is refused.
  case none
  /// The step runs on this machine; its image is part of its key and nothing more.
  case ignore
  /// A client program, by its absolute path.
  case command(ByteString, Kind)

  /// The first of `kinds` that the caller's PATH has.
  package static func find(_ kinds: [Kind] = Kind.allCases) -> ContainerRuntime {
    for kind in kinds {
      if let folder = Commands.foldersOfCaller.first(where: { Commands.isCommand(ByteString(kind.rawValue), in: $0) }) {
        return .command(folder + "/" + ByteString(kind.rawValue), kind)
      }
    }
    return .none
  }
}

/// One step in a container: the client's command line.
struct ContainerCommand {
  var program: ByteString
  var kind: ContainerRuntime.Kind
  var image: ByteString
  /// Of the container, so that it can be ended from outside.
  var name: ByteString

  /// - Parameters:
  ///   - mounts: host and container path of each read-only input.
  ///   - command: the program and its arguments, inside.
  func arguments(
    work: ByteString, mounts: [(host: ByteString, inside: ByteString)],
    environment: [(name: ByteString, value: ByteString)],
    network: Bool, command: [ByteString]
  ) -> [ByteString] {
    let inside = SandboxLayout.workFolder
    var result: [ByteString] = [program]
    switch kind {
    case .podman, .docker:
      result += ["run", "--rm", "--init", "--name", name, "--network", network ? "host" : "none"]
      // What it makes must be ours, as it would be without a container.
      let user = ByteString("\(getuid()):\(getgid())")
      result += kind == .podman && getuid() != 0 ? ["--userns", "keep-id", "--user", user] : ["--user", user]
      result += ["--workdir", inside, "--volume", work + ":" + inside]
      for mount in mounts { result += ["--volume", mount.host + ":" + mount.inside + ":ro"] }
      for variable in environment { result += ["--env", variable.name + "=" + variable.value] }
      result += ["--entrypoint", command[0], image]
      result += command.dropFirst()
    case .apptainer:
      result += ["exec", "--containall", "--no-home", "--pwd", inside, "--bind", work + ":" + inside]
      if !network { result += ["--net", "--network", "none"] }
      for mount in mounts { result += ["--bind", mount.host + ":" + mount.inside + ":ro"] }
      for variable in environment { result += ["--env", variable.name + "=" + variable.value] }
      let isPlace = image.bytes.first == UInt8(ascii: "/") || image.display.contains("://")
      result.append(isPlace ? image : "docker://" + image)
      result += command
    }
    return result
  }

  /// Ends the container where its client was killed; nil where it has then ended already.
  var endArguments: [ByteString]? {
    switch kind {
    case .podman, .docker: [program, "kill", name]
    case .apptainer: nil
    }
  }
}

/// Where commands are.
enum Commands {
  /// The PATH that Reflow was started with: for hints and container clients, never for steps.
  static let foldersOfCaller: [ByteString] =
    getenv("PATH").map { String(cString: $0).split(separator: ":").map { ByteString($0) } } ?? []

  static func isCommand(_ name: ByteString, in folder: ByteString) -> Bool {
    (folder + "/" + name).withCString { access($0, X_OK) == 0 }
  }

  /// The PATH of steps: the configured folders' `bin`, then the system's.
  static func searchPath(readable: [ByteString]) -> ByteString {
    var folders: [ByteString] = []
    for folder in readable {
      let bin = folder + "/bin"
      var figures = reflow_stat()
      if folder.bytes.suffix(4) == ArraySlice("/bin".utf8) {
        folders.append(folder)
      } else if statAt(anywhere, bin, follow: true, into: &figures) == 0, figures.isFolder {
        folders.append(bin)
      }
    }
    folders += ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
    return ByteString(bytes: Array(folders.map(\.bytes).joined(separator: [UInt8(ascii: ":")])))
  }
}
