/* A proof of P1 to P4, and of P4w beside them, for one box of parameters, as certificates need it.
 */
#ifndef SLUICE_PROOFS_PROOF_H
#define SLUICE_PROOFS_PROOF_H

#include "claims.h"
#include "finding.h"
#include "tail.h"

/* How the tail of the last segment was settled. */
typedef enum {
  SL_TAIL_OPEN,
  SL_TAIL_BY_FORM,       /* by the tail form for r >= 2^exponent */
  SL_TAIL_BY_BOXES,      /* by a region without an end */
  SL_TAIL_BY_LIMIT,      /* of P4w: by the limits of the expression's parts */
  SL_TAIL_BY_SLOPE_FORM, /* of P4: by that of r^2 f'', as f' -> 0 */
  SL_TAIL_BY_LOG_FORM,   /* of P4: by the tail form of r f' in s = log r */
  SL_TAIL_BY_DECAY,      /* of P4: f''/f' keeps below a negative number for r >= 2^exponent */
  SL_TAIL_BY_LOG_DECAY,  /* the same of r f' in s = log r */
  SL_TAIL_BY_LEMMA       /* of P4: f' does not rise for r >= 2^exponent, and f is bounded */
} sl_tail_means;

typedef struct {
  sl_tail_means means;
  slong exponent;
} sl_tail_claim;

/* A zone next to an end of a segment, where the order-th derivative of w decides: [end, end +
 * 2^-shift] or [end - 2^-shift, end]. */
typedef struct {
  int order; /* 1: the slope itself decides up to the end, no zone; 0: constant segment, or with a
              * shift (0, 2^-shift], where the tail form in s = -log(r) decides */
  int shift;
} sl_end_zone;

typedef struct {
  int want; /* 1 up, -1 down */
  int constant;
  sl_end_zone low, high;
  int weak; /* w' may vanish: regions `rises` or `falls` */
} sl_segment_proof;

typedef struct {
  sl_finding property[SL_PROPERTIES];
  sl_claim_list claims;
  sl_tail_claim tail_defined, tail_slope, tail_below, tail_product, tail_limit;
  sl_tail_fact tail; /* of w */
  sl_segment_proof segment[SL_SEGMENT_LIMIT];
  int no_halves;    /* what is open has a reason that halves of the ranges share */
  int open_segment; /* on which P1 is open, last of all; -1: none */
  long boxes;
  double seconds;
} sl_proof;

void sl_proof_init(sl_proof *proof);
void sl_proof_clear(sl_proof *proof);

#endif
