/* Types of tensors, and their values (spec F6.1, F6.2). */
#include "tensor.h"

#include <stdint.h>
#include <string.h>

static const struct {
  const char *name, *numpy;
  size_t bytes;
  uint64_t exponent;
} types[] = {
#define SL_TENSOR_TYPE(name, bytes, numpy, exponent) {#name, numpy, bytes, exponent},
#include "tensor_types.def"
};

const char *sl_tensor_type_name(sl_tensor_type type) { return types[type].name; }

size_t sl_tensor_type_bytes(sl_tensor_type type) { return types[type].bytes; }

sl_tensor_type sl_tensor_type_find(const char *name) {
  int i = 0;
  while (i < SL_TENSOR_TYPES && strcmp(types[i].name, name) != 0) i++;
  return (sl_tensor_type)i;
}

sl_tensor_type sl_tensor_type_of_numpy(const char *code) {
  int i = 0;
  while (i < SL_TENSOR_TYPES && (!*types[i].numpy || strcmp(types[i].numpy, code) != 0)) i++;
  return (sl_tensor_type)i;
}

sl_status sl_tensor_count(sl_tensor_view *tensor, const char *path, sl_error *err) {
  const size_t bytes = types[tensor->type].bytes;
  size_t count = 1;
  for (size_t i = 0; i < tensor->rank; i++) {
    if (tensor->shape[i] != 0 && count > SIZE_MAX / bytes / tensor->shape[i])
      return sl_fail(err, SL_ERR_INPUT, "%s: tensor %s: the product of its shape overflows", path,
                     tensor->name);
    count *= tensor->shape[i];
  }
  tensor->count = count;
  return SL_OK;
}

/* The counts in a loop without a branch, the places only where there is something to find. */
#define DEFINE_SCAN(word)                                                               \
  static sl_nonfinite scan_##word(const unsigned char *data, size_t n, word exponent) { \
    const word magnitude = (word)((word) ~(word)0 >> 1);                                \
    sl_nonfinite out = {0, 0, 0, 0};                                                    \
    word x;                                                                             \
    for (size_t i = 0; i < n; i++) {                                                    \
      memcpy(&x, data + i * sizeof x, sizeof x);                                        \
      out.nans += (x & magnitude) > exponent;                                           \
      out.infinities += (x & magnitude) == exponent;                                    \
    }                                                                                   \
    for (size_t i = 0, seek = out.nans > 0; seek; i++) {                                \
      memcpy(&x, data + i * sizeof x, sizeof x);                                        \
      seek = (x & magnitude) <= exponent;                                               \
      out.first_nan = i;                                                                \
    }                                                                                   \
    for (size_t i = 0, seek = out.infinities > 0; seek; i++) {                          \
      memcpy(&x, data + i * sizeof x, sizeof x);                                        \
      seek = (x & magnitude) != exponent;                                               \
      out.first_infinity = i;                                                           \
    }                                                                                   \
    return out;                                                                         \
  }
DEFINE_SCAN(uint16_t)
DEFINE_SCAN(uint32_t)
DEFINE_SCAN(uint64_t)

sl_nonfinite sl_tensor_scan(const sl_tensor_view *tensor) {
  const uint64_t exponent = types[tensor->type].exponent;
  if (!exponent) return (sl_nonfinite){0, 0, 0, 0};
  switch (types[tensor->type].bytes) {
    case 2:
      return scan_uint16_t(tensor->data, tensor->count, (uint16_t)exponent);
    case 4:
      return scan_uint32_t(tensor->data, tensor->count, (uint32_t)exponent);
    default:
      return scan_uint64_t(tensor->data, tensor->count, exponent);
  }
}

/* The element at that place, its bits in the low end of a word. */
static uint64_t word_at(const sl_tensor_view *tensor, size_t i) {
  const size_t bytes = types[tensor->type].bytes;
  uint64_t word = 0;
  memcpy(&word, (const unsigned char *)tensor->data + i * bytes, bytes);
  return word;
}

static double from_f32(uint64_t word) {
  const uint32_t bits = (uint32_t)word;
  float x;
  memcpy(&x, &bits, sizeof x);
  return (double)x;
}

/* The exponent and mantissa of a binary32 number that is 2^112 times smaller, a subnormal too. */
static double from_f16(uint64_t word) {
  const uint64_t sign = (word & 0x8000) << 16, magnitude = (word & 0x7fff) << 13;
  if ((word & 0x7c00) == 0x7c00) return from_f32(sign | 0x7f800000 | magnitude);
  return from_f32(sign | magnitude) * 0x1p112;
}

/* Is it a number that binary64 has, as have all integers up to 2^53? */
static sl_status check_value(const sl_tensor_view *tensor, size_t i, const char *path,
                             sl_error *err) {
  const uint64_t limit = (uint64_t)1 << 53, word = word_at(tensor, i);
  const int negative = tensor->type == SL_TENSOR_I64 && word >> 63;
  const uint64_t magnitude = negative ? (uint64_t)0 - word : word;
  if (tensor->type == SL_TENSOR_BOOL && word > 1)
    return sl_fail(err, SL_ERR_INPUT, "%s: tensor %s[%zu] is %d, but BOOL is 0 or 1", path,
                   tensor->name, i, (int)word);
  if (types[tensor->type].bytes == 8 && magnitude > limit)
    return sl_fail(err, SL_ERR_INPUT,
                   "%s: tensor %s[%zu] is %s%ju: beyond 2^53, where binary64 lacks integers", path,
                   tensor->name, i, negative ? "-" : "", (uintmax_t)magnitude);
  return SL_OK;
}

#define CONVERT_EACH(word, value)              \
  for (size_t i = 0; i < n; i++) {             \
    word x;                                    \
    memcpy(&x, data + i * sizeof x, sizeof x); \
    out[i] = value;                            \
  }                                            \
  break

static void convert(sl_tensor_type type, const unsigned char *data, size_t n, double *out) {
  switch (type) {
    case SL_TENSOR_F32:
      CONVERT_EACH(float, (double)x);
    case SL_TENSOR_F64:
      CONVERT_EACH(double, x);
    case SL_TENSOR_BF16:
      CONVERT_EACH(uint16_t, from_f32((uint64_t)x << 16));
    case SL_TENSOR_F16:
      CONVERT_EACH(uint16_t, from_f16(x));
    case SL_TENSOR_I64:
      CONVERT_EACH(int64_t, (double)x);
    case SL_TENSOR_I32:
      CONVERT_EACH(int32_t, x);
    case SL_TENSOR_I16:
      CONVERT_EACH(int16_t, x);
    case SL_TENSOR_I8:
      CONVERT_EACH(int8_t, x);
    case SL_TENSOR_U64:
      CONVERT_EACH(uint64_t, (double)x);
    case SL_TENSOR_U32:
      CONVERT_EACH(uint32_t, x);
    case SL_TENSOR_U16:
      CONVERT_EACH(uint16_t, x);
    default: /* U8, BOOL */
      CONVERT_EACH(uint8_t, x);
  }
}

sl_status sl_tensor_values(const sl_tensor_view *tensor, size_t first, size_t n, double *out,
                           const char *path, sl_error *err) {
  const sl_tensor_type type = tensor->type;
  if (type == SL_TENSOR_I64 || type == SL_TENSOR_U64 || type == SL_TENSOR_BOOL)
    for (size_t i = first; i < first + n; i++) SL_TRY(check_value(tensor, i, path, err));
  if (n) convert(type, (const unsigned char *)tensor->data + first * types[type].bytes, n, out);
  return SL_OK;
}
