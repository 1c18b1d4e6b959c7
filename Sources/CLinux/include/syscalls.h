#ifndef REFLOW_SYSCALLS_H
#define REFLOW_SYSCALLS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Results are returned, never left in `errno`, which Swift may overwrite before it looks:
// a descriptor or count is >= 0 on success and -errno on failure; other calls return 0 or an errno.

/// The figures of `stat` that make a hint; times in nanoseconds since 1970.
struct reflow_stat {
  uint64_t device;
  uint64_t inode;
  int64_t size;
  int64_t modified;
  int64_t changed;
  uint64_t links;
  uint32_t mode;
  uint32_t owner;
};

// See: man 2 stat. `flags` are those of fstatat (AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH).
int reflow_stat_at(int folder, const char *path, int flags, struct reflow_stat *result);
int reflow_stat_fd(int fd, struct reflow_stat *result);

enum {
  REFLOW_RESOLVE_NO_XDEV = 0x01,
  REFLOW_RESOLVE_NO_MAGICLINKS = 0x02,
  REFLOW_RESOLVE_NO_SYMLINKS = 0x04,
  REFLOW_RESOLVE_BENEATH = 0x08,
  REFLOW_RESOLVE_IN_ROOT = 0x10,
  REFLOW_RENAME_NOREPLACE = 1,
  REFLOW_RENAME_EXCHANGE = 2,
  // O_PATH, which Glibc's module leaves out: a descriptor that names a place and reads nothing.
  REFLOW_O_PATH = 010000000,
};

// See: man 2 openat2. Adds O_CLOEXEC.
int reflow_openat2(int folder, const char *path, int flags, mode_t mode, uint64_t resolve);
// openat without variadic arguments; adds O_CLOEXEC and tries again after EINTR.
int reflow_open_at(int folder, const char *path, int flags, mode_t mode);
// See: man 2 rename. `flags` are REFLOW_RENAME_*.
int reflow_rename_at(int old_folder, const char *old_path, int new_folder, const char *new_path, unsigned flags);
// See: man 2 syncfs.
int reflow_sync_filesystem(int fd);
// See: man 2 ioctl_ficlone. Shares the blocks of `source` with the empty file `target`, where the file system can.
int reflow_clone_file(int source, int target);
// Copies `source` from its offset to its end into `target` inside the kernel. Returns the bytes copied or -errno.
int64_t reflow_copy_file(int source, int target);
// See: man 2 memfd_create, man 2 pidfd_open.
int reflow_memfd(const char *name);
int reflow_pidfd_open(pid_t pid);
// The f_type of statfs: which kind of file system holds `fd`. See: man 2 statfs.
int reflow_filesystem_kind(int fd, uint64_t *result);
// An exclusive lock that belongs to the open file description (fcntl F_OFD_SETLK): it ends with its last descriptor.
// EAGAIN where another holds it and `wait` is 0.
int reflow_lock(int fd, int wait);
// Gives the lock back, also where a child that was forked meanwhile still has the file open.
void reflow_unlock(int fd);
// The folder entries that one call of getdents64 gives, in the kernel's layout. Returns bytes, 0 at the end, or -errno.
int64_t reflow_read_folder(int fd, void *buffer, size_t count);
// Cores that this process may run on, or -errno. See: man 2 sched_getaffinity.
int reflow_cores(void);
// The kernel's cheap clock that file times are taken from, nanoseconds since 1970.
int64_t reflow_coarse_time(void);
// See: man 2 kill; of a process, by a descriptor that cannot come to mean another one.
int reflow_pidfd_signal(int pidfd, int signal);
// From now on the first SIGINT, SIGTERM or SIGHUP is a byte, its number, on the descriptor that this returns, and the second
// ends the process with 128 and its number. Returns -errno on failure. Once a process.
int reflow_watch_interrupts(void);
// Starts a command in a process group of its own, and a process beside it that ends all of the group on SIGTERM, or when the calling
// thread's process is gone: killed, too. Returns that process, to be reaped by the caller, or -errno.
pid_t reflow_start_hook(const char *path, char *const words[], char *const environment[]);

/// Has the threads share so many heaps, where by default there may be eight for each core: each keeps some of what it was given.
void reflow_limit_heaps(int count);

/// Gives what was freed, and lies among what was not, back to the system; takes about a millisecond for ten megabytes.
void reflow_give_back_memory(void);

/// Has the process keep one heap for all threads, and give large blocks back to the system when they are freed: for one that lives long and
/// frees on one thread what it has allocated on another. It would hold twice as much as it uses.
void reflow_limit_fragments(void);

/// Has the process keep one heap for all threads, let it grow in large pieces and reuse large blocks that are freed: for one that works on
/// tables and then ends. Otherwise each array is mapped anew, and the kernel clears its pages; and a thread's own heap grows by a page at a
/// time.
void reflow_reuse_large_blocks(void);

#endif
