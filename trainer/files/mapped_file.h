/* A file in memory as it lies on disk: pages are read when they are looked at. */
#ifndef SLUICE_MAPPED_FILE_H
#define SLUICE_MAPPED_FILE_H

#include <sluice/status.h>

#include <stddef.h>

typedef struct {
  char *path;
  const unsigned char *data; /* NULL for an empty file */
  size_t size;
} sl_mapped_file;

/* SL_ERR_INPUT if it is absent or no regular file; SL_ERR_IO where the system refuses;
 * SL_ERR_MEMORY. */
sl_status sl_mapped_file_open(sl_mapped_file *out, const char *path, sl_error *err);
void sl_mapped_file_close(sl_mapped_file *file);

/* Tells the system that bytes [from, to) will not be needed soon: the whole pages of them stop
 * counting as this process's memory. They may still be read. */
void sl_mapped_file_release(const sl_mapped_file *file, const void *from, const void *to);

#endif
