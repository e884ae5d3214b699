/* A file, written so that it appears whole or not at all (see file_write.h). */
#include "file_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static sl_status fail_io(sl_error *err, const char *path, const char *what) {
  return sl_fail(err, SL_ERR_IO, "%s: cannot %s: %s", path, what, strerror(errno));
}

int sl_open(const char *path, int flags) {
  int fd;
  do fd = open(path, flags | O_CLOEXEC, 0666);
  while (fd < 0 && errno == EINTR);
  return fd;
}

int sl_write_all(int fd, const void *data, size_t size) {
  const char *at = data;
  while (size > 0) {
    const ssize_t put = write(fd, at, size);
    if (put < 0 && errno == EINTR) continue;
    if (put == 0) errno = EIO; /* or this loop would have no end */
    if (put <= 0) return -1;
    at += put;
    size -= (size_t)put;
  }
  return 0;
}

int sl_sync(int fd) {
  int failed;
  do failed = fsync(fd);
  while (failed && errno == EINTR);
  return failed;
}

/* Flushes the folder's entries, so that a rename in it survives a power cut. File systems that
 * cannot flush a folder (some of FUSE, older CIFS) say EINVAL or the like: there is nothing more
 * to be done on them, so it is no failure. */
int sl_sync_folder(const char *path) {
  const int fd = sl_open(path, O_RDONLY | O_DIRECTORY);
  if (fd < 0) return -1;
  int failed = sl_sync(fd);
  if (failed && (errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)) failed = 0;
  const int saved = errno;
  close(fd);
  errno = saved;
  return failed;
}

/* The folder that holds path, in a fresh string; NULL if memory is short. */
static char *parent_of(const char *path) {
  size_t n = strlen(path);
  char *parent = malloc(n + 2);
  if (!parent) return NULL;
  memcpy(parent, path, n + 1);
  while (n > 1 && parent[n - 1] == '/') parent[--n] = 0;
  char *slash = strrchr(parent, '/');
  if (slash == parent) slash++;
  if (slash)
    *slash = 0;
  else
    strcpy(parent, ".");
  return parent;
}

int sl_sync_parent(const char *path) {
  char *parent = parent_of(path);
  const int failed = parent ? sl_sync_folder(parent) : -1;
  free(parent);
  return failed;
}

/* "path.tmp-PID": beside path, so that the rename stays within one file system. */
char *sl_temporary_path(const char *path) {
  size_t n = strlen(path);
  while (n > 1 && path[n - 1] == '/') n--;
  char *out = malloc(n + 32);
  if (out) snprintf(out, n + 32, "%.*s" SL_TEMPORARY_MARK "%ld", (int)n, path, (long)getpid());
  return out;
}

static void end(sl_file_writer *w) {
  free(w->path);
  free(w->temporary);
  free(w->parent);
  *w = (sl_file_writer){.fd = -1};
}

void sl_file_abort(sl_file_writer *w) {
  if (w->fd >= 0) close(w->fd);
  if (w->temporary) unlink(w->temporary);
  end(w);
}

/* All memory is taken here, so that none can be short after the rename. Messages name the file that
 * the user knows. */
sl_status sl_file_begin(sl_file_writer *w, const char *path, sl_error *err) {
  *w = (sl_file_writer){strdup(path), sl_temporary_path(path), parent_of(path), -1};
  if (!w->path || !w->temporary || !w->parent)
    return sl_fail(err, SL_ERR_MEMORY, "%s: no memory", path);
  w->fd = sl_open(w->temporary, O_WRONLY | O_CREAT | O_TRUNC);
  return w->fd < 0 ? fail_io(err, path, "create") : SL_OK;
}

sl_status sl_file_add(sl_file_writer *w, const void *data, size_t size, sl_error *err) {
  return sl_write_all(w->fd, data, size) ? fail_io(err, w->path, "write") : SL_OK;
}

sl_status sl_file_commit(sl_file_writer *w, sl_error *err) {
  sl_status status = sl_sync(w->fd) ? fail_io(err, w->path, "write") : SL_OK;
  /* EINTR: Linux has closed it all the same, and what it held is flushed */
  if (close(w->fd) != 0 && errno != EINTR && status == SL_OK)
    status = fail_io(err, w->path, "close");
  w->fd = -1;
  if (status == SL_OK && (rename(w->temporary, w->path) != 0 || sl_sync_folder(w->parent) != 0))
    status = fail_io(err, w->path, "put the written file in place");
  if (status != SL_OK) unlink(w->temporary);
  end(w);
  return status;
}

sl_status sl_file_write(const char *path, const sl_bytes *pieces, size_t count, sl_error *err) {
  sl_file_writer w;
  sl_status status = sl_file_begin(&w, path, err);
  for (size_t i = 0; i < count && status == SL_OK; i++)
    status = sl_file_add(&w, pieces[i].data, pieces[i].size, err);
  if (status == SL_OK) return sl_file_commit(&w, err);
  sl_file_abort(&w);
  return status;
}
