/* libFuzzer harness of the arrays in an .npz (spec F6.4, F6.5). An input is a byte that chooses
 * compression and version, then sections with an array each: its name, the header's text and the
 * items, the first two ended by a new line. The archive and the lengths are made here, so that no
 * wrong checksum hides what is behind it. */
#include "dump_check.h"
#include "input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#define MEMBERS_MAX 8

/* "NAME.npy", and the array as a file; freed by the caller. */
static uint8_t *array_of(section in, unsigned version, char name[static 64], size_t *size) {
  const uint8_t *line = memchr(in.data, '\n', in.size);
  const size_t n = line ? (size_t)(line - in.data) : 0;
  snprintf(name, 64, "%.*s.npy", (int)(n < 50 ? n : 50), (const char *)in.data);
  in.data += n + (line != NULL), in.size -= n + (line != NULL);
  line = memchr(in.data, '\n', in.size);
  const size_t header = line ? (size_t)(line - in.data) + 1 : in.size;
  const size_t prefix = version == 1 ? 10 : 12;
  const uint8_t start[12] = {
      0x93, 'N', 'U', 'M', 'P', 'Y', (uint8_t)version, 0, header & 0xff, (uint8_t)(header >> 8)};
  uint8_t *out = malloc(prefix + in.size);
  if (!out) abort();
  memcpy(out, start, prefix);
  if (in.size) memcpy(out + prefix, in.data, in.size);
  *size = prefix + in.size;
  return out;
}

/* One more member; its array, which must outlive the archive. */
static uint8_t *add_member(zip_t *zip, section in, unsigned choice) {
  char name[64];
  size_t size;
  uint8_t *array = array_of(in, choice >> 1 & 3 ? choice >> 1 & 3 : 1, name, &size);
  zip_source_t *source = zip_source_buffer(zip, array, size, 0);
  const zip_int64_t index = source ? zip_file_add(zip, name, source, 0) : -1;
  const zip_int32_t method = choice & 1 ? ZIP_CM_DEFLATE : ZIP_CM_STORE;
  if (index < 0) /* a name that is no UTF-8, or there before */
    zip_source_free(source);
  else if (zip_set_file_compression(zip, (zip_uint64_t)index, method, 1) != 0)
    abort();
  return array;
}

/* What libzip has written to memory; freed by the caller. */
static uint8_t *bytes_of(zip_source_t *buffer, size_t *size) {
  zip_stat_t info;
  if (zip_source_stat(buffer, &info) != 0 || zip_source_open(buffer) != 0) abort();
  uint8_t *out = malloc(info.size);
  if (!out || zip_source_read(buffer, out, info.size) != (zip_int64_t)info.size) abort();
  zip_source_close(buffer);
  *size = info.size;
  return out;
}

/* NULL for an archive without members, which libzip does not write. */
static uint8_t *archive_of(const uint8_t *data, size_t size, unsigned choice, size_t *out_size) {
  zip_source_t *buffer = zip_source_buffer_create(NULL, 0, 0, NULL);
  zip_t *zip = buffer ? zip_open_from_source(buffer, ZIP_TRUNCATE, NULL) : NULL;
  uint8_t *arrays[MEMBERS_MAX] = {NULL}, *out = NULL;
  if (!zip) abort();
  zip_source_keep(buffer);
  for (int i = 0; i < MEMBERS_MAX && size; i++)
    arrays[i] = add_member(zip, next_section(&data, &size, i + 1 == MEMBERS_MAX), choice);
  const int is_empty = zip_get_num_entries(zip, 0) == 0;
  if (zip_close(zip) != 0) abort();
  if (!is_empty) out = bytes_of(buffer, out_size);
  zip_source_free(buffer);
  for (int i = 0; i < MEMBERS_MAX; i++) free(arrays[i]);
  return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  size_t archive_size;
  uint8_t *archive = archive_of(data + 1, size - 1, *data, &archive_size);
  if (!archive) return 0;
  dump_check(scratch_file("dump.npz", (section){archive, archive_size}));
  free(archive);
  return 0;
}
