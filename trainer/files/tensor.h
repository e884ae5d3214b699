/* Named tensors of the types that files have (spec F6.1), and their values as binary64. */
#ifndef SLUICE_TENSOR_H
#define SLUICE_TENSOR_H

#include <sluice/status.h>

#include <stddef.h>
#include <stdint.h>

#define SL_TENSOR_RANK_MAX 8

typedef enum {
#define SL_TENSOR_TYPE(name, bytes, numpy, exponent) SL_TENSOR_##name,
#include "tensor_types.def"
  SL_TENSOR_TYPES
} sl_tensor_type;

/* A named tensor, row-major. data holds count little-endian words of the type, at any alignment
 * when it comes from a file. */
typedef struct {
  const char *name;
  size_t rank;
  size_t shape[SL_TENSOR_RANK_MAX];
  size_t count;
  const void *data;
  sl_tensor_type type;
} sl_tensor_view;

/* "BF16", as safetensors has it; bytes of one element. */
const char *sl_tensor_type_name(sl_tensor_type type);
size_t sl_tensor_type_bytes(sl_tensor_type type);
/* The type of that name, or of that numpy code ("f4"); SL_TENSOR_TYPES if there is none. */
sl_tensor_type sl_tensor_type_find(const char *name);
sl_tensor_type sl_tensor_type_of_numpy(const char *code);

/* Sets count from rank, shape and type. SL_ERR_INPUT if the bytes overflow size_t. path is for the
 * message. */
sl_status sl_tensor_count(sl_tensor_view *tensor, const char *path, sl_error *err);

/* NaNs and infinities of a tensor, and the index of the first of each (where there is one). */
typedef struct {
  size_t nans, infinities;
  size_t first_nan, first_infinity;
} sl_nonfinite;
sl_nonfinite sl_tensor_scan(const sl_tensor_view *tensor);

/* Elements [first, first + n) as binary64, each exactly. SL_ERR_INPUT with tensor[index] for an
 * integer beyond 2^53 in magnitude, or a BOOL that is neither 0 nor 1; out is then untouched. */
sl_status sl_tensor_values(const sl_tensor_view *tensor, size_t first, size_t n, double *out,
                           const char *path, sl_error *err);

/* 1 for the types that a model's numbers may have in a file: F32, BF16 and F16, each of whose
 * numbers is one of binary32 (spec F1.2). */
int sl_tensor_type_is_weight(sl_tensor_type type);
/* Elements [first, first + n) of a tensor of such a type as binary32, each exactly. */
void sl_tensor_floats(const sl_tensor_view *tensor, size_t first, size_t n, float *out);

/* n finite numbers as BF16, each rounded to nearest, ties to even; from 0x1.ffp127 on in magnitude
 * that is an infinity. */
void sl_tensor_round_bf16(uint16_t *out, const float *x, size_t n);

#endif
