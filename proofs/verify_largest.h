/* The largest interval of one parameter around its default on which a side of a gate is admissible
 * (spec G2.2), as far as proofs and refutations tell. */
#ifndef SLUICE_VERIFY_LARGEST_H
#define SLUICE_VERIFY_LARGEST_H

#include "proofs/prover/verify.h"

/* Why the interval ends there. */
typedef enum {
  SL_END_DECLARED, /* the file's range does */
  SL_END_REFUTED,  /* `at`, a decimal beyond it, is refuted */
  SL_END_OPEN      /* up to `at` nothing was decided */
} sl_end_reason;

typedef struct {
  sl_end_reason reason;
  sl_decimal at;
  int property; /* 0 to 3: P1 to P4, what `at` breaks or leaves open */
  char text[400];
  int has_refuted; /* OPEN: further out something is refuted, at `refuted` */
  sl_decimal refuted;
} sl_interval_end;

typedef struct {
  int parameter; /* index in the definition */
  int found;     /* 0: the default itself is not proved to be admissible */
  sl_decimal low, high;
  sl_interval_end end[2]; /* the low one, the high one */
} sl_largest;

/* Searches within the file's range by proofs over [default, x] and [x, default], for half of
 * options->seconds. The result is a union of proved intervals; a certificate takes a run over it.
 */
void sl_largest_find(sl_largest *out, const sl_gate_definition *def, int positive, int parameter,
                     const sl_verify_options *options);

/* The decimal of fewest digits strictly between a and b, a < b; 0 where 17 are not enough. */
int sl_decimal_shortest(sl_decimal *out, sl_decimal a, sl_decimal b);

/* The text of a property's index: "P1". */
const char *sl_property_name(int property);

#endif
