/// What a command says and sees but for the contents of its inputs, in parts, so that a change of it can be named.
package struct CommandKey: Hashable, Sendable {
  package enum Part: Int, CaseIterable, Sendable {
    case template, inputs, outputs, image, environment, options
  }

  /// One digest for each ``Part``.
  package var parts: [Digest]
  package var digest: Digest

  package init(parts: [Digest]) {
    self.parts = parts
    var manifest = DigestManifest()
    manifest.write(.scheme, Keys.scheme)
    for part in parts { manifest.write(.command, part) }
    digest = manifest.finish()
  }

  /// - Complexity: O(size of the exec).
  package init(_ exec: Exec, staging: Staging) {
    var manifest = DigestManifest()
    self.init(
      parts: Part.allCases.map { part in
        Keys.write(part, of: exec, staging: staging, to: &manifest)
        return manifest.finish()
      })
  }
}

/// How keys are made (see <doc:BuildGraph>, "Keys"). Identifiers, positions, resources, timeouts and retries are in none of
/// them: they do not change what a command makes.
package enum Keys {
  /// Version of the key scheme; in every key. Another number makes all that was cached unreachable.
  package static let scheme = 1

  /// Takes down one part of a command.
  package static func write(
    _ part: CommandKey.Part, of exec: Exec, staging: Staging, to manifest: inout some Manifest
  ) {
    switch part {
    case .template:
      for fragment in exec.template {
        switch fragment {
        case .text(let text): manifest.write(.text, text)
        case .input(let index): manifest.write(.input, index)
        case .output(let index): manifest.write(.output, index)
        }
      }
    case .inputs:
      manifest.write(.count, exec.inputs.count)
      for (index, input) in exec.inputs.enumerated() {
        manifest.write(.path, staging.inputs[index])
        manifest.write(.kind, Int(input.kind.rawValue))
      }
    case .outputs:
      manifest.write(.count, exec.outputs.count)
      for (index, output) in exec.outputs.enumerated() {
        manifest.write(.path, staging.outputs[index])
        manifest.write(.kind, Int(output.kind.rawValue))
        manifest.write(.mentioned, output.isMentioned)
      }
    case .image:
      if let image = exec.image { manifest.write(.image, image) }
    case .environment:
      for variable in exec.environment {
        manifest.write(.name, variable.name)
        manifest.write(.value, variable.value)
      }
    case .options:
      manifest.write(.network, exec.network)
      if let depfile = exec.depfile { manifest.write(.depfile, depfile) }
      manifest.write(.repetition, exec.repetition)
    }
  }

  /// The content key of an exec: what it says, what it sees, and the artifacts of its inputs in order.
  package static func content(command: Digest, inputs: [Artifact]) -> Digest {
    var manifest = DigestManifest()
    writeContent(command: command, inputs: inputs, to: &manifest)
    return manifest.finish()
  }

  package static func writeContent(command: Digest, inputs: [Artifact], to manifest: inout some Manifest) {
    manifest.write(.scheme, scheme)
    manifest.write(.command, command)
    manifest.write(.count, inputs.count)
    for input in inputs { manifest.write(.artifact, input) }
  }

  /// The derivation key of an exec: its content key with each input replaced by that input's derivation key.
  package static func derivation(command: Digest, inputs: [Digest]) -> Digest {
    var manifest = DigestManifest()
    manifest.write(.scheme, scheme)
    manifest.write(.command, command)
    manifest.write(.count, inputs.count)
    for input in inputs { manifest.write(.derivation, input) }
    return manifest.finish()
  }

  /// The derivation key of a step that makes something else in some runs, of what it made last: all keys above it are others than
  /// those above what it made before.
  ///
  /// - Parameters:
  ///   - variant: ``variant(of:)``.
  ///   - key: what it would be without.
  package static func derivation(variant: Digest, of key: Digest) -> Digest {
    var manifest = DigestManifest()
    manifest.write(.scheme, scheme)
    manifest.write(.derivation, key)
    manifest.write(.variant, variant)
    return manifest.finish()
  }

  /// All that a step made.
  package static func variant(of outputs: [Artifact]) -> Digest {
    var manifest = DigestManifest()
    manifest.write(.scheme, scheme)
    manifest.write(.count, outputs.count)
    for output in outputs { manifest.write(.artifact, output) }
    return manifest.finish()
  }

  /// A source, a literal: nothing lies behind it but its content.
  package static func derivation(of artifact: Artifact) -> Digest {
    var manifest = DigestManifest()
    manifest.write(.scheme, scheme)
    manifest.write(.source, artifact)
    return manifest.finish()
  }

  package static func derivation(output: Int, of step: Digest) -> Digest {
    var manifest = DigestManifest()
    manifest.write(.scheme, scheme)
    manifest.write(.derivation, step)
    manifest.write(.output, output)
    return manifest.finish()
  }

  package static func derivation(member path: ByteString, of folder: Digest) -> Digest {
    var manifest = DigestManifest()
    manifest.write(.scheme, scheme)
    manifest.write(.derivation, folder)
    manifest.write(.member, path)
    return manifest.finish()
  }

  package static func derivation(assembly members: [(name: ByteString, key: Digest)]) -> Digest {
    var manifest = DigestManifest()
    manifest.write(.scheme, scheme)
    manifest.write(.assembly, members.count)
    for member in members {
      manifest.write(.name, member.name)
      manifest.write(.derivation, member.key)
    }
    return manifest.finish()
  }

  /// K1 of a step with a depfile: its content key with the folders left out, since it reads a part of them only.
  package static func declared(command: Digest, files: [Artifact]) -> Digest {
    var manifest = DigestManifest()
    manifest.write(.scheme, scheme)
    manifest.write(.declared, command)
    manifest.write(.count, files.count)
    for file in files { manifest.write(.artifact, file) }
    return manifest.finish()
  }

  /// K2: K1, the names in each folder that it could search, and what it found at each path that it read.
  ///
  /// - Parameter reads: nil where nothing lies at the path now.
  package static func narrowed(
    declared: Digest, names: [Digest], reads: [(path: ByteString, artifact: Artifact?)]
  ) -> Digest {
    var manifest = DigestManifest()
    manifest.write(.scheme, scheme)
    manifest.write(.declared, declared)
    for digest in names { manifest.write(.names, digest) }
    for read in reads {
      manifest.write(.read, read.path)
      if let artifact = read.artifact {
        manifest.write(.artifact, artifact)
      } else {
        manifest.write(.absent, 0)
      }
    }
    return manifest.finish()
  }

  /// The names in a folder, without the contents.
  package static func names(of folder: FolderManifest) -> Digest {
    var manifest = DigestManifest()
    manifest.write(.scheme, scheme)
    for entry in folder.entries { manifest.write(.name, entry.path) }
    return manifest.finish()
  }
}
