#define _GNU_SOURCE
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// The worker's root, on a tmpfs: /box is what steps see as /; /host shows, to the worker only, the folders that inputs come
// from, read-only; /stage holds the mount points of inputs and appears in the box as in/; /old is this machine's root until
// the box is built.

// From linux/mount.h, which clashes with sys/mount.h in glibc 2.36.
struct attributes {
  uint64_t set, clear, propagation, user_namespace;
};
enum { READ_ONLY = 0x1, NO_SUID = 0x2, NO_DEVICES = 0x4 };
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

static int set_attributes(const char *path, uint64_t attributes, int recursive) {
  struct attributes a = {.set = attributes};
  return syscall(SYS_mount_setattr, AT_FDCWD, path, recursive ? AT_RECURSIVE : 0, &a, sizeof a) ? errno : 0;
}

static int make_folders_above(char *path) {
  for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
    *at = 0;
    int failed = mkdir(path, 0755) && errno != EEXIST;
    *at = '/';
    if (failed) return errno;
  }
  return 0;
}

// Binds `source`, with what is mounted below it, at `target`, which is made as needed.
static int show(const char *source, char *target, uint64_t attributes) {
  struct stat s;
  if (stat(source, &s)) return errno;
  int error = make_folders_above(target);
  if (error) return error;
  if (S_ISDIR(s.st_mode)) {
    if (mkdir(target, 0755) && errno != EEXIST) return errno;
  } else {
    int fd = open(target, O_CREAT | O_WRONLY | O_CLOEXEC, 0444);
    if (fd < 0) return errno;
    close(fd);
  }
  if (mount(source, target, NULL, MS_BIND | MS_REC, NULL)) return errno;
  return attributes ? set_attributes(target, attributes, 1) : 0;
}

static int small_file_system(const char *target) {
  return mount("tmpfs", target, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") ? errno : 0;
}

static int do_operation(char code, const char *first, const char *second) {
  char source[8192], target[8192];
  if (snprintf(source, sizeof source, "/old%s", first) >= (int)sizeof source) return ENAMETOOLONG;
  const char *place = code == REFLOW_BOX_HOST || code == REFLOW_BOX_LOGS ? "/host" : "/box";
  if (snprintf(target, sizeof target, "%s%s", place, *second ? second : first) >= (int)sizeof target) return ENAMETOOLONG;
  int error;
  switch (code) {
    case REFLOW_BOX_READABLE: return show(source, target, READ_ONLY | NO_SUID | NO_DEVICES);
    case REFLOW_BOX_HOST: return show(source, target, READ_ONLY | NO_SUID | NO_DEVICES);
    case REFLOW_BOX_WRITABLE:
    case REFLOW_BOX_LOGS: return show(source, target, NO_SUID | NO_DEVICES);
    case REFLOW_BOX_DEVICE: return show(source, target, 0);
    case REFLOW_BOX_LINK:
      error = make_folders_above(target);
      return error ? error : symlink(first, target) ? errno : 0;
    case REFLOW_BOX_FOLDER:
      error = make_folders_above(target);
      return error ? error : mkdir(target, 0755) && errno != EEXIST ? errno : 0;
    case REFLOW_BOX_MASK:
      error = small_file_system(target);
      return error ? error : set_attributes(target, READ_ONLY, 0);
    case REFLOW_BOX_STAGE:
      if ((error = small_file_system("/stage"))) return error;
      return show("/stage", target, READ_ONLY | NO_SUID | NO_DEVICES);
  }
  return EINVAL;
}

static int has_two_texts(char code) {
  return code == REFLOW_BOX_READABLE || code == REFLOW_BOX_WRITABLE || code == REFLOW_BOX_DEVICE || code == REFLOW_BOX_LINK;
}

// Moves to a new root, with the old one below it. The new one covers a folder for a moment only: where it was mounted is
// free again under /old.
static int enter_new_root(void) {
  const char *base = "/tmp";
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) return errno;
  int error = small_file_system(base);
  if (error) return error;
  if (chdir(base)) return errno;
  if (mkdir("old", 0755) || mkdir("box", 0755) || mkdir("host", 0755) || mkdir("stage", 0755)) return errno;
  if (mkdir("box/proc", 0555)) return errno;
  if (syscall(SYS_pivot_root, ".", "old")) return errno;
  return chdir("/") ? errno : 0;
}

static void raise_loopback(void) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct ifreq request = {.ifr_name = "lo"};
  if (fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &request) == 0 && !(request.ifr_flags & IFF_UP)) {
    request.ifr_flags |= IFF_UP;
    ioctl(fd, SIOCSIFFLAGS, &request);
  }
  if (fd >= 0) close(fd);
}

int reflow_box_build(const char *texts, size_t length, char *message, size_t message_size) {
  const char *step = "a new root";
  char operation = 0;
  int error = enter_new_root();
  const char *at = texts, *end = texts + length;
  while (!error && at < end) {
    operation = *at++;
    const char *first = at;
    at += strlen(at) + 1;
    const char *second = "";
    if (has_two_texts(operation)) {
      second = at;
      at += strlen(at) + 1;
    }
    step = first;
    error = do_operation(operation, first, second);
  }
  if (!error) {
    // While the old one is still there: a kernel gives a user's namespace a /proc only if it could see one whole.
    step = "/proc";
    if (mount("proc", "/box/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL)) error = errno;
  }
  if (!error) {
    step = "the old root's end";
    if (umount2("/old", MNT_DETACH)) error = errno;
  }
  if (!error) {
    step = "the new root's protection";
    error = set_attributes("/", READ_ONLY | NO_SUID, 0);
  }
  if (!error) raise_loopback();
  if (error) snprintf(message, message_size, "%s", step);
  return error;
}

int reflow_drop_capabilities(void) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct none[2] = {{0}};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return errno;
  return syscall(SYS_capset, &header, none) ? errno : 0;
}
