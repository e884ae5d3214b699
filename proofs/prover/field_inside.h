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
  DIVISOR_LIMIT = 1 << 29,
  FIELD_WORDS = 1 << 24 /* of 8 bytes, in all elements of a field: 128 MiB */
};

struct sl_exact {
  fmpz_mpoly_t num, den;
  uint64_t hash;
  int has_signs; /* `signs` is what sl_exact_signs found */
  unsigned signs;
  struct sl_exact *next; /* in its bucket */
};

typedef enum { SL_FIELD_ADD, SL_FIELD_SUB, SL_FIELD_MUL, SL_FIELD_DIV } sl_field_op;

typedef struct {
  sl_field_op op;
  int done; /* y is the result, which may be NULL */
  sl_exact a, b, y;
} sl_field_result;

typedef struct {
  sl_gate_op op; /* PI: sqrt(pi); E: e; POW: argument^(1/root) */
  slong root;
  sl_exact argument;
} generator;

struct sl_field {
  fmpz_mpoly_ctx_t ctx;
  const fmpq *low, *high;
  struct sl_exact **bucket; /* of all elements */
  size_t buckets, elements;
  sl_field_result *memo;
  generator gen[SL_FIELD_GENERATORS];
  int gen_count, roots; /* generators, and how many of them are roots */
  slong words;          /* that the elements hold, about */
};

/* Of field.c. A new element, 0, of which sl_field_canonical makes what the field keeps: the equal
 * one that it has, or this one in lowest terms; NULL where it is too large. */
struct sl_exact *sl_field_fresh(sl_field *k);
sl_exact sl_field_canonical(sl_field *k, struct sl_exact *a);
sl_exact sl_field_generator(sl_field *k, int index);
/* NULL where there are too many. The second takes the one that is there already, if any. */
sl_exact sl_field_new_generator(sl_field *k, sl_gate_op op, slong root, sl_exact argument);
sl_exact sl_field_generator_of(sl_field *k, sl_gate_op op, slong root, sl_exact argument);
/* a/b where b is not 0 by an identity; it may have zeros. */
sl_exact sl_field_quotient(sl_field *k, sl_exact a, sl_exact b);

/* Of field_relation.c. p becomes scale times p, without a root to its own power or above; 0 where
 * it grows too large. */
int sl_field_reduce(sl_field *k, fmpz_mpoly_t p, fmpz_t scale);

/* Of field_memo.c. The element that equals a, which joins the field if there is none, and is freed
 * else. */
sl_exact sl_field_keep(sl_field *k, struct sl_exact *a);
void sl_field_drop(sl_field *k, struct sl_exact *a);
/* The place for the result of a op b, `done` where it is known. It is one until the next call. */
sl_field_result *sl_field_memo(sl_field *k, sl_field_op op, sl_exact a, sl_exact b);
/* Frees the elements and the table. */
void sl_field_forget(sl_field *k);

#endif
