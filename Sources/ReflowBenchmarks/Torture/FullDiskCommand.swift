import ArgumentParser
@preconcurrency import Glibc

/// Builds on a disk that has so many kilobytes left, for many such numbers. Wants the right to mount.
struct FullDiskCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "full-disk",
    abstract: "Fill a small file system up to so many kilobytes, build, make room, build again.")

  @Option(help: "Kilobytes that are left: from 0 up to this.")
  var upTo = 400
  @Option(help: "In steps of so many.")
  var by = 4
  @Option(help: "Decides the edits.")
  var seed: UInt64 = 1
  @OptionGroup var measured: MeasuredBinary
  @Option(help: "Where to mount.")
  var folder = "/tmp/reflow-bench-full"

  func run() throws {
    let binary = try measured.path()
    Scratch.makeFolder(folder)
    _ = ChildProcess.run(["umount", "-q", folder], in: "/")
    guard ChildProcess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], in: "/").status == 0 else {
      return print("skipped: this user may not mount a file system")
    }
    defer { _ = ChildProcess.run(["umount", folder], in: "/") }
    var project = TortureProject(in: folder + "/project", binary: binary, seed: seed)
    var refused = 0
    for left in stride(from: 0, through: upTo, by: by) {
      project.edit()
      fill(leaving: left)
      let status = ChildProcess.run([project.binary, "build", "-q"], in: project.folder).status >> 8
      unlink("\(folder)/filler")
      // A step that finds the disk full fails itself; what Reflow itself cannot write ends it with 3.
      guard [0, 1, 3].contains(status) else {
        print("with \(left) KiB left a build ends with \(status)")
        throw ExitCode(1)
      }
      if status != 0 { refused += 1 }
      do throws(TortureProject.Broken) {
        try project.check()
      } catch {
        print("after a build with \(left) KiB left: \(error.message)")
        throw ExitCode(1)
      }
    }
    print("\(upTo / by + 1) builds on a full disk, \(refused) of them refused; all laws hold")
  }

  private func fill(leaving kilobytes: Int) {
    var figures = statvfs()
    statvfs(folder, &figures)
    let free = Int(figures.f_bavail) * Int(figures.f_bsize) / 1024
    guard free > kilobytes else { return }
    _ = ChildProcess.run(["fallocate", "-l", "\(free - kilobytes)KiB", "\(folder)/filler"], in: "/")
  }
}
