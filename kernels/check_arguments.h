/* Requirements on the arguments of one call, checked in order; the first that fails is the error.
 * Not public. */
#ifndef SLUICE_CHECK_ARGUMENTS_H
#define SLUICE_CHECK_ARGUMENTS_H

#include "kernels/core/check.h"

typedef struct {
  sl_context *ctx;
  const char *kernel;
  sl_status status; /* of the requirements so far */
} sl_arguments;

/* An array of a * b * c elements of `size` bytes: the product must fit into memory (SL_ERR_MEMORY),
 * the pointer be aligned to min(size, 8) and not NULL where there are elements (SL_ERR_USAGE). */
void sl_need(sl_arguments *args, const char *name, const void *p, size_t size, size_t a, size_t b,
             size_t c);
/* The same, but NULL is allowed. */
void sl_need_if(sl_arguments *args, const char *name, const void *p, size_t size, size_t a,
                size_t b, size_t c);
#define SL_NEED(args, p, ...) sl_need(args, #p, p, sizeof *(p), __VA_ARGS__)
#define SL_NEED_IF(args, p, ...) sl_need_if(args, #p, p, sizeof *(p), __VA_ARGS__)

/* SL_ERR_USAGE "kernel: message" unless ok. */
void sl_require(sl_arguments *args, int ok, const char *message);

/* 1 while everything holds and the contents of arrays can be read. */
int sl_readable(const sl_arguments *args);

/* The number of tokens, from offsets (host memory in every context) that must start at 0 and not
 * decrease; 0 where they do not. */
size_t sl_tokens(sl_arguments *args, const uint32_t *seq, size_t n_seq);

#endif
