/* Reads safetensors (spec F1.3): every value of the header is checked before it is used. */
#include "safetensors.h"

#include "json_text.h"
#include "recognise.h"

#include <jansson.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_MAX ((uint64_t)100000000) /* the limit of the format's own library */
#define PREFIX 8                         /* the header's length, u64 little-endian */

struct sl_safetensors {
  sl_mapped_file map;
  size_t data_start; /* byte of the file where the tensors begin */
  json_t *header;    /* owns the names */
  sl_metadata metadata;
  sl_tensor_view *tensors;
  size_t count;
};

void sl_safetensors_close(sl_safetensors *file) {
  if (!file) return;
  sl_mapped_file_close(&file->map);
  sl_metadata_free(&file->metadata);
  json_decref(file->header);
  free(file->tensors);
  free(file);
}

size_t sl_safetensors_count(const sl_safetensors *file) { return file->count; }

const sl_tensor_view *sl_safetensors_at(const sl_safetensors *file, size_t index) {
  return &file->tensors[index];
}

const sl_tensor_view *sl_safetensors_find(const sl_safetensors *file, const char *name) {
  for (size_t i = 0; i < file->count; i++)
    if (strcmp(file->tensors[i].name, name) == 0) return &file->tensors[i];
  return NULL;
}

const sl_metadata *sl_safetensors_metadata(const sl_safetensors *file) { return &file->metadata; }

static sl_status parse_header(sl_safetensors *file, sl_error *err) {
  if (file->map.size < PREFIX + 2)
    return sl_fail(err, SL_ERR_INPUT, "%s: truncated at byte %zu: no room for a header",
                   file->map.path, file->map.size);
  uint64_t n = 0;
  for (int i = 0; i < PREFIX; i++) n |= (uint64_t)file->map.data[i] << (8 * i);
  const char *kind = n > HEADER_MAX || file->map.data[PREFIX] != '{'
                         ? sl_recognise(file->map.data, file->map.size)
                         : NULL; /* a header's length may happen to look like one */
  if (kind) return sl_fail(err, SL_ERR_INPUT, "%s: byte 0: %s", file->map.path, kind);
  if (n < 2 || n > HEADER_MAX)
    return sl_fail(err, SL_ERR_INPUT,
                   "%s: byte 0: header length %ju, expected 2 to %ju: this is no safetensors file",
                   file->map.path, (uintmax_t)n, (uintmax_t)HEADER_MAX);
  if (n > file->map.size - PREFIX)
    return sl_fail(err, SL_ERR_INPUT, "%s: truncated at byte %zu: the header ends at byte %ju",
                   file->map.path, file->map.size, (uintmax_t)n + PREFIX);
  if (file->map.data[PREFIX] != '{')
    return sl_fail(err, SL_ERR_INPUT, "%s: byte %d: the header does not start with '{'",
                   file->map.path, PREFIX);
  json_error_t bad;
  const sl_status status =
      sl_json_load(&file->header, file->map.path, (const char *)file->map.data + PREFIX, (size_t)n,
                   JSON_REJECT_DUPLICATES, &bad, err);
  if (status == SL_ERR_MEMORY) return status;
  if (status)
    return sl_fail(err, SL_ERR_INPUT, "%s: byte %d: header: %s", file->map.path,
                   PREFIX + (bad.position > 0 ? bad.position : 0), bad.text);
  file->data_start = (size_t)n + PREFIX;
  return SL_OK;
}

/* A member that must be a non-negative integer. */
static int get_size(const json_t *value, size_t *out) {
  if (!json_is_integer(value) || json_integer_value(value) < 0) return 0;
  *out = (size_t)json_integer_value(value);
  return 1;
}

static sl_status parse_shape(const sl_safetensors *file, sl_tensor_view *tensor,
                             const json_t *shape, sl_error *err) {
  if (!json_is_array(shape) || json_array_size(shape) > SL_TENSOR_RANK_MAX)
    return sl_fail(err, SL_ERR_INPUT, "%s: tensor %s: shape: expected an array of at most %d sizes",
                   file->map.path, tensor->name, SL_TENSOR_RANK_MAX);
  tensor->rank = json_array_size(shape);
  for (size_t i = 0; i < tensor->rank; i++)
    if (!get_size(json_array_get(shape, i), &tensor->shape[i]))
      return sl_fail(err, SL_ERR_INPUT,
                     "%s: tensor %s: shape[%zu]: expected a non-negative integer", file->map.path,
                     tensor->name, i);
  return sl_tensor_count(tensor, file->map.path, err);
}

static sl_status parse_offsets(const sl_safetensors *file, sl_tensor_view *tensor,
                               const json_t *offsets, sl_error *err) {
  size_t begin, end;
  if (!json_is_array(offsets) || json_array_size(offsets) != 2 ||
      !get_size(json_array_get(offsets, 0), &begin) || !get_size(json_array_get(offsets, 1), &end))
    return sl_fail(err, SL_ERR_INPUT,
                   "%s: tensor %s: data_offsets: expected two non-negative integers",
                   file->map.path, tensor->name);
  const size_t room = file->map.size - file->data_start;
  if (begin > end || end > room)
    return sl_fail(
        err, SL_ERR_INPUT,
        "%s: tensor %s: data_offsets %zu to %zu are not within the %zu bytes of data from byte %zu",
        file->map.path, tensor->name, begin, end, room, file->data_start);
  const size_t needed = tensor->count * sl_tensor_type_bytes(tensor->type);
  if (end - begin != needed)
    return sl_fail(err, SL_ERR_INPUT,
                   "%s: tensor %s: byte %zu: %zu bytes of data, its shape needs %zu",
                   file->map.path, tensor->name, file->data_start + begin, end - begin, needed);
  tensor->data = file->map.data + file->data_start + begin;
  return SL_OK;
}

static sl_status parse_tensor(const sl_safetensors *file, sl_tensor_view *tensor, const char *name,
                              const json_t *entry, sl_error *err) {
  *tensor = (sl_tensor_view){.name = name};
  if (!json_is_object(entry))
    return sl_fail(err, SL_ERR_INPUT, "%s: tensor %s: expected an object", file->map.path, name);
  const json_t *dtype = json_object_get(entry, "dtype");
  if (!json_is_string(dtype))
    return sl_fail(err, SL_ERR_INPUT, "%s: tensor %s: dtype: expected a string", file->map.path,
                   name);
  tensor->type = sl_tensor_type_find(json_string_value(dtype));
  if (tensor->type == SL_TENSOR_TYPES)
    return sl_fail(err, SL_ERR_INPUT, "%s: tensor %s: dtype %s is not supported; convert it to F32",
                   file->map.path, name, json_string_value(dtype));
  sl_status status = parse_shape(file, tensor, json_object_get(entry, "shape"), err);
  if (status == SL_OK)
    status = parse_offsets(file, tensor, json_object_get(entry, "data_offsets"), err);
  if (status == SL_OK && json_object_size(entry) != 3)
    return sl_fail(err, SL_ERR_INPUT,
                   "%s: tensor %s: a key other than dtype, shape and data_offsets", file->map.path,
                   name);
  return status;
}

static sl_status parse_tensors(sl_safetensors *file, sl_error *err) {
  file->tensors = calloc(json_object_size(file->header) + 1, sizeof *file->tensors);
  if (!file->tensors)
    return sl_fail(err, SL_ERR_MEMORY, "%s: no memory for its tensor table", file->map.path);
  for (void *at = json_object_iter(file->header); at;
       at = json_object_iter_next(file->header, at)) {
    const char *name = json_object_iter_key(at);
    json_t *entry = json_object_iter_value(at);
    const sl_status status =
        strcmp(name, SL_METADATA_NAME) == 0
            ? sl_metadata_create(&file->metadata, entry, file->map.path, err)
            : parse_tensor(file, &file->tensors[file->count++], name, entry, err);
    if (status != SL_OK) return status;
  }
  return SL_OK;
}

/* By the place of the data; empty tensors before what starts at the same byte. */
static int by_place(const void *left, const void *right) {
  const sl_tensor_view *a = left, *b = right;
  const uintptr_t x = (uintptr_t)a->data, y = (uintptr_t)b->data;
  if (x != y) return x < y ? -1 : 1;
  return a->count < b->count ? -1 : a->count > b->count;
}

/* The tensors tile the data: no overlap, no gap, nothing after the last. */
static sl_status check_tiling(sl_safetensors *file, sl_error *err) {
  qsort(file->tensors, file->count, sizeof *file->tensors, by_place);
  size_t expected = file->data_start;
  for (size_t i = 0; i < file->count; i++) {
    const sl_tensor_view *tensor = &file->tensors[i];
    const size_t start = (size_t)((const unsigned char *)tensor->data - file->map.data);
    if (start < expected)
      return sl_fail(
          err, SL_ERR_INPUT,
          "%s: tensor %s: byte %zu: overlaps the tensor before it, which ends at byte %zu",
          file->map.path, tensor->name, start, expected);
    if (start > expected)
      return sl_fail(err, SL_ERR_INPUT, "%s: byte %zu: a gap of %zu bytes before tensor %s",
                     file->map.path, expected, start - expected, tensor->name);
    expected = start + tensor->count * sl_tensor_type_bytes(tensor->type);
  }
  if (expected != file->map.size)
    return sl_fail(err, SL_ERR_INPUT, "%s: byte %zu: %zu bytes after the last tensor",
                   file->map.path, expected, file->map.size - expected);
  return SL_OK;
}

sl_status sl_safetensors_from_map(sl_safetensors **out, sl_mapped_file *map, sl_error *err) {
  sl_safetensors *file = calloc(1, sizeof *file);
  if (!file) {
    const sl_status status = sl_fail(err, SL_ERR_MEMORY, "%s: no memory", map->path);
    sl_mapped_file_close(map);
    return status;
  }
  file->map = *map;
  *map = (sl_mapped_file){NULL, NULL, 0};
  sl_status status = parse_header(file, err);
  if (status == SL_OK) status = parse_tensors(file, err);
  if (status == SL_OK) status = check_tiling(file, err);
  if (status != SL_OK) {
    sl_safetensors_close(file);
    return status;
  }
  *out = file;
  return SL_OK;
}

sl_status sl_safetensors_open(sl_safetensors **out, const char *path, sl_error *err) {
  sl_mapped_file map;
  SL_TRY(sl_mapped_file_open(&map, path, err));
  return sl_safetensors_from_map(out, &map, err);
}

const char *sl_safetensors_path(const sl_safetensors *file) { return file->map.path; }

void sl_safetensors_release(const sl_safetensors *file, const void *from, size_t bytes) {
  sl_mapped_file_release(&file->map, from, (const unsigned char *)from + bytes);
}

size_t sl_safetensors_offset(const sl_safetensors *file, const void *data) {
  return (size_t)((const unsigned char *)data - file->map.data);
}
