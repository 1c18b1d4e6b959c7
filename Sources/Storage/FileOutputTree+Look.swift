package import BuildGraph
import CLinux
package import Diagnostics
import Glibc
package import Ports

extension FileOutputTree {
  package func look(at path: ByteString, expecting expected: OwnedOutput?) throws(SystemError) -> OutputLook {
    guard let root = try openRoot() else { return .missing }
    switch try root.parent(of: path, making: false) {
    case .missing: return .missing
    case .blocked(let other): return .blocked(by: other)
    case .folder(let folder, let name): return try look(at: name, in: folder, path, expecting: expected)
    }
  }

  /// One `fstatat` for each output that is as expected, and a few calls for each folder, if outputs come in the order of
  /// their paths.
  package func look(at outputs: [OwnedOutput]) throws(SystemError) -> [OutputLook] {
    guard let root = try openRoot() else { return outputs.map { _ in .missing } }
    let looks = Slots<Result<OutputLook, SystemError>>.filled(count: outputs.count, with: .success(.missing)) { slots in
      onAllCores(count: outputs.count, grain: 512) { range in
        var known: (parent: ByteString, way: OpenFolder.Parent)?
        for index in range {
          slots[index] = self.look(at: outputs[index], below: root, known: &known)
        }
      }
    }
    var result: [OutputLook] = []
    result.reserveCapacity(looks.count)
    for look in looks { result.append(try look.get()) }
    return result
  }

  /// - Parameter known: the folder of the output before, which is most often this one's too.
  private func look(
    at output: OwnedOutput, below root: OpenFolder, known: inout (parent: ByteString, way: OpenFolder.Parent)?
  ) -> Result<OutputLook, SystemError> {
    Result { () throws(SystemError) in
      let path = output.path
      let slash = path.bytes.lastIndex(of: UInt8(ascii: "/")) ?? 0
      let parent = ByteString(bytes: Array(path.bytes[..<slash]))
      if known == nil || known!.parent != parent || slash == 0 {
        known = (parent, try root.parent(of: path, making: false))
      }
      switch known!.way {
      case .missing: return .missing
      case .blocked(let other): return .blocked(by: other)
      case .folder(let folder, let first):
        let name = slash == 0 ? first : ByteString(bytes: Array(path.bytes[(slash + 1)...]))
        return try look(at: name, in: folder, path, expecting: output)
      }
    }
  }

  private func look(
    at name: ByteString, in folder: OpenFolder, _ path: ByteString, expecting expected: OwnedOutput?
  ) throws(SystemError) -> OutputLook {
    guard let status = try FileStatus.of(name, in: folder.number) else { return .missing }
    switch status.kind {
    case .link: return .link(target: try linkTarget(name, in: folder.number))
    case .special: return .other
    case .folder:
      let opened = withCString(name) { reflow_open_at(folder.number, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0) }
      guard opened >= 0 else { throw SystemError(errno: -opened, cannot: "list", path) }
      let inner = OpenFolder(owning: opened)
      return try folderNames(inner.number, path).isEmpty ? .emptyFolder : .folder
    case .file:
      if let expected, expected.hint == status.hint {
        return .file(expected.artifact, status.hint, isTrusted: true)
      }
      return try hash(name, in: folder, path)
    }
  }

  /// Reads a file: fstat, read, fstat again, and again where they differ.
  private func hash(_ name: ByteString, in folder: OpenFolder, _ path: ByteString) throws(SystemError) -> OutputLook {
    let started = reflow_coarse_time()
    let opened = withCString(name) { reflow_open_at(folder.number, $0, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0) }
    if opened == -ENOENT { return .missing }
    guard opened >= 0 else { throw SystemError(errno: -opened, cannot: "read", path) }
    let file = Descriptor(owning: opened)
    var before = try file.status(path)
    for _ in 0..<4 {
      let (digest, size) = try file.hash(path)
      let after = try file.status(path)
      if after.hint == before.hint {
        let artifact = Artifact(digest: digest, isExecutable: after.isExecutable, size: size)
        // Another machine's clock may be behind ours.
        let margin = FileSystemKind(of: file.number).isNetwork ? Self.foreignClockMarginNanoseconds : 0
        return .file(artifact, after.hint, isTrusted: after.hint.hasRested(before: started - margin))
      }
      before = after
      lseek(file.number, 0, SEEK_SET)
    }
    throw SystemError(.other, "cannot read '\(path.display)': it keeps changing; end what writes to it and run again")
  }

  private static var foreignClockMarginNanoseconds: Int64 { 60_000_000_000 }
}
