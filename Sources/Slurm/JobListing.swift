package import BuildGraph

/// A job of this workspace, as its folder tells: for who asks how things are without asking the controller.
package struct JobListing: Hashable, Sendable {
  /// As Slurm calls it; nil where it was asked for and not taken yet.
  package var id: String?
  /// Empty while it waits for the cluster.
  package var node: String
  /// Steps that were handed to it and not begun.
  package var waiting: Int
  package var running: Int
  /// Steps that ended and that no build has committed.
  package var ended: Int
  package var log: ByteString

  /// All jobs that any process has left there, the oldest first.
  package static func all(in stateFolder: ByteString) -> [JobListing] {
    (Files.names(in: stateFolder + "/jobs") ?? []).sorted().map { name in
      let folder = JobFolder(path: stateFolder + "/jobs/" + name)
      let beat = (Files.read(folder.path + "/" + JobFolder.beat) ?? []).split(separator: UInt8(ascii: "\n"))
      return JobListing(
        id: Files.read(folder.path + "/" + JobFolder.job).flatMap(JobDescription.init(text:))?.id,
        node: beat.count > 1 ? String(decoding: beat[1], as: UTF8.self) : "",
        waiting: folder.runs(in: JobFolder.todo).count, running: folder.runs(in: JobFolder.taken).count,
        ended: folder.runs(in: JobFolder.done).count + folder.runs(in: JobFolder.kept).count,
        log: folder.path + "/log")
    }
  }
}
