/* A proof of P1 to P4 for one box of parameters, as certificates need it. */
#ifndef SLUICE_PROOFS_PROOF_H
#define SLUICE_PROOFS_PROOF_H

#include "claims.h"
#include "finding.h"
#include "tail.h"

/* How the tail of the last segment was settled, for the certificate: goals as in search.h;
 * exponent: R = 2^exponent. */
typedef struct {
  int used;
  sl_goal goal;
  slong exponent;
} sl_tail_claim;

/* A zone next to an end of a segment, where the order-th derivative of w decides: [end, end +
 * 2^-shift] or [end - 2^-shift, end]. */
typedef struct {
  int order; /* 1: the slope itself decides up to the end, no zone; 0: constant segment */
  int shift;
} sl_end_zone;

typedef struct {
  int want; /* 1 up, -1 down */
  int constant;
  sl_end_zone low, high;
} sl_segment_proof;

typedef struct {
  sl_finding property[4];
  sl_claim_list claims;
  sl_tail_claim tail_defined, tail_slope, tail_below, tail_limit;
  sl_tail_fact tail; /* of w */
  sl_segment_proof segment[SL_SEGMENT_LIMIT];
  long boxes;
  double seconds;
} sl_proof;

void sl_proof_init(sl_proof *proof);
void sl_proof_clear(sl_proof *proof);

#endif
