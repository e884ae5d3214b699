/* Zip archives through libzip (see archive.h). */
#include "archive.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

/* A deflated byte cannot stand for more: a match of 258 bytes takes two bits at least. */
#define DEFLATE_RATIO_MAX 1032
#define LOCAL_HEADER_BYTES 30 /* of a member, besides name and extra fields */

struct sl_archive {
  sl_mapped_file map;
  zip_t *zip;
  size_t count;
};

int sl_archive_is(const unsigned char *data, size_t size) {
  static const unsigned char none[4] = {0};
  if (size < 9 || (memcmp(data, "PK\3\4", 4) != 0 && memcmp(data, "PK\5\6", 4) != 0)) return 0;
  return memcmp(data + 4, none, 4) != 0 || data[8] != '{';
}

static sl_status fail_zip(sl_error *err, const char *path, zip_error_t *error) {
  if (zip_error_code_zip(error) == ZIP_ER_NOZIP)
    return sl_fail(err, SL_ERR_INPUT,
                   "%s: a zip archive that is cut off or damaged: no list of members at its end",
                   path);
  return sl_fail(err, SL_ERR_INPUT, "%s: a damaged zip archive: %s", path,
                 zip_error_strerror(error));
}

static sl_status open_zip(sl_archive *archive, sl_error *err) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t *source = zip_source_buffer_create(archive->map.data, archive->map.size, 0, &error);
  if (source) archive->zip = zip_open_from_source(source, ZIP_RDONLY, &error);
  const sl_status status = archive->zip ? SL_OK : fail_zip(err, archive->map.path, &error);
  if (!archive->zip) zip_source_free(source);
  zip_error_fini(&error);
  return status;
}

/* Members lie one behind the other: all together they are no larger than the file. */
static sl_status check_overlap(sl_archive *archive, sl_error *err) {
  uint64_t left = archive->map.size;
  for (size_t i = 0; i < archive->count; i++) {
    zip_stat_t info;
    if (zip_stat_index(archive->zip, i, 0, &info) != 0 || !info.name)
      return fail_zip(err, archive->map.path, zip_get_error(archive->zip));
    if (left < LOCAL_HEADER_BYTES || info.comp_size > left - LOCAL_HEADER_BYTES)
      return sl_fail(err, SL_ERR_INPUT,
                     "%s: member %s: members overlap, or exceed the file's %zu bytes",
                     archive->map.path, info.name, archive->map.size);
    left -= LOCAL_HEADER_BYTES + info.comp_size;
  }
  return SL_OK;
}

sl_status sl_archive_open(sl_archive **out, sl_mapped_file *map, sl_error *err) {
  sl_archive *archive = calloc(1, sizeof *archive);
  if (!archive) {
    const sl_status status = sl_fail(err, SL_ERR_MEMORY, "%s: no memory", map->path);
    sl_mapped_file_close(map);
    return status;
  }
  archive->map = *map;
  *map = (sl_mapped_file){NULL, NULL, 0};
  sl_status status = open_zip(archive, err);
  if (status == SL_OK) {
    archive->count = (size_t)zip_get_num_entries(archive->zip, 0);
    status = check_overlap(archive, err);
  }
  if (status == SL_OK)
    *out = archive;
  else
    sl_archive_close(archive);
  return status;
}

void sl_archive_close(sl_archive *archive) {
  if (!archive) return;
  if (archive->zip) zip_discard(archive->zip);
  sl_mapped_file_close(&archive->map);
  free(archive);
}

const char *sl_archive_path(const sl_archive *archive) { return archive->map.path; }

size_t sl_archive_count(const sl_archive *archive) { return archive->count; }

const char *sl_archive_name(const sl_archive *archive, size_t index) {
  return zip_get_name(archive->zip, index, 0);
}

static sl_status check_member(const zip_stat_t *info, const char *path, sl_error *err) {
  if (info->encryption_method != ZIP_EM_NONE)
    return sl_fail(err, SL_ERR_INPUT, "%s: member %s: it is encrypted", path, info->name);
  if (info->comp_method != ZIP_CM_STORE && info->comp_method != ZIP_CM_DEFLATE)
    return sl_fail(err, SL_ERR_INPUT,
                   "%s: member %s: compression method %d, expected 0 (stored) or 8 (deflated)",
                   path, info->name, info->comp_method);
  const int stored = info->comp_method == ZIP_CM_STORE;
  if (stored ? info->size != info->comp_size : info->size / DEFLATE_RATIO_MAX > info->comp_size)
    return sl_fail(err, SL_ERR_INPUT, "%s: member %s: %ju bytes cannot come from %ju that are %s",
                   path, info->name, (uintmax_t)info->size, (uintmax_t)info->comp_size,
                   stored ? "stored" : "deflated");
  return SL_OK;
}

sl_status sl_member_open(sl_member *out, sl_archive *archive, size_t index, sl_error *err) {
  zip_stat_t info;
  const char *path = archive->map.path;
  if (zip_stat_index(archive->zip, index, 0, &info) != 0)
    return fail_zip(err, path, zip_get_error(archive->zip));
  SL_TRY(check_member(&info, path, err));
  zip_file_t *stream = zip_fopen_index(archive->zip, index, 0);
  if (!stream)
    return sl_fail(err, SL_ERR_INPUT, "%s: member %s: %s", path, info.name,
                   zip_strerror(archive->zip));
  *out = (sl_member){path, info.name, stream, (size_t)info.size, 0};
  return SL_OK;
}

sl_status sl_member_read(sl_member *member, void *out, size_t n, sl_error *err) {
  for (size_t done = 0; done < n;) {
    const zip_int64_t got = zip_fread(member->stream, (unsigned char *)out + done, n - done);
    if (got < 0)
      return sl_fail(err, SL_ERR_INPUT, "%s: member %s: byte %zu: damaged (%s)", member->path,
                     member->name, member->at, zip_file_strerror(member->stream));
    if (got == 0)
      return sl_fail(err, SL_ERR_INPUT, "%s: member %s: ends at byte %zu of %zu", member->path,
                     member->name, member->at, member->size);
    done += (size_t)got;
    member->at += (size_t)got;
  }
  return SL_OK;
}

sl_status sl_member_end(sl_member *member, sl_error *err) {
  unsigned char more;
  const zip_int64_t got = zip_fread(member->stream, &more, 1);
  if (got == 0) return SL_OK;
  if (got < 0)
    return sl_fail(err, SL_ERR_INPUT, "%s: member %s: byte %zu: damaged (%s)", member->path,
                   member->name, member->at, zip_file_strerror(member->stream));
  return sl_fail(err, SL_ERR_INPUT, "%s: member %s: byte %zu: it goes on behind its size",
                 member->path, member->name, member->at);
}

void sl_member_close(sl_member *member) {
  if (member->stream) zip_fclose(member->stream);
  member->stream = NULL;
}
