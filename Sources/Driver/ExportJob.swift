import BuildGraph
import Diagnostics
import Engine
import Ports

/// One `files.Copy` or `dirs.Copy`: looks at the destination, and writes it where it differs.
struct ExportJob: Sendable {
  var step: StepID
  var artifact: Artifact
  var origin: ContentOrigin
  var destination: Path
  var isDryRun: Bool
  var reader: SourceReader
  var objects: any ObjectStore
  var exporter: any Exporter

  func perform() -> Inbox.Message {
    let place = Source(place: .path(destination), kind: artifact.kind, location: nil)
    let id = SourceID(index: 0)
    switch reader.read([SourceReader.Request(id: id, source: place, known: [:])])[0].observation {
    case .file(artifact), .folder(artifact, _): return .exported(step, .unchanged, message: nil)
    case .file, .folder, .failed: break
    }
    if isDryRun { return .exported(step, .wouldWrite, message: nil) }
    do throws(SystemError) {
      try Materializer(fileSystem: reader.fileSystem, objects: objects).materialize(artifact, origin)
      try exporter.export(artifact, to: destination)
      return .exported(step, .written, message: nil)
    } catch {
      return .exported(step, .failed, message: error.message)
    }
  }
}

/// Makes objects of what is none yet.
struct Materializer: Sendable {
  let fileSystem: any FileSystem
  let objects: any ObjectStore

  /// - Throws: `other` where a source is no longer what this build saw.
  func materialize(_ artifact: Artifact, _ origin: ContentOrigin) throws(SystemError) {
    switch (origin, artifact.kind) {
    case (.object, _): return
    case (.source(let path), .file):
      if objects.contains(artifact) { return }
      let copied = try objects.copyIn(file: fileSystem.hostPath(of: path))
      guard copied == artifact else {
        throw SystemError(.other, "'\(path.bytes.display)' changed while it was being built; build again")
      }
    case (.source(let path), .folder): try materializeFolder(at: path)
    case (.view(let members), _):
      for member in members { try materialize(member) }
    }
  }

  private func materializeFolder(at path: Path) throws(SystemError) {
    let reader = SourceReader(fileSystem: fileSystem, now: 0)
    let source = Source(place: .path(path), kind: .folder, location: nil)
    let reply = reader.read([SourceReader.Request(id: SourceID(index: 0), source: source, known: [:])])[0]
    guard case .folder(_, let manifest) = reply.observation else {
      throw SystemError(.other, "'\(path.bytes.display)' changed while it was being built; build again")
    }
    for entry in manifest.entries {
      guard case .file(let artifact) = entry.content else { continue }
      try materialize(artifact, .source(path.appending(entry.path)))
    }
    _ = try objects.store(manifest)
  }

  private func materialize(_ member: ContentOrigin.ViewMember) throws(SystemError) {
    switch member.origin {
    case .object: return
    case .source(let path):
      _ = try objects.copyIn(file: fileSystem.hostPath(of: path))
    case .view(let members):
      for member in members { try materialize(member) }
    }
  }
}
