import BuildGraph
import CLinux
import Diagnostics
import Glibc

/// What a sandboxed step sees beside its inputs: the system's folders and those of the configuration, read-only.
struct SandboxLayout: Sendable {
  /// The working directory of every sandboxed step.
  static let workFolder: ByteString = "/reflow/work"

  /// What programs are made of. Each is there if it is there outside.
  private static let systemFolders: [ByteString] = [
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/nix/store", "/gnu/store",
    "/var/lib/texmf", "/var/cache/fontconfig",
  ]

  /// Folders of the configuration, absolute.
  var readable: [ByteString]
  /// Where inputs may come from, absolute and without links.
  var hosts: [ByteString]
  var logs: ByteString

  /// Every folder that steps see at its own path.
  var visibleFolders: [ByteString] { Self.systemFolders + readable }

  /// The SETUP request of a worker.
  func setup(work: ByteString, withNetwork: Bool) -> [UInt8] {
    var request = RequestBytes()
    var shown: [ByteString] = []
    for folder in Self.systemFolders { Self.show(folder, &request, &shown) }
    for folder in readable where !shown.contains(where: { folder.isWithin($0) }) {
      Self.show(folder, &request, &shown)
    }
    if withNetwork, let names = Self.canonical("/etc/resolv.conf"), !names.isWithin("/etc") {
      Self.show(names.parent, &request, &shown)
    }
    // A project below a folder of the system would be seen whole.
    for host in hosts where shown.contains(where: { host.isWithin($0) && host != $0 }) {
      request.append(REFLOW_BOX_MASK, host)
    }
    for device: ByteString in ["null", "zero", "full", "random", "urandom", "tty"] {
      let path = "/dev/" + device
      var figures = reflow_stat()
      if statAt(anywhere, path, follow: true, into: &figures) == 0 { request.append(REFLOW_BOX_DEVICE, path, path) }
    }
    request.append(REFLOW_BOX_LINK, "/proc/self/fd", "/dev/fd")
    for (number, name) in ["stdin", "stdout", "stderr"].enumerated() {
      request.append(REFLOW_BOX_LINK, ByteString("/proc/self/fd/\(number)"), ByteString("/dev/\(name)"))
    }
    // What a step leaves there is swept with its folder.
    for place: ByteString in ["/tmp", "/var/tmp", "/dev/shm"] where !shown.contains(where: { $0.isWithin(place) }) {
      request.append(REFLOW_BOX_LINK, Self.workFolder + "/tmp", place)
    }
    request.append(REFLOW_BOX_WRITABLE, work, Self.workFolder)
    request.append(REFLOW_BOX_STAGE, Self.workFolder + "/in")
    for host in hosts { request.append(REFLOW_BOX_HOST, host) }
    request.append(REFLOW_BOX_LOGS, logs)
    return request.bytes
  }

  /// A link, such as `/bin` often is, stays a link.
  private static func show(_ folder: ByteString, _ request: inout RequestBytes, _ shown: inout [ByteString]) {
    var figures = reflow_stat()
    guard statAt(anywhere, folder, follow: false, into: &figures) == 0 else { return }
    if figures.isLink, let target = linkTarget(anywhere, folder), target.bytes.first != UInt8(ascii: "/") {
      request.append(REFLOW_BOX_LINK, target, folder)
    } else if let source = canonical(folder) {
      request.append(REFLOW_BOX_READABLE, source, folder)
      shown.append(folder)
    }
  }

  static func canonical(_ path: ByteString) -> ByteString? {
    let opened = openAt(anywhere, path, placeOnly)
    guard opened >= 0 else { return nil }
    defer { close(opened) }
    return canonicalPath(of: opened)
  }

  /// Why there is no sandbox, and what to do about it.
  static func refusal(_ report: Worker.Report) -> SystemError {
    let number = report.figures.status
    func setting(_ name: String) -> String? {
      Machine.smallText("/proc/sys/\(name)").map { String($0.prefix { $0 != "\n" }) }
    }
    let remedy: String
    if setting("user/max_user_namespaces") == "0" {
      remedy = "allow user namespaces: `sysctl user.max_user_namespaces=10000`"
    } else if setting("kernel/unprivileged_userns_clone") == "0" {
      remedy = "allow user namespaces: `sysctl kernel.unprivileged_userns_clone=1`"
    } else if setting("kernel/apparmor_restrict_unprivileged_userns") == "1" {
      remedy = "allow user namespaces: `sysctl kernel.apparmor_restrict_unprivileged_userns=0`"
    } else if number == ENOSYS {
      remedy = "it takes Linux 5.12 or newer"
    } else {
      remedy = "in a container, start it with the right to make namespaces and to mount (for instance `--privileged`)"
    }
    return SystemError(
      .unsupported,
      "steps cannot be sandboxed here: \(report.message.display): \(String(cString: strerror(number)).lowercased()); "
        + "\(remedy), or build with --sandbox=off", errno: number)
  }
}
