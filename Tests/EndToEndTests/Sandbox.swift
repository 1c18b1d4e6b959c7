import Glibc

/// What this machine lets a test do.
enum Sandbox {
  /// Whether a process may make user and mount namespaces.
  static let isAvailable: Bool = {
    guard
      let process = try? RunningProcess(
        ["unshare", "-Urm", "true"], in: "/tmp", environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"], logs: "/tmp")
    else { return false }
    let status = process.wait().status
    process.discardLogs()
    return status == 0
  }()

  /// Runs a command as a user without rights where the tests themselves run as root, to whom nothing is unreadable.
  static let unprivileged: [String] =
    geteuid() == 0 ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : []
}
