#define _GNU_SOURCE
#include "worker.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int control = -1;

int reflow_read_exactly(int fd, void *buffer, size_t length) {
  for (char *at = buffer; length;) {
    ssize_t n = recv(fd, at, length, 0);
    if (n == 0) return EPIPE;
    if (n < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    at += n;
    length -= (size_t)n;
  }
  return 0;
}

int reflow_write_exactly(int fd, const void *buffer, size_t length) {
  for (const char *at = buffer; length;) {
    ssize_t n = send(fd, at, length, MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    at += n;
    length -= (size_t)n;
  }
  return 0;
}

static int write_text(const char *path, const char *text, size_t length) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  int error = write(fd, text, length) == (ssize_t)length ? 0 : errno;
  close(fd);
  return error;
}

// Every id of this namespace means itself in the new one, if we may say so (root); else only the caller's own.
static int map_ids(pid_t pid, const char *file, unsigned own) {
  char path[64], text[4096] = "";
  size_t length = 0;
  snprintf(path, sizeof path, "/proc/self/%s", file);
  FILE *mine = fopen(path, "re");
  if (mine) {
    unsigned long inside, outside, count;
    while (fscanf(mine, "%lu %lu %lu", &inside, &outside, &count) == 3 && length < sizeof text - 64)
      length += (size_t)snprintf(text + length, sizeof text - length, "%lu %lu %lu\n", inside, inside, count);
    fclose(mine);
  }
  snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
  if (length && write_text(path, text, length) == 0) return 0;
  length = (size_t)snprintf(text, sizeof text, "%u %u 1\n", own, own);
  return write_text(path, text, length);
}

static int prepare_ids(pid_t pid) {
  int error = map_ids(pid, "uid_map", geteuid());
  if (error) return error;
  if (map_ids(pid, "gid_map", getegid()) == 0) return 0;
  char path[64];
  // An ordinary user may map a group only after giving up setgroups.
  snprintf(path, sizeof path, "/proc/%d/setgroups", pid);
  write_text(path, "deny", 4);
  return map_ids(pid, "gid_map", getegid());
}

// fork, into new namespaces. The raw call: glibc's clone wants a stack, which only matters with shared memory.
static pid_t fork_into(unsigned long namespaces) {
  return (pid_t)syscall(SYS_clone, namespaces | SIGCHLD, NULL, NULL, NULL, NULL);
}

static void refuse(int socket, int error, const char *what) {
  struct reflow_report report = {.ending = REFLOW_ENDED_NO_SANDBOX, .status = error};
  struct reflow_frame frame = {.length = sizeof report + (uint32_t)strlen(what) + 1, .type = REFLOW_FRAME_REPORT};
  reflow_write_exactly(socket, &frame, sizeof frame);
  reflow_write_exactly(socket, &report, sizeof report);
  reflow_write_exactly(socket, what, strlen(what) + 1);
}

static void start_sandbox_worker(int socket, int with_network, int group) {
  int gate[2];
  if (pipe2(gate, O_CLOEXEC)) return refuse(socket, errno, "a pipe");
  unsigned long namespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | (with_network ? 0 : CLONE_NEWNET);
  int in_user_namespace = 1;
  pid_t pid = fork_into(namespaces | CLONE_NEWUSER);
  if (pid < 0 && geteuid() == 0) {
    // User namespaces are switched off; root can do without.
    in_user_namespace = 0;
    pid = fork_into(namespaces);
  }
  if (pid < 0) {
    refuse(socket, errno, "new namespaces");
  } else if (pid == 0) {
    char go;
    close(gate[1]);
    if (read(gate[0], &go, 1) != 1) _exit(1);
    close(gate[0]);
    reflow_worker_main(socket, 1, group);
  } else {
    int error = in_user_namespace ? prepare_ids(pid) : 0;
    if (error) {
      refuse(socket, error, "the user's id in a new namespace");
      kill(pid, SIGKILL);
    } else if (write(gate[1], "g", 1) != 1) {
      kill(pid, SIGKILL);
    }
  }
  close(gate[0]);
  close(gate[1]);
}

static void start_worker(int socket, int kind, int group) {
  if (kind != REFLOW_WORKER_PLAIN) return start_sandbox_worker(socket, kind == REFLOW_WORKER_SANDBOX_NETWORK, group);
  pid_t pid = fork();
  if (pid == 0) reflow_worker_main(socket, 0, group);
  if (pid < 0) refuse(socket, errno, "a new process");
}

// A byte that names the kind, with the worker's socket and perhaps its group; -1 when our other end is gone.
static int receive_order(int *socket, char *kind, int *group) {
  struct iovec data = {kind, 1};
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(2 * sizeof(int))];
  } aside;
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &aside, .msg_controllen = sizeof aside};
  ssize_t n;
  do n = recvmsg(control, &message, MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);
  struct cmsghdr *header = n == 1 ? CMSG_FIRSTHDR(&message) : NULL;
  if (!header || header->cmsg_type != SCM_RIGHTS) return -1;
  memcpy(socket, CMSG_DATA(header), sizeof *socket);
  *group = -1;
  if (header->cmsg_len >= CMSG_LEN(2 * sizeof(int)))
    memcpy(group, CMSG_DATA(header) + sizeof *socket, sizeof *group);
  return 0;
}

static _Noreturn void spawner_main(void) {
  // Out of the terminal's session: Ctrl-C is Reflow's to handle, and the terminal must not stop a step that reads it.
  setsid();
  prctl(PR_SET_NAME, "reflow-spawner");
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  // Workers are not waited for; their sockets say when they are gone.
  struct sigaction forget = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT};
  sigaction(SIGCHLD, &forget, NULL);
  umask(022);
  struct rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  // Nothing of the caller's is kept open: neither its terminal nor a pipe whose reader waits for its end.
  // The control socket goes to 3 by way of 4 or more, since the caller may have started us with 0 to 2 closed.
  control = fcntl(control, F_DUPFD_CLOEXEC, 4);
  int null = open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; fd++) dup2(null, fd);
  dup3(control, 3, O_CLOEXEC);
  control = 3;
  syscall(SYS_close_range, 4u, ~0u, 0u);

  int socket, group;
  char kind;
  while (receive_order(&socket, &kind, &group) == 0) {
    start_worker(socket, kind, group);
    close(socket);
    if (group >= 0) close(group);
  }
  _exit(0);
}

int reflow_spawner_start(void) {
  if (control >= 0) return 0;
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) return errno;
  pid_t pid = fork();
  if (pid < 0) {
    int error = errno;
    close(ends[0]);
    close(ends[1]);
    return error;
  }
  if (pid == 0) {
    control = ends[1];
    spawner_main();
  }
  close(ends[1]);
  control = ends[0];
  return 0;
}

int reflow_spawner_worker(enum reflow_worker_kind kind, int group) {
  int ends[2];
  if (control < 0) return -ECHILD;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) return -errno;
  char byte = (char)kind;
  struct iovec data = {&byte, 1};
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(2 * sizeof(int))];
  } aside;
  memset(&aside, 0, sizeof aside);
  int handed[2] = {ends[1], group};
  size_t length = (group < 0 ? 1 : 2) * sizeof(int);
  struct msghdr message = {
      .msg_iov = &data, .msg_iovlen = 1, .msg_control = &aside, .msg_controllen = CMSG_SPACE(length)};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(length);
  memcpy(CMSG_DATA(header), handed, length);
  ssize_t n;
  do n = sendmsg(control, &message, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  int error = n == 1 ? 0 : errno;
  close(ends[1]);
  if (error) {
    close(ends[0]);
    return -error;
  }
  return ends[0];
}
