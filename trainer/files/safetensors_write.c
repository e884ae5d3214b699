/* Writes safetensors (spec F1.3, F1.4). */
#include "safetensors.h"

#include "file.h"
#include "kernels/support/utf8.h"

#include <jansson.h>

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static sl_status check_tensor(const char *path, const sl_tensor_view *tensor, sl_error *err) {
  if (tensor->rank > SL_TENSOR_RANK_MAX)
    return sl_fail(err, SL_ERR_USAGE, "%s: tensor %s: rank %zu", path, tensor->name, tensor->rank);
  size_t count = 1;
  for (size_t i = 0; i < tensor->rank; i++) {
    if (tensor->shape[i] != 0 && count > SIZE_MAX / sizeof(float) / tensor->shape[i])
      return sl_fail(err, SL_ERR_MEMORY, "%s: tensor %s: the product of its shape overflows", path,
                     tensor->name);
    count *= tensor->shape[i];
  }
  if (count != tensor->count)
    return sl_fail(err, SL_ERR_USAGE, "%s: tensor %s: %zu values, its shape holds %zu", path,
                   tensor->name, tensor->count, count);
  const float *data = tensor->data;
  for (size_t i = 0; i < count; i++)
    if (!isfinite(data[i]))
      return sl_fail(err, SL_ERR_NONFINITE, "%s: tensor %s[%zu] is %f; nothing was written", path,
                     tensor->name, i, (double)data[i]);
  return SL_OK;
}

/* {"dtype": "F32", "shape": [...], "data_offsets": [begin, end]}; NULL if memory is short. */
static json_t *entry_of(const sl_tensor_view *tensor, size_t begin) {
  const size_t end = begin + tensor->count * sizeof(float);
  json_t *shape = json_array();
  for (size_t i = 0; i < tensor->rank; i++)
    if (json_array_append_new(shape, json_integer((json_int_t)tensor->shape[i])) != 0)
      return json_decref(shape), NULL;
  return json_pack("{s:s, s:o, s:[I, I]}", "dtype", "F32", "shape", shape, "data_offsets",
                   (json_int_t)begin, (json_int_t)end);
}

/* The header, padded with spaces so that the data starts at a multiple of 8 (spec F1.4). Freed by
 * the caller. */
static sl_status make_header(char **out, size_t *size, const char *path,
                             const sl_tensor_view *tensors, size_t count, sl_error *err) {
  json_t *header = json_pack("{s:{s:s}}", "__metadata__", "format", "pt");
  size_t at = 0;
  sl_status status =
      header ? SL_OK : sl_fail(err, SL_ERR_MEMORY, "%s: no memory for the header", path);
  for (size_t i = 0; i < count && status == SL_OK; i++) {
    if (tensors[i].name[0] == 0 || json_object_get(header, tensors[i].name))
      status = sl_fail(err, SL_ERR_USAGE, "%s: tensor %zu: the name '%s' is empty or taken", path,
                       i, tensors[i].name);
    else if (tensors[i].name[sl_utf8_valid(tensors[i].name)])
      status = sl_fail(err, SL_ERR_USAGE, "%s: tensor %zu: its name is not UTF-8", path, i);
    else if (json_object_set_new(header, tensors[i].name, entry_of(&tensors[i], at)) != 0)
      status = sl_fail(err, SL_ERR_MEMORY, "%s: no memory for the header", path);
    at += tensors[i].count * sizeof(float);
  }
  char *text = status == SL_OK ? json_dumps(header, JSON_COMPACT) : NULL;
  json_decref(header);
  if (status != SL_OK) return status;
  const size_t length = text ? strlen(text) : 0, padded = (length + 7) / 8 * 8;
  char *block = text ? malloc(padded + 8) : NULL;
  if (block) {
    memset(block, ' ', padded + 8);
    for (int i = 0; i < 8; i++) block[i] = (char)(unsigned char)((uint64_t)padded >> (8 * i));
    memcpy(block + 8, text, length);
  }
  free(text);
  if (!block) return sl_fail(err, SL_ERR_MEMORY, "%s: no memory for the header", path);
  *out = block;
  *size = padded + 8;
  return SL_OK;
}

sl_status sl_safetensors_write(const char *path, const sl_tensor_view *tensors, size_t count,
                               sl_error *err) {
  for (size_t i = 0; i < count; i++) {
    const sl_status status = check_tensor(path, &tensors[i], err);
    if (status != SL_OK) return status;
  }
  char *header = NULL;
  size_t size = 0;
  sl_status status = make_header(&header, &size, path, tensors, count, err);
  if (status != SL_OK) return status;
  sl_bytes *pieces = malloc((count + 1) * sizeof *pieces);
  if (pieces) {
    pieces[0] = (sl_bytes){header, size};
    for (size_t i = 0; i < count; i++)
      pieces[i + 1] = (sl_bytes){tensors[i].data, tensors[i].count * sizeof(float)};
    status = sl_file_write(path, pieces, count + 1, err);
  } else {
    status = sl_fail(err, SL_ERR_MEMORY, "%s: no memory for %zu tensors", path, count);
  }
  free(pieces);
  free(header);
  return status;
}
