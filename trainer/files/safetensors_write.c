/* Writes safetensors (spec F1.3, F1.4, F6.3). */
#include "safetensors_write.h"

#include "file.h"
#include "json_text.h"
#include "kernels/support/utf8.h"

#include <jansson.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static size_t bytes_of(const sl_tensor_view *tensor) {
  return tensor->count * sl_tensor_type_bytes(tensor->type);
}

sl_status sl_safetensors_check_shape(const char *path, const sl_tensor_view *tensor,
                                     sl_error *err) {
  if (tensor->rank > SL_TENSOR_RANK_MAX)
    return sl_fail(err, SL_ERR_USAGE, "%s: tensor %s: rank %zu", path, tensor->name, tensor->rank);
  sl_tensor_view counted = *tensor;
  if (sl_tensor_count(&counted, path, err) != SL_OK)
    return sl_fail(err, SL_ERR_MEMORY, "%s: tensor %s: the product of its shape overflows", path,
                   tensor->name);
  if (counted.count != tensor->count)
    return sl_fail(err, SL_ERR_USAGE, "%s: tensor %s: %zu values, its shape holds %zu", path,
                   tensor->name, tensor->count, counted.count);
  return SL_OK;
}

/* {"dtype": "F32", "shape": [...], "data_offsets": [begin, end]}; NULL if memory is short. */
static json_t *entry_of(const sl_tensor_view *tensor, size_t begin) {
  const size_t end = begin + bytes_of(tensor);
  json_t *shape = json_array();
  for (size_t i = 0; i < tensor->rank; i++)
    if (json_array_append_new(shape, json_integer((json_int_t)tensor->shape[i])) != 0)
      return json_decref(shape), NULL;
  return json_pack("{s:s, s:o, s:[I, I]}", "dtype", sl_tensor_type_name(tensor->type), "shape",
                   shape, "data_offsets", (json_int_t)begin, (json_int_t)end);
}

static sl_status add_metadata(json_t *header, const char *path, const sl_metadata_entry *metadata,
                              size_t n, sl_error *err) {
  json_t *object = json_object();
  sl_status status = SL_OK;
  for (size_t i = 0; i < n && status == SL_OK; i++) {
    const char *key = metadata[i].key, *value = metadata[i].value;
    if (key[sl_utf8_valid(key)] || value[sl_utf8_valid(value)])
      status = sl_fail(err, SL_ERR_USAGE, "%s: metadata %zu is not UTF-8", path, i);
    else if (json_object_get(object, key))
      status = sl_fail(err, SL_ERR_USAGE, "%s: metadata %zu: the key '%s' is taken", path, i, key);
    else if (json_object_set_new(object, key, json_string(value)) != 0)
      status = sl_fail(err, SL_ERR_MEMORY, "%s: no memory for the header", path);
  }
  if (json_object_set_new(header, SL_METADATA_NAME, object) != 0 && status == SL_OK)
    status = sl_fail(err, SL_ERR_MEMORY, "%s: no memory for the header", path);
  return status;
}

static sl_status add_tensors(json_t *header, const char *path, const sl_tensor_view *tensors,
                             size_t count, sl_error *err) {
  size_t at = 0;
  for (size_t i = 0; i < count; i++) {
    if (tensors[i].name[0] == 0 || json_object_get(header, tensors[i].name))
      return sl_fail(err, SL_ERR_USAGE, "%s: tensor %zu: the name '%s' is empty or taken", path, i,
                     tensors[i].name);
    if (tensors[i].name[sl_utf8_valid(tensors[i].name)])
      return sl_fail(err, SL_ERR_USAGE, "%s: tensor %zu: its name is not UTF-8", path, i);
    if (json_object_set_new(header, tensors[i].name, entry_of(&tensors[i], at)) != 0)
      return sl_fail(err, SL_ERR_MEMORY, "%s: no memory for the header", path);
    at += bytes_of(&tensors[i]);
  }
  return SL_OK;
}

/* The header's text behind its length, padded with spaces so that the data starts at a multiple of
 * 8 (spec F1.4). Freed by the caller; NULL if memory is short. */
static char *block_of(const json_t *header, size_t *size) {
  char *text = sl_json_dump(header, JSON_COMPACT);
  const size_t length = text ? strlen(text) : 0, padded = (length + 7) / 8 * 8;
  char *block = text ? malloc(padded + 8) : NULL;
  if (block) {
    memset(block, ' ', padded + 8);
    for (int i = 0; i < 8; i++) block[i] = (char)(unsigned char)((uint64_t)padded >> (8 * i));
    memcpy(block + 8, text, length);
    *size = padded + 8;
  }
  free(text);
  return block;
}

/* The bytes before the tensors; freed by the caller. */
static sl_status create_header(char **out, size_t *size, const char *path,
                               const sl_metadata_entry *metadata, size_t n_metadata,
                               const sl_tensor_view *tensors, size_t count, sl_error *err) {
  json_t *header = json_object();
  sl_status status =
      header ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "%s: no memory for the header", path);
  if (status == SL_OK) status = add_metadata(header, path, metadata, n_metadata, err);
  if (status == SL_OK) status = add_tensors(header, path, tensors, count, err);
  if (status == SL_OK && !(*out = block_of(header, size)))
    status = sl_fail(err, SL_ERR_MEMORY, "%s: no memory for the header", path);
  json_decref(header);
  return status;
}

static sl_status add_as_it_is(sl_file_writer *file, const sl_tensor_view *tensor, sl_error *err) {
  return sl_file_add(file, tensor->data, bytes_of(tensor), err);
}

sl_status sl_safetensors_write_in_order(const char *path, const sl_metadata_entry *metadata,
                                        size_t n_metadata, const sl_tensor_view *tensors,
                                        size_t count, sl_tensor_writer *add, sl_error *err) {
  size_t size = 0;
  char *header;
  sl_file_writer file;
  SL_TRY(create_header(&header, &size, path, metadata, n_metadata, tensors, count, err));
  sl_status status = sl_file_begin(&file, path, err);
  if (status == SL_OK) status = sl_file_add(&file, header, size, err);
  for (size_t i = 0; i < count && status == SL_OK; i++)
    status = (add ? add : add_as_it_is)(&file, &tensors[i], err);
  free(header);
  if (status == SL_OK) return sl_file_commit(&file, err);
  sl_file_abort(&file);
  return status;
}

sl_status sl_safetensors_write_dump(const char *path, const sl_metadata_entry *metadata,
                                    size_t n_metadata, const sl_tensor_view *tensors, size_t count,
                                    sl_error *err) {
  for (size_t i = 0; i < count; i++) SL_TRY(sl_safetensors_check_shape(path, &tensors[i], err));
  sl_tensor_view *sorted = malloc((count + 1) * sizeof *sorted);
  if (!sorted) return sl_fail(err, SL_ERR_MEMORY, "%s: no memory for %zu tensors", path, count);
  size_t n = 0;
  for (size_t bytes = 8; bytes > 0; bytes /= 2) /* larger elements first, so all are aligned */
    for (size_t i = 0; i < count; i++)
      if (sl_tensor_type_bytes(tensors[i].type) == bytes) sorted[n++] = tensors[i];
  const sl_status status =
      sl_safetensors_write_in_order(path, metadata, n_metadata, sorted, n, NULL, err);
  free(sorted);
  return status;
}
