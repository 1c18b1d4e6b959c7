import BuildGraph
import CLinux
import Glibc
import Synchronization

/// What time it is for a file system: a file's times say how long it has rested only by the clock that wrote them.
final class FileClocks: Sendable {
  private enum Kind {
    /// Times come from this machine's own clock.
    case local
    /// Times come from another machine; the difference was measured in the state folder.
    case offset(Int64)
    /// It could not be measured: no machine's clock is expected to be a day wrong.
    case unknown
  }

  private static let day: Int64 = 86_400_000_000_000
  private let stateFolder: ByteString
  /// By device. A list, since there are few, and a table of such keys takes the runtime longer to set up than all else here.
  private let kinds = Mutex<[(device: UInt64, kind: Kind)]>([])

  init(stateFolder: ByteString) { self.stateFolder = stateFolder }

  /// Nanoseconds since 1970, not later than what a write just now would be stamped with.
  func now(on device: UInt64, descriptor: Int32) -> Int64 {
    let kind = kinds.withLock { kinds in
      if let known = kinds.first(where: { $0.device == device }) { return known.kind }
      let kind = self.kind(of: device, descriptor)
      kinds.append((device, kind))
      return kind
    }
    switch kind {
    case .local: return reflow_coarse_time()
    case .offset(let offset): return reflow_coarse_time() + offset - 1_000_000_000
    case .unknown: return reflow_coarse_time() - Self.day
    }
  }

  private func kind(of device: UInt64, _ descriptor: Int32) -> Kind {
    var magic: UInt64 = 0
    // ext2-4, XFS, Btrfs, tmpfs, overlay, F2FS, ZFS, bcachefs, ramfs, SquashFS, ISO 9660. See: man 2 statfs.
    let local: [UInt64] = [
      0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994, 0x794C_7630, 0xF2F5_2010, 0x2FC1_2FC1, 0xCA45_1A4E, 0x8584_58F6,
      0x7371_7368, 0x9660,
    ]
    if reflow_filesystem_kind(descriptor, &magic) == 0, local.contains(magic) { return .local }
    return measuredOffset(device).map(Kind.offset) ?? .unknown
  }

  /// Touches a file in the state folder, if that lies on the same device.
  private func measuredOffset(_ device: UInt64) -> Int64? {
    let name = stateFolder + ByteString("/clock-\(getpid())")
    let descriptor = openAt(anywhere, name, O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
    guard descriptor >= 0 else { return nil }
    defer {
      close(descriptor)
      _ = unlinkAt(anywhere, name)
    }
    var figures = reflow_stat()
    guard reflow_stat_fd(descriptor, &figures) == 0, figures.device == device else { return nil }
    return figures.modified - reflow_coarse_time()
  }
}
