#define _GNU_SOURCE
#include "include/syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// The child of a process with many threads: nothing below may allocate, lock or use stdio.

static void close_all_but_standard(void) {
#ifdef SYS_close_range
  if (syscall(SYS_close_range, 3u, ~0u, 0u) == 0) return;
#endif
  // See: man 2 close_range. Kernels before 5.9 have none.
  long limit = sysconf(_SC_OPEN_MAX);
  if (limit < 0 || limit > 65536) limit = 65536;
  for (int fd = 3; fd < (int)limit; fd++) close(fd);
}

static int has_ended(pid_t hook) {
  siginfo_t info = {0};
  // Left unreaped: its id, which is its group's, cannot come to mean another one.
  return waitid(P_PID, (id_t)hook, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == hook;
}

static void end_group(pid_t hook) {
  kill(-hook, SIGTERM);
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
  // A fifth of a second to leave in peace.
  for (int i = 0; i < 20 && !has_ended(hook); i++) sigtimedwait(&child, NULL, &pause);
  kill(-hook, SIGKILL);
}

static _Noreturn void run(const char *path, char *const words[], char *const environment[]) {
  setpgid(0, 0);
  // Should the keeper be killed itself.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (int number = 1; number < 32; number++) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  int null = open("/dev/null", O_RDONLY);
  if (null > 0) {
    dup2(null, 0);
    close(null);
  }
  execve(path, words, environment);
  _exit(127);
}

static _Noreturn void keep(pid_t parent, const char *path, char *const words[], char *const environment[]) {
  close_all_but_standard();
  // A group of its own: Ctrl-C is for the watch, which then tells us.
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  // Our parent may have gone before it was asked for; then nobody would tell us.
  if (getppid() != parent) _exit(0);
  pid_t hook = fork();
  if (hook < 0) _exit(127);
  if (hook == 0) run(path, words, environment);
  // Both do it: whoever comes first.
  setpgid(hook, hook);
  sigset_t end;
  sigemptyset(&end);
  sigaddset(&end, SIGTERM);
  // What a hook leaves in the background may go on until the next round, or the end.
  while (sigwaitinfo(&end, NULL) < 0 && errno == EINTR) {}
  end_group(hook);
  _exit(0);
}

pid_t reflow_start_hook(const char *path, char *const words[], char *const environment[]) {
  pid_t parent = getpid();
  sigset_t all, old;
  // The keeper waits for its signals; none of the handlers of this process may run in it.
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  pid_t keeper = fork();
  if (keeper == 0) keep(parent, path, words, environment);
  int error = errno;
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  return keeper < 0 ? -error : keeper;
}
