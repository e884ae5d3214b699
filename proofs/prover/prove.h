/* The prover: P1 to P4 and requirements for one side of a gate over a box of parameters (spec G2).
 */
#ifndef SLUICE_PROOFS_PROVE_H
#define SLUICE_PROOFS_PROVE_H

#include "search.h"
#include "tail.h"

typedef enum { SL_PROVED, SL_REFUTED, SL_UNDECIDED } sl_verdict;

/* text: how it was proved, what convicts, or why it is open. Witness: r and the enclosure, valid
 * where has_witness. */
typedef struct {
  sl_verdict verdict;
  const char *how; /* of REFUTED, as certificates spell it (spec G4.4) */
  int join;        /* of how = jump and step */
  int strict;      /* of P3 */
  int has_witness;
  sl_witness witness;
  char text[400];
} sl_finding;

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

/* Fills all four findings. p was made by sl_problem_init. */
void sl_prove(sl_proof *proof, sl_problem *p, sl_budget *budget);

/* w <= 0 (left - right of a requirement, p made by sl_problem_init_expression) for r in [low,
 * high], high NULL for no end. */
void sl_prove_requirement(sl_finding *finding, sl_problem *p, const arf_t low, const arf_t high,
                          sl_budget *budget);

void sl_finding_init(sl_finding *f);
void sl_finding_clear(sl_finding *f);
void sl_finding_set(sl_finding *f, sl_verdict verdict, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Keeps the witness and `how`, and says "r = ..., ENCLOSURE". */
void sl_finding_refute(sl_finding *f, const sl_problem *p, const sl_witness *w, const char *how,
                       const char *what);

#endif
