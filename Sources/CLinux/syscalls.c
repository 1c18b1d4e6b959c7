#define _GNU_SOURCE
#include "include/syscalls.h"

#include <errno.h>
#include <malloc.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

static int64_t nanoseconds(struct timespec t) { return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec; }

static void fill(const struct stat *s, struct reflow_stat *result) {
  result->device = s->st_dev;
  result->inode = s->st_ino;
  result->size = s->st_size;
  result->modified = nanoseconds(s->st_mtim);
  result->changed = nanoseconds(s->st_ctim);
  result->links = s->st_nlink;
  result->mode = s->st_mode;
  result->owner = s->st_uid;
}

int reflow_stat_at(int folder, const char *path, int flags, struct reflow_stat *result) {
  struct stat s;
  if (fstatat(folder, path, &s, flags)) return errno;
  fill(&s, result);
  return 0;
}

int reflow_stat_fd(int fd, struct reflow_stat *result) {
  struct stat s;
  if (fstat(fd, &s)) return errno;
  fill(&s, result);
  return 0;
}

int reflow_openat2(int folder, const char *path, int flags, mode_t mode, uint64_t resolve) {
  struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC), .mode = mode, .resolve = resolve};
  for (;;) {
    long fd = syscall(SYS_openat2, folder, path, &how, sizeof how);
    if (fd >= 0) return (int)fd;
    // EAGAIN: a rename elsewhere raced with a scoped look-up; the kernel asks to try again.
    if (errno != EINTR && errno != EAGAIN) return -errno;
  }
}

int reflow_open_at(int folder, const char *path, int flags, mode_t mode) {
  for (;;) {
    int fd = openat(folder, path, flags | O_CLOEXEC, mode);
    if (fd >= 0) return fd;
    if (errno != EINTR) return -errno;
  }
}

int reflow_rename_at(int old_folder, const char *old_path, int new_folder, const char *new_path, unsigned flags) {
  return renameat2(old_folder, old_path, new_folder, new_path, flags) ? errno : 0;
}

int reflow_sync_filesystem(int fd) { return syncfs(fd) ? errno : 0; }

int reflow_clone_file(int source, int target) { return ioctl(target, FICLONE, source) ? errno : 0; }

int64_t reflow_copy_file(int source, int target) {
  int64_t done = 0;
  int use_range = 1;
  for (;;) {
    ssize_t n = use_range ? copy_file_range(source, NULL, target, NULL, 1 << 30, 0)
                          : sendfile(target, source, NULL, 1 << 30);
    if (n > 0) {
      done += n;
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    // Some pairs of file systems refuse the first way, and some virtual files answer it with nothing.
    if (use_range && done == 0 && (n == 0 || errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)) {
      use_range = 0;
      continue;
    }
    return n < 0 ? -errno : done;
  }
}

int reflow_memfd(const char *name) {
  int fd = memfd_create(name, MFD_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

int reflow_pidfd_open(pid_t pid) {
  long fd = syscall(SYS_pidfd_open, pid, 0);
  return fd < 0 ? -errno : (int)fd;
}

int reflow_pidfd_signal(int pidfd, int signal) {
  return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) ? errno : 0;
}

int reflow_filesystem_kind(int fd, uint64_t *result) {
  struct statfs s;
  if (fstatfs(fd, &s)) return errno;
  *result = (uint64_t)s.f_type;
  return 0;
}

int reflow_lock(int fd, int wait) {
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  for (;;) {
    if (fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &lock) == 0) return 0;
    if (errno == EACCES) return EAGAIN;
    if (errno != EINTR) return errno;
  }
}

void reflow_unlock(int fd) {
  struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
  fcntl(fd, F_OFD_SETLK, &lock);
}

int64_t reflow_read_folder(int fd, void *buffer, size_t count) {
  for (;;) {
    long n = syscall(SYS_getdents64, fd, buffer, count);
    if (n >= 0) return n;
    if (errno != EINTR) return -errno;
  }
}

int reflow_cores(void) {
  // Room for more cores than the fixed cpu_set_t has.
  unsigned long set[1024] = {0};
  if (sched_getaffinity(0, sizeof set, (cpu_set_t *)set)) return -errno;
  int count = 0;
  for (size_t i = 0; i < sizeof set / sizeof *set; i++) count += __builtin_popcountl(set[i]);
  return count;
}

int64_t reflow_coarse_time(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME_COARSE, &t);
  return nanoseconds(t);
}

void reflow_limit_heaps(int count) { mallopt(M_ARENA_MAX, count); }

void reflow_give_back_memory(void) { malloc_trim(0); }

void reflow_limit_fragments(void) {
  mallopt(M_ARENA_MAX, 1);
  // Said once, it no longer follows the sizes of what is freed.
  mallopt(M_MMAP_THRESHOLD, 256 << 10);
  mallopt(M_TRIM_THRESHOLD, 16 << 20);
}

void reflow_reuse_large_blocks(void) {
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_THRESHOLD, 256 << 20);
  mallopt(M_TRIM_THRESHOLD, 512 << 20);
  mallopt(M_TOP_PAD, 4 << 20);
}
