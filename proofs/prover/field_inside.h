/* What a field and its elements are made of: for the files field_*.c alone. The indeterminate is r
 * - 1: in it what a gate has near r = 1 has few terms. */
#ifndef SLUICE_PROOFS_FIELD_INSIDE_H
#define SLUICE_PROOFS_FIELD_INSIDE_H

#include "field.h"

enum {
  VARIABLE_X = SL_FIELD_PARAMETERS,
  FIRST_GENERATOR,
  VARIABLES = FIRST_GENERATOR + SL_FIELD_GENERATORS,
  TERM_LIMIT = 1500,
  PRODUCT_LIMIT = 256 * TERM_LIMIT, /* terms of a product before it is reduced */
  FIELD_WORDS = 1 << 24             /* of 8 bytes, in all elements of a field: 128 MiB */
};

struct sl_exact {
  fmpz_mpoly_t num, den;
  struct sl_exact *next;
};

typedef struct {
  sl_gate_op op; /* PI: sqrt(pi); E: e; POW: argument^(1/root) */
  slong root;
  sl_exact argument;
} generator;

struct sl_field {
  fmpz_mpoly_ctx_t ctx;
  const fmpq *low, *high;
  struct sl_exact *all;
  generator gen[SL_FIELD_GENERATORS];
  int gen_count, roots; /* generators, and how many of them are roots */
  slong words;          /* that the elements hold, about */
};

/* Of field_relation.c. p becomes scale times p, without a root to its own power or above; 0 where
 * it grows too large. */
int sl_field_reduce(sl_field *k, fmpz_mpoly_t p, fmpz_t scale);

#endif
