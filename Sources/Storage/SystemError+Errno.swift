package import BuildGraph
package import Diagnostics
import Glibc

// One place turns what the kernel says into what the user can do about it.
extension SystemError {
  /// `cannot VERB 'PATH': REASON; REMEDY`.
  ///
  /// - Parameter errno: positive, as system calls leave it.
  package init(errno: Int32, cannot verb: String, _ path: ByteString) {
    let (code, reason) = Self.meaning(of: errno)
    self.init(code, "cannot \(verb) '\(path.display)': \(reason)", errno: errno)
  }

  // See: man 3 errno; man 2 openat2, rename, link, write.
  private static func meaning(of errno: Int32) -> (Code, String) {
    switch errno {
    case ENOENT: (.notFound, "there is no such file or folder")
    case EACCES, EPERM: (.notPermitted, "permission denied; change its permissions, or those of its folder")
    case EROFS: (.notPermitted, "the file system is read-only; mount it writable or choose another place")
    case ENOSPC: (.noSpace, "the disk is full; free some space and run again, nothing was lost")
    case EDQUOT: (.noSpace, "the disk quota is used up; free some space and run again, nothing was lost")
    case EFBIG:
      (.noSpace, "the file is larger than the file system or 'ulimit -f' allows; raise the limit and run again")
    case ENOTDIR: (.wrongKind, "a part of the path is not a folder")
    case EISDIR: (.wrongKind, "a folder is in its place")
    case ELOOP: (.wrongKind, "a symbolic link is in the way")
    case ENOTEMPTY, EEXIST: (.wrongKind, "something is there already")
    case ENAMETOOLONG: (.wrongKind, "the name is too long for the file system")
    case EMFILE, ENFILE: (.limit, "too many open files; raise the limit with 'ulimit -n'")
    case EIO: (.damaged, "the disk reports an error; check it, and the kernel's log")
    case ETXTBSY, EBUSY: (.locked, "it is in use; run again when it is free")
    case _: (.other, String(cString: strerror(errno)))
    }
  }
}
