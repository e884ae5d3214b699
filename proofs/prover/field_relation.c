/* A root to its own power is its argument: so sqrt(a)^2 = a, and 1/sqrt(2) is sqrt(2)/2. */
#include "field_inside.h"

#include <stdlib.h>

static int is_polynomial(sl_field *k, sl_exact a) { return fmpz_mpoly_is_fmpz(a->den, k->ctx); }

/* p by the powers of y = g^q that its terms hold: p = part[0] + part[1] y + ... */
static void split_by_root(fmpz_mpoly_struct *part, sl_field *k, const fmpz_mpoly_t p, int variable,
                          ulong q) {
  ulong exps[VARIABLES];
  fmpz_t c;
  fmpz_init(c);
  for (slong t = 0; t < fmpz_mpoly_length(p, k->ctx); t++) {
    fmpz_mpoly_get_term_coeff_fmpz(c, p, t, k->ctx);
    fmpz_mpoly_get_term_exp_ui(exps, p, t, k->ctx);
    const ulong power = exps[variable] / q;
    exps[variable] %= q;
    fmpz_mpoly_push_term_fmpz_ui(&part[power], c, exps, k->ctx);
  }
  fmpz_clear(c);
}

/* p becomes p times scale, with n/c in the place of the root's q-th power. */
static void replace_root(sl_field *k, fmpz_mpoly_t p, fmpz_t scale, int index, slong top) {
  const generator *g = &k->gen[index];
  const slong count = top / g->root + 1;
  fmpz_mpoly_struct *part = malloc((size_t)count * sizeof *part);
  fmpz_t c;
  if (!part) flint_abort();
  fmpz_init(c);
  fmpz_mpoly_get_fmpz(c, g->argument->den, k->ctx);
  for (slong i = 0; i < count; i++) fmpz_mpoly_init(&part[i], k->ctx);
  split_by_root(part, k, p, FIRST_GENERATOR + index, (ulong)g->root);
  fmpz_mpoly_zero(p, k->ctx);
  for (slong i = count; i-- > 0;) { /* p = part[i] c^(count - 1 - i) + p n */
    fmpz_mpoly_sort_terms(&part[i], k->ctx);
    fmpz_mpoly_combine_like_terms(&part[i], k->ctx);
    fmpz_mpoly_mul(p, p, g->argument->num, k->ctx);
    for (slong j = count - 1; j > i; j--) fmpz_mpoly_scalar_mul_fmpz(&part[i], &part[i], c, k->ctx);
    fmpz_mpoly_add(p, p, &part[i], k->ctx);
    if (i) fmpz_mul(scale, scale, c);
    fmpz_mpoly_clear(&part[i], k->ctx);
  }
  fmpz_clear(c);
  free(part);
}

int sl_field_reduce(sl_field *k, fmpz_mpoly_t p, fmpz_t scale) {
  fmpz_one(scale);
  for (int i = k->gen_count; i-- > 0;) { /* an argument holds earlier generators only */
    if (k->gen[i].op != SL_OP_POW || !is_polynomial(k, k->gen[i].argument)) continue;
    const slong top = fmpz_mpoly_degree_si(p, FIRST_GENERATOR + i, k->ctx);
    if (top >= k->gen[i].root) replace_root(k, p, scale, i, top);
    if (fmpz_mpoly_length(p, k->ctx) > TERM_LIMIT) return 0;
  }
  return 1;
}
