/* The numbers of a model in files (spec F1.2, F1.8): widened to binary32, rounded to BF16. */
#include "tensor.h"

#include <string.h>

int sl_tensor_type_is_weight(sl_tensor_type type) {
  return type == SL_TENSOR_F32 || type == SL_TENSOR_BF16 || type == SL_TENSOR_F16;
}

static float float_of_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

/* The exponent and mantissa of a binary32 number that is 2^112 times smaller, a subnormal too; the
 * product has 11 bits, so it is exact. */
static float float_of_f16(uint16_t word) {
  const uint32_t sign = (uint32_t)(word & 0x8000) << 16, magnitude = (uint32_t)(word & 0x7fff)
                                                                     << 13;
  const float finite = float_of_bits(sign | magnitude) * 0x1p112f;
  return magnitude < 0x0f800000 ? finite : float_of_bits(sign | 0x7f800000 | magnitude);
}

void sl_tensor_floats(const sl_tensor_view *tensor, size_t first, size_t n, float *out) {
  const unsigned char *data =
      (const unsigned char *)tensor->data + first * sl_tensor_type_bytes(tensor->type);
  uint16_t x;
  if (n && tensor->type == SL_TENSOR_F32) memcpy(out, data, n * sizeof *out);
  if (tensor->type == SL_TENSOR_BF16)
    for (size_t i = 0; i < n; i++) {
      memcpy(&x, data + i * sizeof x, sizeof x);
      out[i] = float_of_bits((uint32_t)x << 16);
    }
  if (tensor->type == SL_TENSOR_F16)
    for (size_t i = 0; i < n; i++) {
      memcpy(&x, data + i * sizeof x, sizeof x);
      out[i] = float_of_f16(x);
    }
}

/* Half a unit of the last kept bit, and a bit less where that bit is even, is added before the cut:
 * a carry runs into the exponent, as rounding up wants it. */
void sl_tensor_round_bf16(uint16_t *out, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++) {
    uint32_t bits;
    memcpy(&bits, &x[i], sizeof bits);
    out[i] = (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
  }
}
