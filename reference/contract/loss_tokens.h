/* What the gated loss and its gradient have of each token and of each sequence (spec O1, O2, O4,
 * E2.7): the log-ratio, the gate at it, and the coefficient; wrong ones where a cause says so. */
#ifndef SLUICE_CONTRACT_LOSS_TOKENS_H
#define SLUICE_CONTRACT_LOSS_TOKENS_H

#include "expression.h"
#include "loss_clamp.h"
#include "loss_gate.h"
#include "loss_wrong.h"

/* What the tokens of a sequence share. */
typedef struct {
  size_t held; /* which sequence, SIZE_MAX at first */
  double tokens;
  sl_ball share;     /* the coefficient */
  sl_loss_clamped x; /* at the level of sequences */
} sl_loss_sequence;

typedef struct {
  const sl_op_case *c;
  const sl_arith *r;
  double sequences, tokens; /* of the update: given, or counted */
  sl_loss_sequence s;
  sl_span *scratch; /* of an expression */
} sl_loss_tokens;

/* The case with its counts; no sequence is loaded, and there is no scratch. */
sl_loss_tokens sl_loss_tokens_begin(const sl_op_case *c, const sl_arith *r);

/* Makes s the sequence that is held. */
void sl_loss_load(sl_loss_tokens *a, size_t s, sl_notes *notes);

static inline size_t sl_loss_slots(const sl_op_case *c) { return sl_op_size(c, 't'); }
double sl_loss_tokens_of(const sl_op_case *c, size_t s);

int sl_loss_is_expression(const sl_op_case *c);
/* The side of the gate that sequence s has. */
const sl_expression *sl_loss_side(const sl_op_case *c, size_t s);

/* Of slot i, whose sequence is held: */
sl_ball sl_loss_input(const sl_loss_tokens *a, int which, size_t i);
sl_ball sl_loss_advantage(const sl_loss_tokens *a, size_t i);
/* the factor by which a token of another sampler counts, 1 where there is none; */
sl_ball sl_loss_sampler_weight(const sl_loss_tokens *a, size_t i, int of_kl);
sl_loss_clamped sl_loss_log_ratio(const sl_loss_tokens *a, size_t i);
sl_loss_clamped sl_loss_to_reference(const sl_loss_tokens *a, size_t i);
/* the gate at a clamped log-ratio. */
sl_gate_walk sl_loss_gate_at(const sl_loss_tokens *a, size_t i, sl_ball x);

#endif
