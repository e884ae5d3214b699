/* Each element of a field once, and each sum, product and quotient of two computed once: expansions
 * at infinity are taken for many R, and their exact parts are the same for all of them. */
#include "field_inside.h"

#include <stdlib.h>
#include <string.h>

/* Of the coefficients and the first term's powers: how a polynomial is packed does not count. */
static uint64_t hash_poly(const sl_field *k, const fmpz_mpoly_t p, uint64_t h) {
  static const uint64_t prime = 0x100000001b3;
  ulong exps[VARIABLES];
  fmpz_t c;
  fmpz_init(c);
  for (slong t = 0; t < fmpz_mpoly_length(p, k->ctx); t++) {
    fmpz_mpoly_get_term_coeff_fmpz(c, p, t, k->ctx);
    h = (h ^ fmpz_fdiv_ui(c, 0x1fffffffffffffff)) * prime;
  }
  if (fmpz_mpoly_length(p, k->ctx)) {
    fmpz_mpoly_get_term_exp_ui(exps, p, 0, k->ctx);
    for (int v = 0; v < VARIABLES; v++) h = (h ^ exps[v]) * prime;
  }
  fmpz_clear(c);
  return h ^ h >> 29;
}

static void grow(sl_field *k) {
  const size_t size = k->buckets ? 2 * k->buckets : 256;
  struct sl_exact **bucket = calloc(size, sizeof *bucket);
  if (!bucket) flint_abort();
  for (size_t i = 0; i < k->buckets; i++)
    for (struct sl_exact *a = k->bucket[i], *next; a; a = next) {
      next = a->next;
      a->next = bucket[a->hash % size];
      bucket[a->hash % size] = a;
    }
  free(k->bucket);
  k->bucket = bucket, k->buckets = size;
}

void sl_field_drop(sl_field *k, struct sl_exact *a) {
  fmpz_mpoly_clear(a->num, k->ctx);
  fmpz_mpoly_clear(a->den, k->ctx);
  free(a);
}

sl_exact sl_field_keep(sl_field *k, struct sl_exact *a) {
  a->hash = hash_poly(k, a->den, hash_poly(k, a->num, 0xcbf29ce484222325));
  if (k->elements >= k->buckets) grow(k);
  struct sl_exact **head = &k->bucket[a->hash % k->buckets];
  for (struct sl_exact *b = *head; b; b = b->next)
    if (a->hash == b->hash && fmpz_mpoly_equal(a->num, b->num, k->ctx) &&
        fmpz_mpoly_equal(a->den, b->den, k->ctx)) {
      sl_field_drop(k, a);
      return b;
    }
  a->next = *head;
  *head = a;
  k->elements++;
  return a;
}

/* A table of fixed size, in which a later result takes the place of an earlier one. */
sl_field_result *sl_field_memo(sl_field *k, sl_field_op op, sl_exact a, sl_exact b) {
  enum { SIZE = 1 << 14 };
  if (!k->memo && !(k->memo = calloc(SIZE, sizeof *k->memo))) flint_abort();
  const uint64_t h = (a->hash * 3 + b->hash) * 4 + op;
  sl_field_result *m = &k->memo[(h * 0x9e3779b97f4a7c15) >> 50];
  if (m->a != a || m->b != b || m->op != op) *m = (sl_field_result){.op = op, .a = a, .b = b};
  return m;
}

void sl_field_forget(sl_field *k) {
  for (size_t i = 0; i < k->buckets; i++)
    for (struct sl_exact *a = k->bucket[i], *next; a; a = next) {
      next = a->next;
      sl_field_drop(k, a);
    }
  free(k->bucket), free(k->memo);
}
