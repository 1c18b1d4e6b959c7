import BuildGraph
import CLinux
import Diagnostics
import Glibc
import Ports

/// After a command that exited with 0: its declared outputs become objects.
extension StepJob {
  /// - Throws: only what no other step could survive; an output that cannot be used makes the outcome a refusal.
  func collect(into outcome: inout RunOutcome, _ succeeded: () -> Void) throws(SystemError) {
    outcome.ending = .exited(0)
    do throws(SystemError) {
      if let depfile = request.depfile { outcome.depfile = try readDepfile(depfile) }
      // All are looked at before the first is moved: a refused step leaves nothing in the store.
      var areMade: [Bool] = []
      for output in request.outputs { areMade.append(try check(output)) }
      succeeded()
      for (output, isMade) in zip(request.outputs, areMade) {
        outcome.outputs.append(
          isMade
            ? try runner.objects.ingest(output.kind, at: worker.folder.path + "/" + output.stagedPath)
            : try runner.objects.store([]))
      }
    } catch {
      outcome.outputs = []
      if error.isForEveryStep { throw error }
      outcome.ending = .refused(message: error.message)
    }
  }

  /// Whether the output is there. One that the template never mentions need not be.
  private func check(_ output: RunRequest.Output) throws(SystemError) -> Bool {
    let folder = worker.folder.descriptor
    let label = ByteString(bytes: Array(output.stagedPath.bytes.dropFirst(4))).display
    var figures = reflow_stat()
    let failure = statAt(folder, output.stagedPath, follow: false, into: &figures)
    if failure == ENOENT || failure == ENOTDIR {
      if !output.isMentioned, output.kind == .file { return false }
      throw SystemError(
        .notFound,
        "it ended with exit status 0 but did not make its output '\(label)'; its command must write to {{\(label)}}")
    }
    if failure != 0 { throw systemError(failure, "look at the output", ByteString(label)) }
    switch output.kind {
    case .file where figures.isFile:
      try makeReadable(output, figures, 0o400)
      if figures.links > 1 { try makeOwn(output, figures) }
    case .folder where figures.isFolder: try makeReadable(output, figures, 0o700)
    case .file, .folder:
      let wanted = output.kind == .file ? "a file" : "a folder"
      let found =
        figures.isFile
        ? "a file"
        : figures.isFolder
          ? "a folder"
          : figures.isLink ? "a symbolic link (copy what it leads to: `cp -L`)" : "a FIFO, device or socket"
      throw SystemError(.wrongKind, "its output '\(label)' must be \(wanted), and is \(found)")
    }
    return true
  }

  /// A step may have taken its own permissions away.
  private func makeReadable(
    _ output: RunRequest.Output, _ figures: reflow_stat, _ bits: UInt32
  ) throws(SystemError) {
    guard figures.mode & bits != bits else { return }
    let mode = (figures.mode & 0o777) | bits
    let failure = output.stagedPath.withCString { fchmodat(worker.folder.descriptor, $0, mode, 0) == 0 ? 0 : errno }
    if failure != 0 { throw systemError(failure, "read the output", output.stagedPath) }
  }

  /// The file has other names, perhaps among the user's files: a copy takes its place, since objects are made read-only.
  private func makeOwn(_ output: RunRequest.Output, _ figures: reflow_stat) throws(SystemError) {
    let folder = worker.folder.descriptor
    let copy: ByteString = "tmp/.reflow-copy"
    let source = openAt(folder, output.stagedPath, O_RDONLY | O_NOFOLLOW)
    guard source >= 0 else { throw systemError(-source, "read the output", output.stagedPath) }
    defer { close(source) }
    let target = openAt(
      folder, copy, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: mode_t(figures.mode & 0o777) | 0o600)
    guard target >= 0 else { throw systemError(-target, "copy the output", output.stagedPath) }
    defer { close(target) }
    let copied = reflow_copy_file(source, target)
    if copied < 0 { throw systemError(Int32(-copied), "copy the output", output.stagedPath) }
    let failure = copy.withCString { from in
      output.stagedPath.withCString { to in reflow_rename_at(folder, from, folder, to, 0) }
    }
    if failure != 0 { throw systemError(failure, "copy the output", output.stagedPath) }
  }

  private func readDepfile(_ path: ByteString) throws(SystemError) -> [UInt8]? {
    let opened = path.withCString {
      reflow_openat2(
        worker.folder.descriptor, $0, O_RDONLY | O_NONBLOCK, 0,
        UInt64(REFLOW_RESOLVE_BENEATH | REFLOW_RESOLVE_NO_SYMLINKS))
    }
    if opened == -ENOENT || opened == -ENOTDIR { return nil }
    if opened < 0 { throw systemError(-opened, "read the depfile", path) }
    defer { close(opened) }
    var figures = reflow_stat()
    guard reflow_stat_fd(opened, &figures) == 0, figures.isFile else {
      throw SystemError(.wrongKind, "its depfile '\(path.display)' is not a file")
    }
    switch readAll(opened, sizeHint: Int(figures.size), limitBytes: 64 << 20) {
    case .success(let bytes?): return bytes
    case .success(nil): throw SystemError(.wrongKind, "its depfile '\(path.display)' has more than 64 MiB")
    case .failure(let failure): throw systemError(failure.number, "read the depfile", path)
    }
  }
}
