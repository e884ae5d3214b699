/* Files mapped into memory (see mapped_file.h). */
#define _DEFAULT_SOURCE /* madvise: posix_madvise drops no page */
#include "mapped_file.h"

#include "file.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void sl_mapped_file_close(sl_mapped_file *file) {
  if (file->data) munmap((void *)(uintptr_t)file->data, file->size);
  free(file->path);
  *file = (sl_mapped_file){NULL, NULL, 0};
}

/* The map is private and never written to, so that a page that is dropped reads the same again. */
void sl_mapped_file_release(const sl_mapped_file *file, const void *from, const void *to) {
  const long page = sysconf(_SC_PAGESIZE);
  const size_t size = page > 0 ? (size_t)page : 1,
               first = (size_t)((const unsigned char *)from - file->data) / size * size,
               end = (size_t)((const unsigned char *)to - file->data) / size * size;
  if (first < end) madvise((void *)((uintptr_t)file->data + first), end - first, MADV_DONTNEED);
}

static sl_status map_descriptor(sl_mapped_file *file, int fd, const char *path, sl_error *err) {
  struct stat info;
  if (fstat(fd, &info) != 0)
    return sl_fail(err, SL_ERR_IO, "%s: cannot stat: %s", path, strerror(errno));
  if (!S_ISREG(info.st_mode)) return sl_fail(err, SL_ERR_INPUT, "%s: not a regular file", path);
  file->size = (size_t)info.st_size;
  if (file->size == 0) return SL_OK;
  void *data = mmap(NULL, file->size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (data == MAP_FAILED)
    return sl_fail(err, SL_ERR_IO, "%s: cannot map %zu bytes: %s", path, file->size,
                   strerror(errno));
  file->data = data;
  return SL_OK;
}

sl_status sl_mapped_file_open(sl_mapped_file *out, const char *path, sl_error *err) {
  sl_mapped_file file = {NULL, NULL, 0};
  const int fd = sl_open_input(path);
  if (fd < 0) return sl_fail_open(err, path);
  sl_status status = map_descriptor(&file, fd, path, err);
  close(fd);
  if (status == SL_OK && !(file.path = strdup(path)))
    status = sl_fail(err, SL_ERR_MEMORY, "%s: no memory", path);
  if (status == SL_OK)
    *out = file;
  else
    sl_mapped_file_close(&file);
  return status;
}
