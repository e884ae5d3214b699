/* File systems that lack something, as a library to be loaded before others (LD_PRELOAD). FAULTS
 * says what is lacking: "folder-sync", "locks", or "interrupted": every second open, write, fsync,
 * lock and truncation is interrupted before it does anything. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#pragma GCC visibility push(default)

static int lacks(const char *what) {
  const char *named = getenv("FAULTS");
  return named && strcmp(named, what) == 0;
}

/* 1: this call is interrupted. */
static int interrupted(void) {
  static unsigned calls;
  if (!lacks("interrupted") || calls++ % 2) return 0;
  errno = EINTR;
  return 1;
}

static int is_folder(int fd) {
  struct stat st;
  return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

int fsync(int fd) {
  static int (*next)(int);
  if (!next) *(void **)&next = dlsym(RTLD_NEXT, "fsync");
  if (interrupted()) return -1;
  if (lacks("folder-sync") && is_folder(fd)) {
    errno = EINVAL;
    return -1;
  }
  return next(fd);
}

int fcntl(int fd, int command, ...) {
  static int (*next)(int, int, ...);
  if (!next) *(void **)&next = dlsym(RTLD_NEXT, "fcntl");
  va_list args;
  va_start(args, command);
  void *argument = va_arg(args, void *);
  va_end(args);
  if (command == F_SETLK && lacks("locks")) {
    errno = ENOSYS;
    return -1;
  }
  if (command == F_SETLK && interrupted()) return -1;
  return next(fd, command, argument);
}

ssize_t write(int fd, const void *data, size_t size) {
  static ssize_t (*next)(int, const void *, size_t);
  if (!next) *(void **)&next = dlsym(RTLD_NEXT, "write");
  if (fd > 2 && interrupted()) return -1;
  return next(fd, data, fd > 2 && lacks("interrupted") && size > 1 ? size / 2 : size);
}

int ftruncate(int fd, off_t size) {
  static int (*next)(int, off_t);
  if (!next) *(void **)&next = dlsym(RTLD_NEXT, "ftruncate");
  return interrupted() ? -1 : next(fd, size);
}

int open(const char *path, int flags, ...) {
  static int (*next)(const char *, int, ...);
  if (!next) *(void **)&next = dlsym(RTLD_NEXT, "open");
  va_list args;
  va_start(args, flags);
  const mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
  va_end(args);
  return interrupted() ? -1 : next(path, flags, mode);
}
