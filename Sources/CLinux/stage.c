#define _GNU_SOURCE
#include "worker.h"

#include "include/hash.h"
#include "include/syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

// In a box the stage is a small file system in memory, and each input a mount. Without one it is `in/` of the run folder on
// disk, and each input a symbolic link. There, what a step no longer needs is kept aside in FOLDER.stash, for the next: ext4
// will not use a removed file's inode again for some seconds, and each new file's search passes all of these. With a few
// thousand steps of making and removing that came to half a millisecond for each file.

static const char *const box_stage = "/box/reflow/work/in";
static int boxed, stage_fd = -1;
static int stash_fd = -1;
static unsigned spare_folders;  // in the stash: d0, d1, …

void reflow_stage_open(const char *folder) {
  char path[8192];
  boxed = folder == NULL;
  if (boxed) {
    stage_fd = open("/stage", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return;
  }
  if (stash_fd < 0) {
    snprintf(path, sizeof path, "%s.stash", folder);
    mkdir(path, 0755);
    // Without it things are made and removed, and that is all.
    stash_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  }
  snprintf(path, sizeof path, "%s/in", folder);
  stage_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

void reflow_stage_close(void) {
  close(stage_fd);
  stage_fd = -1;
}

static int mount_input(const struct reflow_stage_operation *o) {
  char source[8192], target[8192];
  int is_folder = o->code == REFLOW_STAGE_BIND_FOLDER;
  if (snprintf(source, sizeof source, "/host%s", o->source) >= (int)sizeof source) return ENAMETOOLONG;
  if (snprintf(target, sizeof target, "%s/%s", box_stage, o->path) >= (int)sizeof target) return ENAMETOOLONG;
  if (is_folder ? mkdirat(stage_fd, o->path, 0755) : mknodat(stage_fd, o->path, S_IFREG | 0444, 0)) return errno;
  // Read-only as all under /host is: a bind keeps the flags of what it binds.
  if (mount(source, target, NULL, MS_BIND | MS_REC, NULL) == 0) return 0;
  int error = errno;
  unlinkat(stage_fd, o->path, is_folder ? AT_REMOVEDIR : 0);
  return error;
}

static int unmount_input(const struct reflow_stage_operation *o) {
  char target[8192];
  snprintf(target, sizeof target, "%s/%s", box_stage, o->path);
  if (umount2(target, MNT_DETACH)) return 1;
  return unlinkat(stage_fd, o->path, o->code == REFLOW_STAGE_BIND_FOLDER ? AT_REMOVEDIR : 0) != 0;
}

static int make_link(const struct reflow_stage_operation *o) {
  // A link says the same wherever it lies, as long as that is as deep: the stash has one for each target, named by a hash.
  struct reflow_hash hash;
  char name[40];
  reflow_hash_bytes(o->source, strlen(o->source), &hash);
  snprintf(name, sizeof name, "%016llx%016llx", (unsigned long long)hash.high, (unsigned long long)hash.low);
  if (stash_fd >= 0) {
    if (linkat(stash_fd, name, stage_fd, o->path, 0) == 0) return 0;
    if (errno == ENOENT && symlinkat(o->source, stash_fd, name) == 0 && linkat(stash_fd, name, stage_fd, o->path, 0) == 0)
      return 0;
  }
  // A file system that cannot link links, or a failure that this will tell, too.
  return symlinkat(o->source, stage_fd, o->path) ? errno : 0;
}

static int make_folder(const char *path) {
  char name[16];
  if (!boxed && stash_fd >= 0 && spare_folders) {
    snprintf(name, sizeof name, "d%u", spare_folders - 1);
    if (renameat(stash_fd, name, stage_fd, path) == 0) {
      spare_folders--;
      return 0;
    }
  }
  return mkdirat(stage_fd, path, 0755) ? errno : 0;
}

// Whether a folder is empty and as it was made.
static int is_pristine(const char *path) {
  char entries[256];
  struct stat s;
  int fd = openat(stage_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return 0;
  // `.` and `..` take 24 bytes each in the kernel's answer; a third name would be seen.
  int pristine = fstat(fd, &s) == 0 && (s.st_mode & 07777) == 0755 && reflow_read_folder(fd, entries, sizeof entries) == 48;
  close(fd);
  return pristine;
}

static int drop_folder(const char *path) {
  char name[16];
  if (!boxed && stash_fd >= 0 && is_pristine(path)) {
    snprintf(name, sizeof name, "d%u", spare_folders);
    if (renameat(stage_fd, path, stash_fd, name) == 0) {
      spare_folders++;
      return 0;
    }
  }
  return unlinkat(stage_fd, path, AT_REMOVEDIR) != 0;
}

int reflow_stage_do(const struct reflow_stage_operation *o) {
  if (stage_fd < 0) return ENOENT;
  switch (o->code) {
    case REFLOW_STAGE_FOLDER: return make_folder(o->path);
    case REFLOW_STAGE_LINK: return make_link(o);
    case REFLOW_STAGE_BIND_FILE:
    case REFLOW_STAGE_BIND_FOLDER: return boxed ? mount_input(o) : EINVAL;
  }
  return EINVAL;
}

int reflow_stage_undo(const struct reflow_stage_operation *o) {
  switch (o->code) {
    case REFLOW_STAGE_FOLDER: return drop_folder(o->path);
    case REFLOW_STAGE_LINK: return unlinkat(stage_fd, o->path, 0) != 0;
    case REFLOW_STAGE_BIND_FILE:
    case REFLOW_STAGE_BIND_FOLDER: return unmount_input(o);
  }
  return 1;
}
