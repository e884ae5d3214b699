/* One query of attention with its keys, for the forward pass and the backward one (spec E2.3,
 * E2.4). Cases are those of the op `attention`. Internal. */
#ifndef SLUICE_CONTRACT_ATTENTION_H
#define SLUICE_CONTRACT_ATTENTION_H

#include "softmax.h"

/* Scores and weights of the query `held`; SIZE_MAX: none. */
typedef struct {
  sl_ball *s, *weight;
  size_t held;
  sl_softmax_row row;
} sl_query;

sl_status sl_query_create(sl_query *a, size_t keys);
void sl_query_destroy(sl_query *a);
/* Query `index` = (b, i, h). */
void sl_query_load(sl_query *a, const sl_op_case *c, const sl_arith *r, size_t index,
                   sl_notes *notes);
/* Element e of its output, the worst of the forms. */
sl_ball sl_query_output(const sl_op_case *c, const sl_arith *r, const sl_query *a, size_t index,
                        size_t e, sl_notes *notes);
/* Element 0 of key or value j of its sequence and kv head. */
size_t sl_query_key_at(const sl_op_case *c, size_t index, size_t j);
/* Keys that it sees: the sequence's own, up to the diagonal that ends at its last one. */
size_t sl_query_keys(const sl_op_case *c, size_t index);
/* Heads are a multiple of kv heads. */
sl_status sl_query_check(const sl_op_case *c, sl_error *err);
double sl_query_scale(const sl_op_case *c);

#endif
