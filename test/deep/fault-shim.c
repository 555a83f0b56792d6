/*
 * Preloaded into a daemon: the n-th change of the disk below a folder kills the process, or fails with an errno of choice.
 *
 * FAULT_FOLDERS: paths whose contents count, separated by colons. FAULT_CONTROL: a file of four int32 that a test writes while the daemon runs:
 * calls left until the fault (0: none is armed), errno (0: SIGKILL), whether every later call fails, too, and the number of calls so far.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct control {
  int left, error, sticky, calls;
};

static struct control *control;
static char folders[4096];

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("FAULT_CONTROL");
  const char *list = getenv("FAULT_FOLDERS");
  if (path == NULL || list == NULL) return;
  int (*real_open)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
  int fd = real_open(path, O_RDWR);
  if (fd < 0) return;
  snprintf(folders, sizeof folders, "%s", list);
  control = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (control == MAP_FAILED) control = NULL;
}

static int counts(const char *path) {
  if (control == NULL || path == NULL || path[0] != '/') return 0;
  for (const char *at = folders; *at != '\0';) {
    size_t length = strcspn(at, ":");
    if (strncmp(path, at, length) == 0 && (path[length] == '/' || path[length] == '\0')) return 1;
    at += length + (at[length] == ':');
  }
  return 0;
}

/* Whether this call is to fail; errno is set then. */
static int fails(const char *path) {
  if (!counts(path)) return 0;
  __sync_add_and_fetch(&control->calls, 1);
  if (control->left == -1) {
    errno = control->error;
    return 1;
  }
  if (control->left <= 0 || __sync_sub_and_fetch(&control->left, 1) != 0) return 0;
  if (control->error == 0) kill(getpid(), SIGKILL);
  control->left = control->sticky ? -1 : -2;
  errno = control->error;
  return 1;
}

static int fails_fd(int fd) {
  if (control == NULL) return 0;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = '\0';
  return fails(path);
}

#define REAL(name) __typeof__(name) *real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)
#define BY_PATH(name, parameters, arguments, path) \
  int name parameters {                            \
    REAL(name);                                    \
    return fails(path) ? -1 : real arguments;      \
  }
#define BY_FD(type, name, parameters, arguments) \
  type name parameters {                         \
    REAL(name);                                  \
    return fails_fd(fd) ? -1 : real arguments;   \
  }

BY_PATH(mkdir, (const char *path, mode_t mode), (path, mode), path)
BY_PATH(rmdir, (const char *path), (path), path)
BY_PATH(unlink, (const char *path), (path), path)
BY_PATH(rename, (const char *from, const char *to), (from, to), counts(to) ? to : from)
BY_PATH(link, (const char *from, const char *to), (from, to), to)
BY_PATH(symlink, (const char *target, const char *path), (target, path), path)
BY_PATH(chmod, (const char *path, mode_t mode), (path, mode), path)
BY_FD(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size))
BY_FD(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at))
BY_FD(ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t at), (fd, data, size, at))
BY_FD(ssize_t, writev, (int fd, const struct iovec *parts, int count), (fd, parts, count))
BY_FD(int, fsync, (int fd), (fd))
BY_FD(int, fdatasync, (int fd), (fd))
BY_FD(int, ftruncate, (int fd, off_t size), (fd, size))
BY_FD(int, ftruncate64, (int fd, off64_t size), (fd, size))
BY_FD(int, fchmod, (int fd, mode_t mode), (fd, mode))

#define OPEN(name)                                                      \
  int name(const char *path, int flags, ...) {                          \
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, #name);      \
    va_list rest;                                                       \
    va_start(rest, flags);                                              \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
    va_end(rest);                                                       \
    if ((flags & (O_CREAT | O_WRONLY | O_RDWR)) && fails(path)) return -1; \
    return real(path, flags, mode);                                     \
  }
OPEN(open)
OPEN(open64)
