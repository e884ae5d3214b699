/* Zip archives, mapped into memory and read through libzip (spec F6.4): members that are stored or
 * deflated, not encrypted, each no larger than its compressed bytes can hold. */
#ifndef SLUICE_ARCHIVE_H
#define SLUICE_ARCHIVE_H

#include "mapped_file.h"

#include <sluice/status.h>

#include <stddef.h>

typedef struct sl_archive sl_archive;

/* 1 if data begins as an archive does, and not as a safetensors file whose header has that length.
 */
int sl_archive_is(const unsigned char *data, size_t size);

/* Takes the map over, on error too. SL_ERR_INPUT if it is no archive, is cut, or its members
 * overlap. */
sl_status sl_archive_open(sl_archive **out, sl_mapped_file *map, sl_error *err);
void sl_archive_close(sl_archive *archive);

const char *sl_archive_path(const sl_archive *archive);
size_t sl_archive_count(const sl_archive *archive);
/* Name of a member as UTF-8: libzip refuses what is none. Valid until close. */
const char *sl_archive_name(const sl_archive *archive, size_t index);

/* A member that is being read, from its first byte on. */
typedef struct {
  const char *path, *name;
  void *stream;
  size_t size, at;
} sl_member;

/* SL_ERR_INPUT for a member of another compression, an encrypted one, or a size that its compressed
 * bytes cannot give. */
sl_status sl_member_open(sl_member *out, sl_archive *archive, size_t index, sl_error *err);
/* The next n bytes, n at most what is left by its size. SL_ERR_INPUT with the byte of the member.
 */
sl_status sl_member_read(sl_member *member, void *out, size_t n, sl_error *err);
/* Checks that the member ends here with the right checksum. */
sl_status sl_member_end(sl_member *member, sl_error *err);
void sl_member_close(sl_member *member);

#endif
