/* Requirements on the arguments of one call, checked in order; the first that fails is the
 * error. Internal. */
#ifndef SLUICE_CHECK_ARGUMENTS_H
#define SLUICE_CHECK_ARGUMENTS_H

#include "kernels/core/check.h"

typedef struct {
  sl_context *ctx;
  const char *kernel;
  sl_status status; /* of the requirements so far */
} sl_arguments;

/* What an array holds: bytes of an element, and the alignment of its type. */
typedef struct {
  size_t size, alignment;
} sl_array_type;

/* An array of a * b * c elements: the product must fit into memory (SL_ERR_MEMORY), the pointer be
 * aligned to the type and not NULL where there are elements (SL_ERR_USAGE). */
void sl_need(sl_arguments *args, const char *name, const void *p, sl_array_type type, size_t a,
             size_t b, size_t c);
/* The same, but NULL is allowed. */
void sl_need_if(sl_arguments *args, const char *name, const void *p, sl_array_type type, size_t a,
                size_t b, size_t c);

/* _Alignof takes a type, not an expression: one row for each type that kernels take by pointer. */
#define SL_ALIGNMENT_ROW(type) \
  type:                        \
  _Alignof(type)
#define SL_ALIGNMENT(element)                                                                 \
  _Generic((element), SL_ALIGNMENT_ROW(float), SL_ALIGNMENT_ROW(double),                      \
           SL_ALIGNMENT_ROW(uint8_t), SL_ALIGNMENT_ROW(uint32_t), SL_ALIGNMENT_ROW(uint64_t), \
           SL_ALIGNMENT_ROW(sl_linear_part), SL_ALIGNMENT_ROW(sl_shard_total),                \
           SL_ALIGNMENT_ROW(sl_sampling), SL_ALIGNMENT_ROW(sl_objective),                     \
           SL_ALIGNMENT_ROW(sl_gated_loss_batch), SL_ALIGNMENT_ROW(sl_loss_sums),             \
           SL_ALIGNMENT_ROW(sl_adamw))
#define SL_ARRAY_TYPE(p) ((sl_array_type){sizeof *(p), SL_ALIGNMENT(*(p))})
#define SL_NEED(args, p, ...) sl_need(args, #p, p, SL_ARRAY_TYPE(p), __VA_ARGS__)
#define SL_NEED_IF(args, p, ...) sl_need_if(args, #p, p, SL_ARRAY_TYPE(p), __VA_ARGS__)

/* SL_ERR_USAGE "kernel: message" unless ok. */
void sl_require(sl_arguments *args, int ok, const char *message);

/* 1 while everything holds and the contents of arrays can be read. */
int sl_readable(const sl_arguments *args);

/* The number of tokens, from offsets (host memory in every context) that must start at 0 and not
 * decrease; 0 where they do not. */
size_t sl_tokens(sl_arguments *args, const uint32_t *seq, size_t n_seq);

#endif
