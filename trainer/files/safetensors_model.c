/* Writes the tensors of a model (spec F1.4, F1.8). */
#include "safetensors_write.h"

#include <math.h>
#include <stdlib.h>

#define BF16_LIMIT 0x1.ffp127f /* rounds to an infinity (spec F1.8) */
#define BLOCK ((size_t)1 << 16)

/* A model's tensor: F32, finite, and finite as the type that it is written in. */
static sl_status check_weights(const char *path, sl_tensor_type type, const sl_tensor_view *tensor,
                               sl_error *err) {
  SL_TRY(sl_safetensors_check_shape(path, tensor, err));
  if (tensor->type != SL_TENSOR_F32)
    return sl_fail(err, SL_ERR_USAGE, "%s: tensor %s: dtype %s, expected F32", path, tensor->name,
                   sl_tensor_type_name(tensor->type));
  const float *data = tensor->data, limit = type == SL_TENSOR_BF16 ? BF16_LIMIT : INFINITY;
  for (size_t i = 0; i < tensor->count; i++) {
    if (fabsf(data[i]) < limit) continue;
    return sl_fail(err, SL_ERR_NONFINITE,
                   isfinite(data[i])
                       ? "%s: tensor %s[%zu] is %g, too large for BF16; nothing was written"
                       : "%s: tensor %s[%zu] is %f; nothing was written",
                   path, tensor->name, i, (double)data[i]);
  }
  return SL_OK;
}

/* F32 numbers as BF16, block by block. */
static sl_status add_rounded(sl_file_writer *file, const sl_tensor_view *tensor, sl_error *err) {
  uint16_t block[BLOCK];
  const float *x = tensor->data;
  for (size_t first = 0; first < tensor->count; first += BLOCK) {
    const size_t left = tensor->count - first, n = left < BLOCK ? left : BLOCK;
    sl_tensor_round_bf16(block, x + first, n);
    SL_TRY(sl_file_add(file, block, n * sizeof *block, err));
  }
  return SL_OK;
}

sl_status sl_safetensors_write_model(const char *path, sl_tensor_type type,
                                     const sl_metadata_entry *metadata, size_t n_metadata,
                                     const sl_tensor_view *tensors, size_t count, sl_error *err) {
  for (size_t i = 0; i < count; i++) SL_TRY(check_weights(path, type, &tensors[i], err));
  sl_tensor_view *stored = malloc((count + 1) * sizeof *stored);
  if (!stored) return sl_fail(err, SL_ERR_MEMORY, "%s: no memory for %zu tensors", path, count);
  for (size_t i = 0; i < count; i++) stored[i] = tensors[i], stored[i].type = type;
  const sl_status status = sl_safetensors_write_in_order(
      path, metadata, n_metadata, stored, count, type == SL_TENSOR_BF16 ? add_rounded : NULL, err);
  free(stored);
  return status;
}

sl_status sl_safetensors_write(const char *path, const sl_tensor_view *tensors, size_t count,
                               sl_error *err) {
  static const sl_metadata_entry format = {"format", "pt"};
  return sl_safetensors_write_model(path, SL_TENSOR_F32, &format, 1, tensors, count, err);
}
