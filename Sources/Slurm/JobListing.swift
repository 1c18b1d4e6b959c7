package import BuildGraph
import Ports

/// A job of this workspace, as its folder tells: for who asks how things are without asking the controller.
package struct JobListing: Hashable, Sendable {
  /// As Slurm calls it; nil where it was asked for and not taken yet.
  package var id: String?
  /// Empty while it waits for the cluster.
  package var node: String
  /// Steps that were handed to it and not begun, by their labels.
  package var waiting: [String]
  package var running: [String]
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
        waiting: labels(folder, JobFolder.todo), running: labels(folder, JobFolder.taken),
        ended: folder.runs(in: JobFolder.done).count + folder.runs(in: JobFolder.kept).count,
        log: folder.path + "/log")
    }
  }

  /// Of the requests in one of its folders; those that are gone meanwhile are left out.
  private static func labels(_ folder: JobFolder, _ place: ByteString) -> [String] {
    folder.runs(in: place).compactMap { run in
      Files.read(folder.place(place, run)).flatMap { StepMessage(encoded: $0) }?.request.label
    }
  }
}
