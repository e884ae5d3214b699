/* Functions and powers of a field's elements: generators, and what is known of those that are there
 * already. */
#include "field_inside.h"

#include <stdlib.h>

/* a = n pi/2 for an integer n: 1 and n modulo 4. */
static int quarter_turns(sl_field *k, sl_exact a, ulong *n) {
  const sl_exact root = sl_exact_sqrt_pi(k),
                 turns = sl_exact_div(k, sl_exact_mul(k, sl_exact_int(k, 2), a),
                                      sl_exact_mul(k, root, root));
  if (!turns || !fmpz_mpoly_is_fmpz(turns->num, k->ctx) || !fmpz_mpoly_is_one(turns->den, k->ctx))
    return 0;
  fmpz_t t;
  fmpz_init(t);
  fmpz_mpoly_get_fmpz(t, turns->num, k->ctx);
  *n = fmpz_fdiv_ui(t, 4);
  fmpz_clear(t);
  return 1;
}

enum { POWERS = 16, ROOTS = 4, LONE_TERMS = 4 }; /* of exponentials */

/* The small p/q with which the leading terms of a and p/q b are one; 0: there is none. */
static int leading_ratio(sl_field *k, slong *p, slong *q, sl_exact a, sl_exact b) {
  const fmpz_mpoly_struct *part[] = {a->num, b->den, b->num, a->den};
  ulong exps[4][VARIABLES];
  fmpz_t c, top, bottom;
  fmpq_t x;
  fmpz_init(c), fmpz_init_set_ui(top, 1), fmpz_init_set_ui(bottom, 1);
  fmpq_init(x);
  for (int i = 0; i < 4; i++) {
    fmpz_mpoly_get_term_exp_ui(exps[i], part[i], 0, k->ctx);
    fmpz_mpoly_get_term_coeff_fmpz(c, part[i], 0, k->ctx);
    fmpz_mul(i < 2 ? top : bottom, i < 2 ? top : bottom, c);
  }
  fmpq_set_fmpz_frac(x, top, bottom);
  int ok = fmpz_cmp_si(fmpq_denref(x), ROOTS) <= 0 && fmpz_cmp_si(fmpq_numref(x), POWERS) <= 0 &&
           fmpz_cmp_si(fmpq_numref(x), -POWERS) >= 0;
  for (int v = 0; v < VARIABLES; v++) ok &= exps[0][v] + exps[1][v] == exps[2][v] + exps[3][v];
  if (ok) *p = fmpz_get_si(fmpq_numref(x)), *q = fmpz_get_si(fmpq_denref(x));
  fmpz_clear(c), fmpz_clear(top), fmpz_clear(bottom);
  fmpq_clear(x);
  return ok;
}

/* exp(a) as a product of `factors` powers at most, with small numerators and denominators, of
 * earlier exponentials, each taken once; NULL: none is seen. */
static sl_exact known_exponential(sl_field *k, sl_exact a, unsigned taken, int factors) {
  sl_exact y = NULL;
  slong p, q;
  for (int i = 0; i < k->gen_count && factors && !y; i++) {
    const sl_exact argument = k->gen[i].argument;
    if (k->gen[i].op != SL_OP_EXP || taken >> i & 1 || !leading_ratio(k, &p, &q, a, argument))
      continue;
    const sl_exact rest = sl_exact_sub(k, a, sl_exact_mul(k, sl_exact_ratio(k, p, q), argument));
    if (rest && sl_exact_is_zero(rest))
      y = sl_exact_int(k, 1);
    else if (rest)
      y = known_exponential(k, rest, taken | 1u << i, factors - 1);
    if (y) y = sl_exact_mul(k, y, sl_exact_power(k, sl_field_generator(k, i), p, q));
  }
  return y;
}

static sl_exact exponential(sl_field *k, sl_exact a) {
  const sl_exact y = known_exponential(k, a, 0, LONE_TERMS);
  return y ? y : sl_field_new_generator(k, SL_OP_EXP, 0, a);
}

static sl_exact single_term(sl_field *k, sl_exact a, slong t) {
  fmpz_t c;
  ulong exps[VARIABLES];
  struct sl_exact *y = sl_field_fresh(k);
  fmpz_init(c);
  fmpz_mpoly_get_term_coeff_fmpz(c, a->num, t, k->ctx);
  fmpz_mpoly_get_term_exp_ui(exps, a->num, t, k->ctx);
  fmpz_mpoly_push_term_fmpz_ui(y->num, c, exps, k->ctx);
  fmpz_mpoly_set(y->den, a->den, k->ctx);
  fmpz_clear(c);
  return sl_field_canonical(k, y);
}

static sl_exact exponential_of_sum(sl_field *k, sl_exact a) {
  sl_exact moving = sl_exact_int(k, 0), lone[LONE_TERMS];
  int count = 0;
  for (slong t = 0; t < fmpz_mpoly_length(a->num, k->ctx); t++) {
    const sl_exact term = single_term(k, a, t);
    if (!sl_exact_has_r(k, term) && count == LONE_TERMS) return exponential(k, a);
    if (sl_exact_has_r(k, term))
      moving = sl_exact_add(k, moving, term);
    else
      lone[count++] = term;
  }
  if (!moving) return exponential(k, a);
  sl_exact y = sl_exact_is_zero(moving) ? sl_exact_int(k, 1) : exponential(k, moving);
  for (int i = 0; i < count; i++) y = sl_exact_mul(k, y, exponential(k, lone[i]));
  return y;
}

static sl_exact integer_power(sl_field *k, sl_exact a, slong p) {
  sl_exact y = sl_exact_int(k, 1);
  for (slong i = 0; i < labs(p); i++) y = sl_exact_mul(k, y, a);
  return p < 0 ? sl_field_quotient(k, sl_exact_int(k, 1), y) : y;
}

/* log(g^n b) = n log g + log b for an exponential g, and log(1/b) = -log b. */
static sl_exact logarithm(sl_field *k, sl_exact a) {
  sl_exact sum = sl_exact_int(k, 0), left = a;
  const int single =
      fmpz_mpoly_length(a->num, k->ctx) == 1 && fmpz_mpoly_length(a->den, k->ctx) == 1;
  for (int i = 0; single && i < k->gen_count; i++) {
    if (k->gen[i].op != SL_OP_EXP && k->gen[i].op != SL_OP_E) continue;
    const slong variable = FIRST_GENERATOR + i, n = fmpz_mpoly_degree_si(a->num, variable, k->ctx) -
                                                    fmpz_mpoly_degree_si(a->den, variable, k->ctx);
    if (!n) continue;
    const sl_exact one = sl_exact_int(k, 1),
                   log_g = k->gen[i].op == SL_OP_E ? one : k->gen[i].argument;
    sum = sl_exact_add(k, sum, sl_exact_mul(k, sl_exact_int(k, n), log_g));
    left = sl_exact_mul(k, left, integer_power(k, sl_field_generator(k, i), -n));
  }
  if (sl_exact_equal(k, left, sl_exact_int(k, 1))) return sum;
  for (int i = 0; i < k->gen_count; i++)
    if (k->gen[i].op == SL_OP_LOG &&
        sl_exact_equal(k, sl_exact_mul(k, left, k->gen[i].argument), sl_exact_int(k, 1)))
      return sl_exact_sub(k, sum, sl_field_generator(k, i));
  return left ? sl_exact_add(k, sum, sl_field_generator_of(k, SL_OP_LOG, 0, left)) : NULL;
}

sl_exact sl_exact_function(sl_field *k, sl_gate_op op, sl_exact a) {
  if (!a) return NULL;
  if (sl_exact_is_zero(a)) {
    if (op == SL_OP_EXP || op == SL_OP_COS) return sl_exact_int(k, 1);
    return op == SL_OP_LOG ? NULL : sl_exact_int(k, 0);
  }
  if (op == SL_OP_LOG)
    return sl_exact_has_r(k, a) || sl_exact_sign(k, a) > 0 ? logarithm(k, a) : NULL;
  ulong n;
  if ((op == SL_OP_SIN || op == SL_OP_COS) && quarter_turns(k, a, &n)) {
    static const slong sine[] = {0, 1, 0, -1};
    return sl_exact_int(k, sine[(n + (op == SL_OP_COS)) % 4]);
  }
  if (op == SL_OP_EXP) return exponential_of_sum(k, a);
  const sl_exact minus = sl_exact_neg(k, a);
  if (op == SL_OP_ATAN) { /* atan(1) = pi/4 */
    const sl_exact root = sl_exact_sqrt_pi(k), one = sl_exact_int(k, 1);
    const slong sign = sl_exact_equal(k, a, one) - sl_exact_equal(k, minus, one);
    if (sign) return sl_exact_mul(k, sl_exact_ratio(k, sign, 4), sl_exact_mul(k, root, root));
  }
  for (int i = 0; i < k->gen_count; i++)
    if (k->gen[i].op == op && op != SL_OP_COS && sl_exact_equal(k, k->gen[i].argument, minus))
      return sl_exact_neg(k, sl_field_generator(k, i)); /* they are odd */
  return sl_field_generator_of(k, op, 0, a);
}

/* The q-th root of a positive rational where it is rational. */
static sl_exact rational_root(sl_field *k, sl_exact a, slong q) {
  if (!fmpz_mpoly_is_fmpz(a->num, k->ctx) || !fmpz_mpoly_is_fmpz(a->den, k->ctx)) return NULL;
  struct sl_exact *y = sl_field_fresh(k);
  fmpz_t n, root;
  fmpz_init(n);
  fmpz_init(root);
  fmpz_mpoly_get_fmpz(n, a->num, k->ctx);
  int ok = fmpz_sgn(n) > 0 && fmpz_root(root, n, q);
  fmpz_mpoly_set_fmpz(y->num, root, k->ctx);
  fmpz_mpoly_get_fmpz(n, a->den, k->ctx);
  ok = ok && fmpz_root(root, n, q);
  fmpz_mpoly_set_fmpz(y->den, root, k->ctx);
  fmpz_clear(n);
  fmpz_clear(root);
  if (ok) return sl_field_keep(k, y);
  sl_field_drop(k, y);
  return NULL;
}

sl_exact sl_exact_power(sl_field *k, sl_exact a, slong p, slong q) {
  if (!a) return NULL;
  if (labs(p) > 64 || q > 64) return sl_exact_equal(k, a, sl_exact_int(k, 1)) ? a : NULL;
  if (p < 0 && !sl_exact_has_r(k, a) && sl_exact_signs(k, a) & SL_ZERO) return NULL;
  if (q == 1) return integer_power(k, a, p);
  if (sl_exact_is_zero(a)) return p > 0 ? a : NULL;
  if (!sl_exact_has_r(k, a)) {
    const unsigned signs = sl_exact_signs(k, a);
    if (signs & SL_NEGATIVE || (p < 0 && signs & SL_ZERO)) return NULL;
  }
  sl_exact root = rational_root(k, a, q);
  if (!root) root = sl_field_generator_of(k, SL_OP_POW, q, a);
  return root ? integer_power(k, root, p) : NULL;
}
