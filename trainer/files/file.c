/* Whole files and folders, read with a limit and written atomically (spec F1.1). */
#define _GNU_SOURCE /* renameat2, realpath */
#include "file.h"

#include "kernels/support/run_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static sl_status fail_io(sl_error *err, const char *path, const char *what) {
  return sl_fail(err, SL_ERR_IO, "%s: cannot %s: %s", path, what, strerror(errno));
}

int sl_open_input(const char *path) { return sl_open(path, O_RDONLY | O_NONBLOCK); }

char *sl_path_join(const char *folder, const char *name) {
  const size_t size = strlen(folder) + strlen(name) + 2;
  char *out = malloc(size);
  if (out) snprintf(out, size, "%s/%s", folder, name);
  return out;
}

int sl_path_holds(const char *folder, const char *name) {
  char path[PATH_MAX]; /* no system call takes a longer one; and short memory is no absence */
  struct stat info;
  const int n = snprintf(path, sizeof path, "%s/%s", folder, name);
  return n > 0 && (size_t)n < sizeof path && lstat(path, &info) == 0;
}

char *sl_path_real(const char *path) { return realpath(path, NULL); }

static sl_status read_stream(char **out, size_t *size, int fd, const char *path, size_t max,
                             sl_error *err) {
  struct stat info;
  if (fstat(fd, &info) != 0) return fail_io(err, path, "stat");
  if (!S_ISREG(info.st_mode)) return sl_fail(err, SL_ERR_INPUT, "%s: not a regular file", path);
  if ((uintmax_t)info.st_size > max)
    return sl_fail(err, SL_ERR_INPUT, "%s: %jd bytes; at most %zu are expected", path,
                   (intmax_t)info.st_size, max);
  const size_t n = (size_t)info.st_size;
  char *data = malloc(n + 1);
  if (!data) return sl_fail(err, SL_ERR_MEMORY, "%s: no memory for %zu bytes", path, n);
  size_t done = 0;
  while (done < n) {
    const ssize_t got = read(fd, data + done, n - done);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      free(data);
      return got < 0 ? fail_io(err, path, "read")
                     : sl_fail(err, SL_ERR_IO, "%s: ended at byte %zu of %zu while it was read",
                               path, done, n);
    }
    done += (size_t)got;
  }
  data[n] = 0;
  *out = data;
  *size = n;
  return SL_OK;
}

sl_status sl_file_read(char **out, size_t *size, const char *path, size_t max, sl_error *err) {
  const int fd = sl_open_input(path);
  if (fd < 0) return sl_fail_open(err, path);
  const sl_status status = read_stream(out, size, fd, path, max, err);
  close(fd);
  return status;
}

/* Of what will be removed: a link is not followed, for what it names is somebody else's. */
static DIR *open_folder(const char *path) {
  const int fd = sl_open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  DIR *dir = fd < 0 ? NULL : fdopendir(fd);
  if (!dir && fd >= 0) close(fd);
  return dir;
}

int sl_copy_bytes(int to, int from) {
  char bytes[1 << 16];
  for (;;) {
    const ssize_t got = read(from, bytes, sizeof bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return (int)got;
    if (sl_write_all(to, bytes, (size_t)got) != 0) return -1;
  }
}

int sl_folder_is_flat(const char *path) {
  DIR *dir = open_folder(path);
  if (!dir) return 0;
  int flat = 1;
  for (struct dirent *e; flat && (e = readdir(dir));) {
    struct stat st;
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    flat = fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
  }
  closedir(dir);
  return flat;
}

sl_status sl_folder_remove(const char *path, sl_error *err) {
  if (!sl_folder_is_flat(path))
    return sl_fail(err, SL_ERR_IO, "%s: it is a link, cannot be read, or holds more than files",
                   path);
  DIR *folder = open_folder(path);
  if (!folder) return fail_io(err, path, "open");
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
        unlinkat(dirfd(folder), entry->d_name, 0) != 0) {
      const sl_status status = fail_io(err, path, "empty the folder");
      closedir(folder);
      return status;
    }
  closedir(folder);
  return rmdir(path) == 0 ? SL_OK : fail_io(err, path, "remove");
}

static int is_there(const char *path) {
  struct stat st;
  return lstat(path, &st) == 0;
}

/* PATH.kept-N, N the first number that is free; NULL without memory. */
static char *kept_path(const char *path) {
  const size_t size = strlen(path) + 32;
  char *kept = malloc(size);
  for (unsigned i = 1; kept; i++) {
    snprintf(kept, size, "%s" SL_KEPT_MARK "%u", path, i);
    if (!is_there(kept)) break;
  }
  return kept;
}

static void say_kept(const char *path, const char *kept) {
  fprintf(stderr, "note: %s holds what this program did not write: it is kept as %s\n", path, kept);
}

sl_status sl_path_keep(const char *path, sl_error *err) {
  char *kept = kept_path(path);
  if (!kept) return sl_fail(err, SL_ERR_MEMORY, "%s: no memory", path);
  const sl_status status = rename(path, kept) == 0 ? SL_OK : fail_io(err, path, "set it aside");
  if (!status) say_kept(path, kept);
  free(kept);
  return status;
}

/* 1 if entry is "NAME.tmp-PID" for that name, or for any. */
static int is_leftover(const char *entry, const char *name) {
  const char *mark = strstr(entry, SL_TEMPORARY_MARK);
  for (const char *next = mark; next; next = strstr(next + 1, SL_TEMPORARY_MARK)) mark = next;
  if (!mark) return 0;
  const char *pid = mark + strlen(SL_TEMPORARY_MARK);
  if (!*pid || pid[strspn(pid, "0123456789")]) return 0;
  return !name ||
         (strlen(name) == (size_t)(mark - entry) && strncmp(entry, name, strlen(name)) == 0);
}

sl_status sl_leftovers_remove(const char *folder, const char *name, sl_error *err) {
  DIR *dir = opendir(folder);
  if (!dir) return fail_io(err, folder, "open");
  sl_status status = SL_OK;
  for (struct dirent *entry; status == SL_OK && (entry = readdir(dir)) != NULL;) {
    if (!is_leftover(entry->d_name, name)) continue;
    char *path = sl_path_join(folder, entry->d_name);
    if (!path)
      status = sl_fail(err, SL_ERR_MEMORY, "%s: no memory", folder);
    else if (unlink(path) != 0) /* a folder, then */
      status = sl_folder_is_flat(path) ? sl_folder_remove(path, err) : sl_path_keep(path, err);
    free(path);
  }
  closedir(dir);
  return status;
}

static void folder_free(sl_folder_write *folder) {
  free(folder->path);
  free(folder->temporary);
  *folder = (sl_folder_write){NULL, NULL, 0};
}

sl_status sl_folder_begin(sl_folder_write *folder, const char *path, sl_error *err) {
  sl_folder_write made = {strdup(path), sl_temporary_path(path), 0};
  if (!made.path || !made.temporary) {
    folder_free(&made);
    return sl_fail(err, SL_ERR_MEMORY, "%s: no memory", path);
  }
  sl_status status = SL_OK;
  struct stat info;
  if (lstat(made.temporary, &info) == 0) /* left by a killed process with our process id */
    status = sl_folder_is_flat(made.temporary) ? sl_folder_remove(made.temporary, err)
                                               : sl_path_keep(made.temporary, err);
  if (!status && mkdir(made.temporary, 0777) != 0)
    status = fail_io(err, made.temporary, "make the folder");
  if (status) {
    folder_free(&made);
    return status;
  }
  *folder = made;
  return SL_OK;
}

/* 1 if path is no folder of plain files whose names the new one has too: replaced, the rest would
 * be lost. */
static int holds_more(const sl_folder_write *folder) {
  struct stat st;
  if (lstat(folder->path, &st) != 0) return 0;
  if (!S_ISDIR(st.st_mode) || !sl_folder_is_flat(folder->path)) return 1;
  DIR *dir = opendir(folder->path);
  int more = !dir;
  for (struct dirent *e; dir && !more && (e = readdir(dir));)
    more = !sl_path_holds(folder->temporary, e->d_name);
  if (dir) closedir(dir);
  return more;
}

/* Puts temporary at path in one step; a folder that stood there ends up at temporary. */
static sl_status exchange(const sl_folder_write *folder, sl_error *err) {
  if (!is_there(folder->path))
    return rename(folder->temporary, folder->path) == 0
               ? SL_OK
               : fail_io(err, folder->path, "put the written folder in place");
  if (renameat2(AT_FDCWD, folder->temporary, AT_FDCWD, folder->path, RENAME_EXCHANGE) != 0)
    return fail_io(
        err, folder->path,
        "replace the folder in one step (remove it first where the file system cannot do that)");
  return SL_OK;
}

/* The exchange for what is kept: the new folder goes to the free name first, so that the one step
 * puts the old one there. At no moment is there nothing at path, and at none does the old folder
 * have a temporary name, under which it would be removed; a kill before the step leaves the new one
 * at PATH.kept-N. */
static sl_status exchange_and_keep(sl_folder_write *folder, sl_error *err) {
  char *kept = kept_path(folder->path);
  if (!kept) return sl_fail(err, SL_ERR_MEMORY, "%s: no memory", folder->path);
  if (rename(folder->temporary, kept) != 0) {
    free(kept);
    return fail_io(err, folder->path, "set it aside");
  }
  free(folder->temporary);
  folder->temporary = kept;
  SL_TRY(exchange(folder, err));
  say_kept(folder->path, kept);
  return SL_OK;
}

static sl_status remove_temporary(const sl_folder_write *folder, sl_status status, sl_error *err) {
  sl_error inner;
  if (!is_there(folder->temporary)) return status;
  const sl_status removed = sl_folder_remove(folder->temporary, status == SL_OK ? err : &inner);
  return status ? status : removed;
}

sl_status sl_folder_commit(sl_folder_write *folder, sl_error *err) {
  const int keeps = is_there(folder->path) && (folder->keeps || holds_more(folder));
  sl_status status =
      sl_sync_folder(folder->temporary) == 0 ? SL_OK : fail_io(err, folder->temporary, "flush");
  if (status == SL_OK) status = keeps ? exchange_and_keep(folder, err) : exchange(folder, err);
  const int is_kept = keeps && status == SL_OK;
  if (status == SL_OK && sl_sync_parent(folder->path) != 0)
    status = fail_io(err, folder->path, "flush the parent folder");
  if (!is_kept) status = remove_temporary(folder, status, err);
  folder_free(folder);
  return status;
}

void sl_folder_abort(sl_folder_write *folder) {
  if (folder->temporary) sl_folder_remove(folder->temporary, NULL);
  folder_free(folder);
}

sl_status sl_folders_make(const char *path, size_t n, sl_error *err) {
  char *copy = strndup(path, n);
  if (!copy) return sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  sl_status status = SL_OK;
  for (char *slash = copy + 1; n && !status; slash++) {
    if (*slash && *slash != '/') continue;
    const char end = *slash;
    *slash = 0;
    if (mkdir(copy, 0777) != 0 && errno != EEXIST)
      status = sl_fail(err, SL_ERR_IO, "%s: %s", copy, strerror(errno));
    *slash = end;
    if (!end) break;
  }
  free(copy);
  return status;
}
