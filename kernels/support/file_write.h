/* How files are written: whole, in spite of signals, and appearing at once (spec F1.1). */
#ifndef SLUICE_FILE_WRITE_H
#define SLUICE_FILE_WRITE_H

#include <sluice/status.h>

#include <stddef.h>

/* open, close-on-exec, with 0666 for a new file, and again where a signal came in between, as
 * file systems on a network have it. A descriptor, or -1 and errno. */
int sl_open(const char *path, int flags);

/* write and fsync of an open file, whole and in spite of signals; 0, or -1 and errno. */
int sl_write_all(int fd, const void *data, size_t size);
int sl_sync(int fd);

/* One piece of a file to be written. */
typedef struct {
  const void *data;
  size_t size;
} sl_bytes;

/* Writes the pieces to path: a temporary file beside it, fsync, rename, fsync of the folder. On
 * error what stood at path still stands, unless it is the folder that cannot be flushed. */
sl_status sl_file_write(const char *path, const sl_bytes *pieces, size_t count, sl_error *err);

/* The same in steps, for what is made while it is written. begin: nothing stands at path yet;
 * commit: it does. After an error of begin or add, abort; both end the writer. */
typedef struct {
  char *path, *temporary, *parent;
  int fd; /* -1: none */
} sl_file_writer;
sl_status sl_file_begin(sl_file_writer *writer, const char *path, sl_error *err);
sl_status sl_file_add(sl_file_writer *writer, const void *data, size_t size, sl_error *err);
sl_status sl_file_commit(sl_file_writer *writer, sl_error *err);
void sl_file_abort(sl_file_writer *writer);

/* Flushes a folder's entries, or those of the folder that holds path; 0, or -1 and errno. */
int sl_sync_folder(const char *path);
int sl_sync_parent(const char *path);

/* "path.tmp-PID" in a fresh string, NULL if memory is short: beside path, so that a rename stays
 * within one file system. */
#define SL_TEMPORARY_MARK ".tmp-"
char *sl_temporary_path(const char *path);

#endif
