/* Q(parameters, r, generators) on FLINT's multivariate polynomials. */
#include "field_inside.h"

#include <stdlib.h>

sl_field *sl_field_new(const fmpq *low, const fmpq *high) {
  sl_field *k = calloc(1, sizeof *k);
  if (!k) flint_abort(); /* as FLINT itself does without memory */
  fmpz_mpoly_ctx_init(k->ctx, VARIABLES, ORD_LEX);
  k->low = low, k->high = high;
  return k;
}

void sl_field_free(sl_field *k) {
  if (!k) return;
  sl_field_forget(k);
  fmpz_mpoly_ctx_clear(k->ctx);
  free(k);
}

struct sl_exact *sl_field_fresh(sl_field *k) {
  struct sl_exact *a = calloc(1, sizeof *a);
  if (!a) flint_abort();
  fmpz_mpoly_init(a->num, k->ctx);
  fmpz_mpoly_init(a->den, k->ctx);
  fmpz_mpoly_one(a->den, k->ctx);
  return a;
}

/* Numerator and denominator without powers of roots that are something else. */
static int reduce(sl_field *k, struct sl_exact *a) {
  fmpz_t above, below;
  fmpz_init(above), fmpz_init(below);
  const int ok = sl_field_reduce(k, a->num, above) && sl_field_reduce(k, a->den, below) &&
                 !fmpz_mpoly_is_zero(a->den, k->ctx);
  if (ok && !fmpz_equal(above, below)) {
    fmpz_mpoly_scalar_mul_fmpz(a->num, a->num, below, k->ctx);
    fmpz_mpoly_scalar_mul_fmpz(a->den, a->den, above, k->ctx);
  }
  fmpz_clear(above), fmpz_clear(below);
  return ok;
}

/* The time of a greatest common divisor is about that of terms times terms times bits: a fifth of a
 * second at the limit, so that no single one outlasts a budget of processor time. */
static int has_cheap_divisor(sl_field *k, const struct sl_exact *a) {
  const slong above = labs(fmpz_mpoly_max_bits(a->num)), below = labs(fmpz_mpoly_max_bits(a->den)),
              terms = fmpz_mpoly_length(a->num, k->ctx) * fmpz_mpoly_length(a->den, k->ctx);
  return (above > below ? above : below) <= DIVISOR_LIMIT / (terms ? terms : 1);
}

/* Lowest terms with a positive leading coefficient in the denominator, so that equal elements have
 * equal polynomials. */
static sl_exact lowest_terms(sl_field *k, struct sl_exact *a) {
  if (fmpz_mpoly_length(a->num, k->ctx) > TERM_LIMIT ||
      fmpz_mpoly_length(a->den, k->ctx) > TERM_LIMIT)
    return NULL;
  if (k->roots && !reduce(k, a)) return NULL;
  if (fmpz_mpoly_is_zero(a->num, k->ctx)) {
    fmpz_mpoly_one(a->den, k->ctx);
    return a;
  }
  if (!has_cheap_divisor(k, a)) return NULL;
  fmpz_mpoly_t g;
  fmpz_mpoly_init(g, k->ctx);
  const int ok = fmpz_mpoly_gcd(g, a->num, a->den, k->ctx) &&
                 fmpz_mpoly_divides(a->num, a->num, g, k->ctx) &&
                 fmpz_mpoly_divides(a->den, a->den, g, k->ctx);
  fmpz_mpoly_clear(g, k->ctx);
  if (!ok) return NULL;
  fmpz_t lead;
  fmpz_init(lead);
  fmpz_mpoly_get_term_coeff_fmpz(lead, a->den, 0, k->ctx);
  if (fmpz_sgn(lead) < 0) {
    fmpz_mpoly_neg(a->num, a->num, k->ctx);
    fmpz_mpoly_neg(a->den, a->den, k->ctx);
  }
  fmpz_clear(lead);
  return a;
}

static slong words_of(sl_field *k, const fmpz_mpoly_t p) {
  const slong exponents = (VARIABLES + 7) / 8, bits = labs(fmpz_mpoly_max_bits(p));
  return fmpz_mpoly_length(p, k->ctx) * (1 + exponents + bits / 64);
}

/* What cannot be had keeps no memory. */
sl_exact sl_field_canonical(sl_field *k, struct sl_exact *a) {
  if (!lowest_terms(k, a)) {
    sl_field_drop(k, a);
    return NULL;
  }
  const size_t before = k->elements;
  const sl_exact y = sl_field_keep(k, a);
  if (k->elements > before) k->words += words_of(k, y->num) + words_of(k, y->den);
  return y;
}

/* May two elements be combined? Not where a product would be too large, or the field is. */
static int fits(const sl_field *k, sl_exact a, sl_exact b) {
  const slong x = fmpz_mpoly_length(a->num, k->ctx), u = fmpz_mpoly_length(a->den, k->ctx),
              y = fmpz_mpoly_length(b->num, k->ctx), v = fmpz_mpoly_length(b->den, k->ctx);
  const slong more = x > u ? x : u, most = y > v ? y : v; /* each at most TERM_LIMIT */
  return more * most <= PRODUCT_LIMIT && k->words <= FIELD_WORDS;
}

sl_exact sl_exact_ratio(sl_field *k, slong p, slong q) {
  struct sl_exact *a = sl_field_fresh(k);
  fmpz_mpoly_set_si(a->num, p, k->ctx);
  fmpz_mpoly_set_si(a->den, q, k->ctx);
  return sl_field_canonical(k, a);
}
sl_exact sl_exact_int(sl_field *k, slong value) { return sl_exact_ratio(k, value, 1); }

sl_exact sl_exact_decimal(sl_field *k, sl_decimal value) {
  struct sl_exact *a = sl_field_fresh(k);
  fmpz_t m, ten;
  fmpz_init_set_si(m, value.m);
  fmpz_init_set_ui(ten, 10);
  fmpz_pow_ui(ten, ten, (ulong)labs(value.e));
  if (value.e > 0) fmpz_mul(m, m, ten);
  fmpz_mpoly_set_fmpz(a->num, m, k->ctx);
  if (value.e < 0) fmpz_mpoly_set_fmpz(a->den, ten, k->ctx);
  fmpz_clear(m);
  fmpz_clear(ten);
  return sl_field_canonical(k, a);
}

static sl_exact variable(sl_field *k, slong index) {
  struct sl_exact *a = sl_field_fresh(k);
  fmpz_mpoly_gen(a->num, index, k->ctx);
  return sl_field_keep(k, a);
}
sl_exact sl_exact_parameter(sl_field *k, int index) { return variable(k, index); }
sl_exact sl_exact_r(sl_field *k) {
  return sl_exact_add(k, variable(k, VARIABLE_X), sl_exact_int(k, 1));
}
sl_exact sl_field_generator(sl_field *k, int index) { return variable(k, FIRST_GENERATOR + index); }

sl_exact sl_field_new_generator(sl_field *k, sl_gate_op op, slong root, sl_exact argument) {
  if (k->gen_count == SL_FIELD_GENERATORS) return NULL;
  k->gen[k->gen_count] = (generator){op, root, argument};
  k->roots += op == SL_OP_POW;
  return sl_field_generator(k, k->gen_count++);
}

sl_exact sl_field_generator_of(sl_field *k, sl_gate_op op, slong root, sl_exact argument) {
  for (int i = 0; i < k->gen_count; i++)
    if (k->gen[i].op == op && k->gen[i].root == root &&
        (!argument || sl_exact_equal(k, k->gen[i].argument, argument)))
      return sl_field_generator(k, i);
  return sl_field_new_generator(k, op, root, argument);
}
sl_exact sl_exact_sqrt_pi(sl_field *k) { return sl_field_generator_of(k, SL_OP_PI, 0, NULL); }
sl_exact sl_exact_e(sl_field *k) { return sl_field_generator_of(k, SL_OP_E, 0, NULL); }

static sl_exact combined(sl_field *k, sl_exact a, sl_exact b, int subtract) {
  if (!fits(k, a, b)) return NULL;
  struct sl_exact *y = sl_field_fresh(k);
  fmpz_mpoly_t t;
  fmpz_mpoly_init(t, k->ctx);
  fmpz_mpoly_mul(y->num, a->num, b->den, k->ctx);
  fmpz_mpoly_mul(t, b->num, a->den, k->ctx);
  if (subtract)
    fmpz_mpoly_sub(y->num, y->num, t, k->ctx);
  else
    fmpz_mpoly_add(y->num, y->num, t, k->ctx);
  fmpz_mpoly_mul(y->den, a->den, b->den, k->ctx);
  fmpz_mpoly_clear(t, k->ctx);
  return sl_field_canonical(k, y);
}
static sl_exact multiplied(sl_field *k, sl_exact a, sl_exact b) {
  if (!fits(k, a, b)) return NULL;
  struct sl_exact *y = sl_field_fresh(k);
  fmpz_mpoly_mul(y->num, a->num, b->num, k->ctx);
  fmpz_mpoly_mul(y->den, a->den, b->den, k->ctx);
  return sl_field_canonical(k, y);
}

sl_exact sl_exact_neg(sl_field *k, sl_exact a) {
  if (!a) return NULL;
  struct sl_exact *y = sl_field_fresh(k);
  fmpz_mpoly_neg(y->num, a->num, k->ctx);
  fmpz_mpoly_set(y->den, a->den, k->ctx);
  return sl_field_keep(k, y);
}

static sl_exact divided(sl_field *k, sl_exact a, sl_exact b) {
  if (sl_exact_is_zero(b) || !fits(k, a, b)) return NULL;
  struct sl_exact *y = sl_field_fresh(k);
  fmpz_mpoly_mul(y->num, a->num, b->den, k->ctx);
  fmpz_mpoly_mul(y->den, a->den, b->num, k->ctx);
  return sl_field_canonical(k, y);
}

/* a op b, from the table where it is known. */
static sl_exact combine(sl_field *k, sl_field_op op, sl_exact a, sl_exact b) {
  if (!a || !b) return NULL;
  const sl_field_result *known = sl_field_memo(k, op, a, b);
  if (known->done) return known->y;
  const sl_exact y = op == SL_FIELD_MUL   ? multiplied(k, a, b)
                     : op == SL_FIELD_DIV ? divided(k, a, b)
                                          : combined(k, a, b, op == SL_FIELD_SUB);
  sl_field_result *m = sl_field_memo(k, op, a, b);
  m->y = y, m->done = 1;
  return y;
}
sl_exact sl_exact_add(sl_field *k, sl_exact a, sl_exact b) {
  return combine(k, SL_FIELD_ADD, a, b);
}
sl_exact sl_exact_sub(sl_field *k, sl_exact a, sl_exact b) {
  return combine(k, SL_FIELD_SUB, a, b);
}
sl_exact sl_exact_mul(sl_field *k, sl_exact a, sl_exact b) {
  return combine(k, SL_FIELD_MUL, a, b);
}
sl_exact sl_field_quotient(sl_field *k, sl_exact a, sl_exact b) {
  return combine(k, SL_FIELD_DIV, a, b);
}

sl_exact sl_exact_div(sl_field *k, sl_exact a, sl_exact b) {
  /* with r in b the quotient is formal, as generic identities need it */
  if (b && !sl_exact_has_r(k, b) && sl_exact_signs(k, b) & SL_ZERO) return NULL;
  return sl_field_quotient(k, a, b);
}

/* With roots one number may have two forms: 1/sqrt(2) and sqrt(2)/2. */
int sl_exact_equal(sl_field *k, sl_exact a, sl_exact b) {
  if (!a || !b) return 0;
  if (fmpz_mpoly_equal(a->num, b->num, k->ctx) && fmpz_mpoly_equal(a->den, b->den, k->ctx))
    return 1;
  return k->roots && sl_exact_is_zero(sl_exact_sub(k, a, b));
}
