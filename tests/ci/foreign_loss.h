/* A loss as trainers write it, in binary32 and in its simplest order, right or with one of the
 * mistakes that are on record: independent of the walks in reference/contract. */
#ifndef SLUICE_TESTS_FOREIGN_LOSS_H
#define SLUICE_TESTS_FOREIGN_LOSS_H

#include <stddef.h>

typedef enum {
  FOREIGN_RIGHT,
  FOREIGN_MASK_DROPPED,    /* B1: the numerator sums padding too */
  FOREIGN_BY_LENGTH,       /* B2: a sequence's mean divides by its padded length */
  FOREIGN_ACCUMULATED,     /* B4: not divided by 4 accumulation steps */
  FOREIGN_MICRO_BATCHES,   /* B6: the mean of two micro-batches' means */
  FOREIGN_NO_ADVANTAGE,    /* D7 */
  FOREIGN_NO_RATIO,        /* the ratio is detached */
  FOREIGN_TAU_BY_OLD_SIGN, /* tau_neg where A > 0 */
  FOREIGN_KL_ADDED_TO_J,   /* beta KL has the sign of the reward */
  FOREIGN_KL_BACKWARDS,    /* ref - new in place of new - ref */
  FOREIGN_OLD_BF16,        /* D4: old log-probs were stored as bfloat16 */
  FOREIGN_S_TIMES_REST,    /* A9: 4 s (1 - s) */
  FOREIGN_NO_CLAMP,        /* A8: r = inf */
  FOREIGN_MASK_TIMES_NAN,  /* A1, A5: mask * NaN */
  FOREIGN_SUM_OF_EXP,      /* D8, of sequences */
  FOREIGN_KL_OVERFLOWS,    /* A2: k3 without a clamp */
  FOREIGN_KL_CUT,          /* A10: clamp(k3, max=10) */
  FOREIGN_COUNTS_SLOTS,    /* B3: divides by mask.numel() */
  FOREIGN_EMPTY_IS_NAN,    /* B5: 0 / 0 */
  FOREIGN_PADDED_MEAN_A,   /* B7: advantages of padding are 0 in a mean */
  FOREIGN_EMPTY_COUNTS,    /* B8: max(n, 1) is summed */
  FOREIGN_CAP_RELATIVE,    /* D13: min(r, 1 + cap) */
  FOREIGN_FLOAT16,         /* A11: exp in float16 */
  FOREIGN_NOT_WEIGHTED,    /* D5: a fused loss without the sampler's weights */
  FOREIGN_WEIGHTED_KL,     /* D5: the weights multiply KL too */
  FOREIGN_UNKNOWN,         /* 1.37 times too large: nobody's mistake */
  FOREIGN_LOSSES
} foreign_mistake;

typedef struct {
  size_t s, t;
  const double *logp_new, *logp_old, *logp_ref, *mask, *advantage, *sampler_weight; /* NULL: 1 */
  float tau_pos, tau_neg, beta, cap; /* cap: 0, or that of cispo */
  int by_sequence, token_mean;
} foreign_batch;

/* dlogp (s t numbers) and the loss; the gate is the sigmoid, or cispo. */
void foreign_loss(double *dlogp, double *loss, const foreign_batch *b, foreign_mistake mistake);

#endif
