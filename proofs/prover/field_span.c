/* Elements of a field as spans and balls over the ranges of the parameters, their signs, and what
 * they are as rational numbers. */
#include "field_inside.h"
#include "witness.h"

#include <stdlib.h>

int sl_exact_is_zero(sl_exact a) { return a && a->num->length == 0; }

/* Does r occur, directly or in the argument of a generator that occurs? */
static int poly_has_r(sl_field *k, const fmpz_mpoly_t p) {
  ulong exps[VARIABLES];
  for (slong t = 0; t < fmpz_mpoly_length(p, k->ctx); t++) {
    fmpz_mpoly_get_term_exp_ui(exps, p, t, k->ctx);
    if (exps[VARIABLE_X]) return 1;
    for (int i = 0; i < k->gen_count; i++)
      if (exps[FIRST_GENERATOR + i] && k->gen[i].argument && sl_exact_has_r(k, k->gen[i].argument))
        return 1;
  }
  return 0;
}
int sl_exact_has_r(sl_field *k, sl_exact a) {
  return a && (poly_has_r(k, a->num) || poly_has_r(k, a->den));
}

static void generator_span(sl_span *out, sl_field *k, const generator *g, slong prec) {
  sl_span a, slope;
  arb_t c;
  sl_span_init(&a), sl_span_init(&slope);
  arb_init(c);
  if (g->argument) sl_exact_span(&a, k, g->argument, prec);
  if (g->op == SL_OP_PI) {
    arb_const_sqrt_pi(c, prec);
    sl_span_arb(out, c, prec);
  } else if (g->op == SL_OP_E) {
    arb_const_e(c, prec);
    sl_span_arb(out, c, prec);
  } else if (g->op == SL_OP_POW) {
    sl_span_power(out, &a, 1, g->root, prec);
  } else {
    sl_span_function(out, &slope, g->op, &a, prec);
  }
  sl_span_clear(&a), sl_span_clear(&slope);
  arb_clear(c);
}

/* A generator's argument holds earlier generators only, so the recursion ends. */
static void mark_used(const fmpz_mpoly_t p, sl_field *k, unsigned char *used) {
  ulong exps[VARIABLES];
  for (slong t = 0; t < fmpz_mpoly_length(p, k->ctx); t++) {
    fmpz_mpoly_get_term_exp_ui(exps, p, t, k->ctx);
    for (int v = 0; v < VARIABLES; v++) used[v] |= exps[v] != 0;
  }
}

static void poly_span(sl_span *out, sl_field *k, const fmpz_mpoly_t p, const sl_span *value,
                      slong prec) {
  ulong exps[VARIABLES];
  fmpq_t c;
  sl_span term, power;
  fmpq_init(c);
  sl_span_init(&term), sl_span_init(&power);
  sl_span_zero(out);
  for (slong t = 0; t < fmpz_mpoly_length(p, k->ctx); t++) {
    fmpz_mpoly_get_term_coeff_fmpz(fmpq_numref(c), p, t, k->ctx);
    fmpz_mpoly_get_term_exp_ui(exps, p, t, k->ctx);
    sl_span_fmpq(&term, c, c, prec);
    for (int v = 0; v < VARIABLES; v++)
      if (exps[v]) {
        sl_span_power(&power, &value[v], (int64_t)exps[v], 1, prec);
        sl_span_mul(&term, &term, &power, prec);
      }
    sl_span_add(out, out, &term, prec);
  }
  fmpq_clear(c);
  sl_span_clear(&term), sl_span_clear(&power);
}

/* The part of p = c[0] + sum c[i + 1] s_i exactly, between its least and its largest value. */
static int affine_span(sl_span *out, sl_field *k, sl_exact a, slong prec) {
  fmpq *c = _fmpq_vec_init(SL_FIELD_PARAMETERS + 1);
  fmpq_t low, high;
  fmpq_init(low), fmpq_init(high);
  const int ok = sl_exact_affine(k, a, c);
  if (ok) {
    fmpq_set(low, c), fmpq_set(high, c);
    for (int i = 1; i <= SL_FIELD_PARAMETERS; i++) {
      if (fmpq_sgn(c + i) < 0) fmpq_add(low, low, c + i);
      if (fmpq_sgn(c + i) > 0) fmpq_add(high, high, c + i);
    }
    sl_span_fmpq(out, low, high, prec);
  }
  _fmpq_vec_clear(c, SL_FIELD_PARAMETERS + 1);
  fmpq_clear(low), fmpq_clear(high);
  return ok;
}

void sl_exact_span(sl_span *out, sl_field *k, sl_exact a, slong prec) {
  if (!a) {
    sl_span_unknown(out);
    return;
  }
  if (affine_span(out, k, a, prec)) return;
  unsigned char used[VARIABLES] = {0};
  sl_span value[VARIABLES], den;
  sl_span_init(&den);
  for (int v = 0; v < VARIABLES; v++) sl_span_init(&value[v]);
  for (int i = 0; i < SL_FIELD_PARAMETERS; i++)
    sl_span_fmpq(&value[i], k->low + i, k->high + i, prec);
  sl_span_unknown(&value[VARIABLE_X]);
  mark_used(a->num, k, used);
  mark_used(a->den, k, used);
  for (int i = 0; i < k->gen_count; i++)
    if (used[FIRST_GENERATOR + i]) generator_span(&value[FIRST_GENERATOR + i], k, &k->gen[i], prec);
  poly_span(out, k, a->num, value, prec);
  poly_span(&den, k, a->den, value, prec);
  sl_span_div(out, out, &den, prec);
  for (int v = 0; v < VARIABLES; v++) sl_span_clear(&value[v]);
  sl_span_clear(&den);
}

void sl_exact_ball(arb_t out, sl_field *k, sl_exact a, slong prec) {
  sl_span s;
  sl_span_init(&s);
  sl_exact_span(&s, k, a, prec);
  if (sl_span_bounded(&s))
    arb_set_interval_arf(out, &s.low, &s.high, prec);
  else
    arb_indeterminate(out);
  sl_span_clear(&s);
}

unsigned sl_exact_signs(sl_field *k, sl_exact a) {
  if (!a || sl_exact_has_r(k, a)) return SL_ANY_SIGN;
  if (sl_exact_is_zero(a)) return SL_ZERO;
  struct sl_exact *own = (struct sl_exact *)a; /* a field's elements are its own */
  if (own->has_signs) return own->signs;
  sl_span s;
  sl_span_init(&s);
  sl_exact_span(&s, k, a, SL_WITNESS_BITS);
  own->has_signs = 1, own->signs = s.signs;
  sl_span_clear(&s);
  return own->signs;
}

int sl_exact_sign(sl_field *k, sl_exact a) {
  const unsigned signs = sl_exact_signs(k, a);
  return signs == SL_POSITIVE ? 1 : signs == SL_NEGATIVE ? -1 : 0;
}

int sl_exact_affine(sl_field *k, sl_exact a, fmpq *c) {
  if (!a || !fmpz_mpoly_is_fmpz(a->den, k->ctx)) return 0;
  ulong exps[VARIABLES];
  fmpz_t den;
  int ok = 1;
  fmpz_init(den);
  fmpz_mpoly_get_fmpz(den, a->den, k->ctx);
  for (int i = 0; i <= SL_FIELD_PARAMETERS; i++) fmpq_zero(c + i);
  for (slong t = 0; t < fmpz_mpoly_length(a->num, k->ctx) && ok; t++) {
    int at = 0;
    ulong degree = 0;
    fmpz_mpoly_get_term_exp_ui(exps, a->num, t, k->ctx);
    for (int v = 0; v < VARIABLES; v++) {
      degree += exps[v];
      if (exps[v]) at = v + 1;
    }
    ok = degree <= 1 && at <= SL_FIELD_PARAMETERS;
    if (!ok) break;
    fmpz_mpoly_get_term_coeff_fmpz(fmpq_numref(c + at), a->num, t, k->ctx);
    fmpz_set(fmpq_denref(c + at), den);
    fmpq_canonicalise(c + at);
  }
  for (int i = 0; i < SL_FIELD_PARAMETERS && ok; i++) { /* of t = low + (high - low) s */
    fmpq_addmul(c, c + i + 1, k->low + i);
    fmpq_t width;
    fmpq_init(width);
    fmpq_sub(width, k->high + i, k->low + i);
    fmpq_mul(c + i + 1, c + i + 1, width);
    fmpq_clear(width);
  }
  fmpz_clear(den);
  return ok;
}

int sl_exact_rational(sl_field *k, sl_exact a, fmpq_t out) {
  if (!a || !fmpz_mpoly_is_fmpz(a->num, k->ctx) || !fmpz_mpoly_is_fmpz(a->den, k->ctx)) return 0;
  fmpz_mpoly_get_fmpz(fmpq_numref(out), a->num, k->ctx);
  fmpz_mpoly_get_fmpz(fmpq_denref(out), a->den, k->ctx);
  fmpq_canonicalise(out);
  return 1;
}
