/* The numbers of a safetensors file that is open: checked, copied, widened (spec F1.2, N1.5). */
#include "safetensors.h"

#include <string.h>

static size_t first_nonfinite(const sl_nonfinite *found) {
  if (!found->infinities) return found->first_nan;
  return found->nans && found->first_nan < found->first_infinity ? found->first_nan
                                                                 : found->first_infinity;
}

/* Elements [first, first + n) of a tensor, as a tensor of one dimension. */
static sl_tensor_view slice(const sl_tensor_view *tensor, size_t first, size_t n) {
  const size_t bytes = sl_tensor_type_bytes(tensor->type);
  return (sl_tensor_view){.name = tensor->name,
                          .rank = 1,
                          .shape = {n},
                          .count = n,
                          .data = (const unsigned char *)tensor->data + first * bytes,
                          .type = tensor->type};
}

static sl_status check_slice(const sl_safetensors *file, const sl_tensor_view *tensor, size_t first,
                             size_t n, sl_error *err) {
  const sl_tensor_view part = slice(tensor, first, n);
  const sl_nonfinite found = sl_tensor_scan(&part);
  if (!found.nans && !found.infinities) return SL_OK;
  const size_t i = first + first_nonfinite(&found);
  double x = 0;
  SL_TRY(sl_tensor_values(tensor, i, 1, &x, sl_safetensors_path(file), err));
  return sl_fail(
      err, SL_ERR_NONFINITE, "%s: tensor %s[%zu] is %f (byte %zu)", sl_safetensors_path(file),
      tensor->name, i, x,
      sl_safetensors_offset(file, tensor->data) + i * sl_tensor_type_bytes(tensor->type));
}

sl_status sl_safetensors_check(const sl_safetensors *file, const sl_tensor_view *tensor,
                               sl_error *err) {
  for (size_t first = 0; first < tensor->count; first += SL_SAFETENSORS_BLOCK) {
    const size_t left = tensor->count - first,
                 n = left < SL_SAFETENSORS_BLOCK ? left : SL_SAFETENSORS_BLOCK;
    const sl_tensor_view part = slice(tensor, first, n);
    SL_TRY(check_slice(file, tensor, first, n, err));
    sl_safetensors_release(file, part.data, n * sl_tensor_type_bytes(part.type));
  }
  return SL_OK;
}

sl_status sl_safetensors_widen(const sl_safetensors *file, const sl_tensor_view *tensor,
                               size_t first, size_t n, float *out, sl_error *err) {
  const sl_tensor_view part = slice(tensor, first, n);
  sl_tensor_floats(&part, 0, n, out);
  const sl_status status = check_slice(file, tensor, first, n, err);
  sl_safetensors_release(file, part.data, n * sl_tensor_type_bytes(part.type));
  return status;
}

sl_status sl_safetensors_read(const sl_safetensors *file, const sl_tensor_view *tensor, float *out,
                              sl_error *err) {
  if (tensor->type != SL_TENSOR_F32)
    return sl_fail(err, SL_ERR_INPUT, "%s: tensor %s: dtype %s, expected F32",
                   sl_safetensors_path(file), tensor->name, sl_tensor_type_name(tensor->type));
  SL_TRY(sl_safetensors_check(file, tensor, err));
  if (tensor->count) memcpy(out, tensor->data, tensor->count * sizeof *out);
  return SL_OK;
}
