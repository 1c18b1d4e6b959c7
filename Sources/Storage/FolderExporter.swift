package import BuildGraph
package import Diagnostics
import Ports

/// Copies artifacts to mapped folders, as the output tree's writer does: beside their place, then by rename.
package struct FolderExporter: Exporter {
  private let roots: [ByteString]
  private let objects: FileObjectStore

  /// - Parameter roots: absolute folders, by index of `RootID`.
  package init(roots: [ByteString], objects: FileObjectStore) {
    self.roots = roots
    self.objects = objects
  }

  /// - Complexity: O(bytes of the artifact).
  package func export(_ artifact: Artifact, to path: Path) throws(SystemError) {
    // Always a copy: the place is somebody else's, and may be written to.
    let tree = FileOutputTree(root: roots[Int(path.root.index)], objects: objects, linkMode: .copy)
    switch artifact.kind {
    case .file:
      _ = try tree.write(artifact, to: path.bytes)
    case .folder:
      for entry in try objects.manifest(of: artifact).entries {
        let place = path.appending(entry.path).bytes
        switch entry.content {
        case .file(let file): _ = try tree.write(file, to: place)
        case .link(let target): try tree.writeLink(target: target, to: place)
        case .emptyFolder: try tree.makeFolder(place)
        }
      }
    }
  }
}
