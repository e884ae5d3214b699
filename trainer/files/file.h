/* Whole files and folders, read with a limit and written atomically (spec F1.1); how one file is
 * written stands in kernels/support/file_write.h. */
#ifndef SLUICE_FILE_H
#define SLUICE_FILE_H

#include "kernels/core/input_file.h"
#include "kernels/support/file_write.h"

#include <sluice/status.h>

#include <stddef.h>

/* Reads a regular file whole; *out is NUL-terminated and freed by the caller. SL_ERR_INPUT if it is
 * absent, may not be read, is no regular file, or larger than max bytes; SL_ERR_IO. */
sl_status sl_file_read(char **out, size_t *size, const char *path, size_t max, sl_error *err);

/* Opens what must be a regular file, for reading: a pipe without a writer does not wait for one, so
 * that the caller can refuse it. A descriptor, or -1 and errno. */
int sl_open_input(const char *path);

/* Copies what is left to read of one open file to another; 0, or -1 and errno. */
int sl_copy_bytes(int to, int from);

/* folder/name in a fresh string, freed by the caller; NULL if memory is short. */
char *sl_path_join(const char *folder, const char *name);

/* 1 if there is a file, folder or link of that name in the folder: a link whose target is gone is
 * there too, so that what is read next says that it cannot be opened. */
int sl_path_holds(const char *folder, const char *name);

/* The absolute path without links, freed by the caller; NULL if there is no such file. */
char *sl_path_real(const char *path);

/* A folder that appears whole or not at all. Between begin and commit the caller writes its files
 * under `temporary`. */
typedef struct {
  char *path, *temporary;
  int keeps; /* set by the caller: what stands at path is somebody's, and is kept */
} sl_folder_write;

/* Makes the temporary folder, a sibling of path (whose parent must exist). */
sl_status sl_folder_begin(sl_folder_write *folder, const char *path, sl_error *err);
/* Flushes the folder and puts it at path; what stood there is exchanged in one step. It is then
 * removed; but a folder with files that the new one does not have, or with folders, or a link, and
 * what `keeps` says, ends up at PATH.kept-N, and standard error says so. Frees folder, on error
 * too. */
sl_status sl_folder_commit(sl_folder_write *folder, sl_error *err);
/* Removes the temporary folder. Frees folder. */
void sl_folder_abort(sl_folder_write *folder);

/* Removes from a folder the temporary files and folders of writers that are gone: NAME.tmp-PID, any
 * NAME if it is NULL. One that is not flat is kept under another name, with a word. */
sl_status sl_leftovers_remove(const char *folder, const char *name, sl_error *err);

/* Renames what somebody else may need to PATH.kept-N, N the first number that is free, and says so
 * on standard error. */
sl_status sl_path_keep(const char *path, sl_error *err);

/* 1 if path is a folder, not a link to one, that holds only plain files. */
int sl_folder_is_flat(const char *path);
/* Removes the files of a flat folder and the folder; another one is left as it is. */
sl_status sl_folder_remove(const char *path, sl_error *err);

/* Makes the folder that the first n bytes of a path name, and those above it, where they are
 * missing. SL_ERR_IO, SL_ERR_MEMORY. */
sl_status sl_folders_make(const char *path, size_t n, sl_error *err);

#endif
