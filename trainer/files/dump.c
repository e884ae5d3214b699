/* Dumps of tensors (spec F6.6): one interface over safetensors and NumPy's files. */
#include "dump.h"

#include "mapped_file.h"
#include "numpy.h"
#include "safetensors.h"

#include <stdlib.h>
#include <string.h>

/* One of the two. */
struct sl_dump {
  char *path;
  sl_safetensors *safetensors;
  sl_numpy *numpy;
};

static sl_status open_map(sl_dump *dump, sl_error *err) {
  sl_mapped_file map;
  SL_TRY(sl_mapped_file_open(&map, dump->path, err));
  if (map.size == 0) {
    sl_mapped_file_close(&map);
    return sl_fail(err, SL_ERR_INPUT, "%s: byte 0: the file is empty", dump->path);
  }
  return sl_numpy_is(map.data, map.size) ? sl_numpy_open(&dump->numpy, &map, err)
                                         : sl_safetensors_from_map(&dump->safetensors, &map, err);
}

sl_status sl_dump_open(sl_dump **out, const char *path, sl_error *err) {
  sl_dump *dump = calloc(1, sizeof *dump);
  sl_status status = dump && (dump->path = strdup(path))
                         ? open_map(dump, err)
                         : sl_fail(err, SL_ERR_MEMORY, "%s: no memory", path);
  if (status == SL_OK)
    *out = dump;
  else
    sl_dump_close(dump);
  return status;
}

void sl_dump_close(sl_dump *dump) {
  if (!dump) return;
  sl_safetensors_close(dump->safetensors);
  sl_numpy_close(dump->numpy);
  free(dump->path);
  free(dump);
}

const char *sl_dump_path(const sl_dump *dump) { return dump->path; }

size_t sl_dump_count(const sl_dump *dump) {
  return dump->numpy ? sl_numpy_count(dump->numpy) : sl_safetensors_count(dump->safetensors);
}

const sl_tensor_view *sl_dump_at(const sl_dump *dump, size_t index) {
  return dump->numpy ? sl_numpy_at(dump->numpy, index)
                     : sl_safetensors_at(dump->safetensors, index);
}

size_t sl_dump_find(const sl_dump *dump, const char *name) {
  size_t i = 0;
  while (i < sl_dump_count(dump) && strcmp(sl_dump_at(dump, i)->name, name) != 0) i++;
  return i;
}

const sl_metadata *sl_dump_metadata(const sl_dump *dump) {
  return dump->numpy ? sl_numpy_metadata(dump->numpy) : sl_safetensors_metadata(dump->safetensors);
}

static sl_status load(sl_dump *dump, size_t index, sl_error *err) {
  return dump->numpy ? sl_numpy_load(dump->numpy, index, err) : SL_OK;
}

/* The range is within the tensor, whose data is there afterwards. */
static sl_status load_range(sl_dump *dump, size_t index, size_t first, size_t n, sl_error *err) {
  const sl_tensor_view *tensor = sl_dump_at(dump, index);
  if (first > tensor->count || n > tensor->count - first)
    return sl_fail(err, SL_ERR_USAGE, "%s: tensor %s: elements %zu to %zu + %zu of %zu", dump->path,
                   tensor->name, first, first, n, tensor->count);
  return load(dump, index, err);
}

sl_status sl_dump_values(sl_dump *dump, size_t index, size_t first, size_t n, double *out,
                         sl_error *err) {
  SL_TRY(load_range(dump, index, first, n, err));
  return sl_tensor_values(sl_dump_at(dump, index), first, n, out, dump->path, err);
}

sl_status sl_dump_words(sl_dump *dump, size_t index, size_t first, size_t n, void *out,
                        sl_error *err) {
  SL_TRY(load_range(dump, index, first, n, err));
  const sl_tensor_view *tensor = sl_dump_at(dump, index);
  const size_t bytes = sl_tensor_type_bytes(tensor->type);
  if (n) memcpy(out, (const unsigned char *)tensor->data + first * bytes, n * bytes);
  return SL_OK;
}

sl_status sl_dump_scan(sl_dump *dump, size_t index, sl_nonfinite *out, sl_error *err) {
  SL_TRY(load(dump, index, err));
  *out = sl_tensor_scan(sl_dump_at(dump, index));
  return SL_OK;
}

void sl_dump_release(sl_dump *dump, size_t index) {
  if (dump->numpy) sl_numpy_release(dump->numpy, index);
}
