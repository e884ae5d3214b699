/* NumPy's .npy format: the header of an array, and the order of its items (spec F6.4). */
#ifndef SLUICE_NPY_H
#define SLUICE_NPY_H

#include "tensor.h"

#include <sluice/status.h>

#include <stddef.h>

/* What an array holds: a tensor's numbers, or a text of bytes or of UCS-4. */
typedef enum { SL_NPY_NUMBERS, SL_NPY_BYTES, SL_NPY_UCS4 } sl_npy_kind;

typedef struct {
  sl_npy_kind kind;
  sl_tensor_type type; /* of numbers */
  size_t item;         /* bytes of an item */
  int is_swapped;      /* big-endian */
  int is_fortran;      /* the first index moves fastest */
  size_t rank, shape[SL_TENSOR_RANK_MAX], count;
  size_t header; /* bytes before the first item */
} sl_npy;

/* The first bytes of an array, which say how long its header is. */
#define SL_NPY_PREFIX 12
#define SL_NPY_HEADER_MAX ((size_t)1 << 16)

/* 1 if data begins as an array does. */
int sl_npy_is(const void *data, size_t size);

/* Bytes of the header, the prefix included and so no fewer than that, of an array of size bytes in
 * all, of which prefix holds the first min(size, SL_NPY_PREFIX). place names the array in errors,
 * as in "x.npz: tensor q". SL_ERR_INPUT. */
sl_status sl_npy_header_bytes(size_t *out, const unsigned char *prefix, size_t size,
                              const char *place, sl_error *err);

/* Parses that header, of an array of size bytes in all: type, order, shape, and whether the items
 * fill what is left. SL_ERR_INPUT with the byte of the array. */
sl_status sl_npy_parse(sl_npy *out, const unsigned char *header, size_t header_bytes, size_t size,
                       const char *place, sl_error *err);

/* Puts the items of an array into row-major little-endian order, piece by piece. */
typedef struct {
  const sl_npy *array;
  unsigned char *out;
  size_t at; /* item of out where the next one goes */
  size_t index[SL_TENSOR_RANK_MAX], stride[SL_TENSOR_RANK_MAX];
} sl_npy_order;
/* out has room for count * item bytes. */
sl_npy_order sl_npy_order_begin(const sl_npy *array, unsigned char *out);
void sl_npy_place(sl_npy_order *order, const unsigned char *items, size_t n);

#endif
