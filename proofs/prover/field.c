/* Q(parameters, r, generators) on FLINT's multivariate polynomials. */
#include "field.h"

#include <stdlib.h>

enum {
  VARIABLE_R = SL_FIELD_PARAMETERS,
  FIRST_GENERATOR,
  VARIABLES = FIRST_GENERATOR + SL_FIELD_GENERATORS,
  TERM_LIMIT = 1500
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
  int gen_count;
};

sl_field *sl_field_new(const fmpq *low, const fmpq *high) {
  sl_field *k = calloc(1, sizeof *k);
  if (!k) flint_abort(); /* as FLINT itself does without memory */
  fmpz_mpoly_ctx_init(k->ctx, VARIABLES, ORD_LEX);
  k->low = low, k->high = high;
  return k;
}

void sl_field_free(sl_field *k) {
  if (!k) return;
  for (struct sl_exact *a = k->all, *next; a; a = next) {
    next = a->next;
    fmpz_mpoly_clear(a->num, k->ctx);
    fmpz_mpoly_clear(a->den, k->ctx);
    free(a);
  }
  fmpz_mpoly_ctx_clear(k->ctx);
  free(k);
}

static struct sl_exact *fresh(sl_field *k) {
  struct sl_exact *a = malloc(sizeof *a);
  if (!a) flint_abort();
  fmpz_mpoly_init(a->num, k->ctx);
  fmpz_mpoly_init(a->den, k->ctx);
  fmpz_mpoly_one(a->den, k->ctx);
  a->next = k->all;
  k->all = a;
  return a;
}

/* Lowest terms with a positive leading coefficient in the denominator, so that equal elements have
 * equal polynomials. */
static sl_exact canonical(sl_field *k, struct sl_exact *a) {
  if (fmpz_mpoly_length(a->num, k->ctx) > TERM_LIMIT ||
      fmpz_mpoly_length(a->den, k->ctx) > TERM_LIMIT)
    return NULL;
  if (fmpz_mpoly_is_zero(a->num, k->ctx)) {
    fmpz_mpoly_one(a->den, k->ctx);
    return a;
  }
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

sl_exact sl_exact_ratio(sl_field *k, slong p, slong q) {
  struct sl_exact *a = fresh(k);
  fmpz_mpoly_set_si(a->num, p, k->ctx);
  fmpz_mpoly_set_si(a->den, q, k->ctx);
  return canonical(k, a);
}
sl_exact sl_exact_int(sl_field *k, slong value) { return sl_exact_ratio(k, value, 1); }

sl_exact sl_exact_decimal(sl_field *k, sl_decimal value) {
  struct sl_exact *a = fresh(k);
  fmpz_t m, ten;
  fmpz_init_set_si(m, value.m);
  fmpz_init_set_ui(ten, 10);
  fmpz_pow_ui(ten, ten, (ulong)labs(value.e));
  if (value.e > 0) fmpz_mul(m, m, ten);
  fmpz_mpoly_set_fmpz(a->num, m, k->ctx);
  if (value.e < 0) fmpz_mpoly_set_fmpz(a->den, ten, k->ctx);
  fmpz_clear(m);
  fmpz_clear(ten);
  return canonical(k, a);
}

static sl_exact variable(sl_field *k, slong index) {
  struct sl_exact *a = fresh(k);
  fmpz_mpoly_gen(a->num, index, k->ctx);
  return a;
}
sl_exact sl_exact_parameter(sl_field *k, int index) { return variable(k, index); }
sl_exact sl_exact_r(sl_field *k) { return variable(k, VARIABLE_R); }

static sl_exact generator_of(sl_field *k, sl_gate_op op, slong root, sl_exact argument) {
  for (int i = 0; i < k->gen_count; i++)
    if (k->gen[i].op == op && k->gen[i].root == root &&
        (!argument || sl_exact_equal(k, k->gen[i].argument, argument)))
      return variable(k, FIRST_GENERATOR + i);
  if (k->gen_count == SL_FIELD_GENERATORS) return NULL;
  k->gen[k->gen_count] = (generator){op, root, argument};
  return variable(k, FIRST_GENERATOR + k->gen_count++);
}
sl_exact sl_exact_sqrt_pi(sl_field *k) { return generator_of(k, SL_OP_PI, 0, NULL); }
sl_exact sl_exact_e(sl_field *k) { return generator_of(k, SL_OP_E, 0, NULL); }

static sl_exact combine(sl_field *k, sl_exact a, sl_exact b, int subtract) {
  if (!a || !b) return NULL;
  struct sl_exact *y = fresh(k);
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
  return canonical(k, y);
}
sl_exact sl_exact_add(sl_field *k, sl_exact a, sl_exact b) { return combine(k, a, b, 0); }
sl_exact sl_exact_sub(sl_field *k, sl_exact a, sl_exact b) { return combine(k, a, b, 1); }

sl_exact sl_exact_mul(sl_field *k, sl_exact a, sl_exact b) {
  if (!a || !b) return NULL;
  struct sl_exact *y = fresh(k);
  fmpz_mpoly_mul(y->num, a->num, b->num, k->ctx);
  fmpz_mpoly_mul(y->den, a->den, b->den, k->ctx);
  return canonical(k, y);
}

sl_exact sl_exact_neg(sl_field *k, sl_exact a) {
  if (!a) return NULL;
  struct sl_exact *y = fresh(k);
  fmpz_mpoly_neg(y->num, a->num, k->ctx);
  fmpz_mpoly_set(y->den, a->den, k->ctx);
  return y;
}

sl_exact sl_exact_div(sl_field *k, sl_exact a, sl_exact b) {
  if (!a || !b || sl_exact_is_zero(b)) return NULL;
  if (!sl_exact_has_r(k,
                      b)) { /* with r in it the quotient is formal, as generic identities need it */
    if (sl_exact_signs(k, b) & SL_ZERO) return NULL;
  }
  struct sl_exact *y = fresh(k);
  fmpz_mpoly_mul(y->num, a->num, b->den, k->ctx);
  fmpz_mpoly_mul(y->den, a->den, b->num, k->ctx);
  return canonical(k, y);
}

int sl_exact_is_zero(sl_exact a) { return a && a->num->length == 0; }

int sl_exact_equal(sl_field *k, sl_exact a, sl_exact b) {
  return a && b && fmpz_mpoly_equal(a->num, b->num, k->ctx) &&
         fmpz_mpoly_equal(a->den, b->den, k->ctx);
}

/* Does r occur, directly or in the argument of a generator that occurs? */
static int poly_has_r(sl_field *k, const fmpz_mpoly_t p) {
  ulong exps[VARIABLES];
  for (slong t = 0; t < fmpz_mpoly_length(p, k->ctx); t++) {
    fmpz_mpoly_get_term_exp_ui(exps, p, t, k->ctx);
    if (exps[VARIABLE_R]) return 1;
    for (int i = 0; i < k->gen_count; i++)
      if (exps[FIRST_GENERATOR + i] && k->gen[i].argument && sl_exact_has_r(k, k->gen[i].argument))
        return 1;
  }
  return 0;
}
int sl_exact_has_r(sl_field *k, sl_exact a) {
  return a && (poly_has_r(k, a->num) || poly_has_r(k, a->den));
}

static sl_exact one_over(sl_field *k, sl_exact a) {
  struct sl_exact *y = fresh(k);
  fmpz_mpoly_set(y->num, a->den, k->ctx);
  fmpz_mpoly_set(y->den, a->num, k->ctx);
  return canonical(k, y);
}

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

sl_exact sl_exact_function(sl_field *k, sl_gate_op op, sl_exact a) {
  if (!a) return NULL;
  if (sl_exact_is_zero(a)) {
    if (op == SL_OP_EXP || op == SL_OP_COS) return sl_exact_int(k, 1);
    return op == SL_OP_LOG ? NULL : sl_exact_int(k, 0);
  }
  if (op == SL_OP_LOG) {
    if (sl_exact_equal(k, a, sl_exact_int(k, 1))) return sl_exact_int(k, 0);
    if (!sl_exact_has_r(k, a) && sl_exact_sign(k, a) <= 0) return NULL;
  }
  ulong n;
  if ((op == SL_OP_SIN || op == SL_OP_COS) && quarter_turns(k, a, &n)) {
    static const slong sine[] = {0, 1, 0, -1};
    return sl_exact_int(k, sine[(n + (op == SL_OP_COS)) % 4]);
  }
  const sl_exact minus = sl_exact_neg(k, a);
  if (op == SL_OP_ATAN) { /* atan(1) = pi/4 */
    const sl_exact root = sl_exact_sqrt_pi(k), one = sl_exact_int(k, 1);
    const slong sign = sl_exact_equal(k, a, one) - sl_exact_equal(k, minus, one);
    if (sign) return sl_exact_mul(k, sl_exact_ratio(k, sign, 4), sl_exact_mul(k, root, root));
  }
  for (int i = 0; i < k->gen_count; i++) {
    if (k->gen[i].op != op || op == SL_OP_LOG || op == SL_OP_COS ||
        !sl_exact_equal(k, k->gen[i].argument, minus))
      continue;
    const sl_exact same = variable(k, FIRST_GENERATOR + i);
    return op == SL_OP_EXP ? one_over(k, same) : sl_exact_neg(k, same); /* the others are odd */
  }
  return generator_of(k, op, 0, a);
}

static sl_exact integer_power(sl_field *k, sl_exact a, slong p) {
  sl_exact y = sl_exact_int(k, 1);
  for (slong i = 0; i < labs(p); i++) y = sl_exact_mul(k, y, a);
  return p < 0 && y ? one_over(k, y) : y;
}

/* The q-th root of a positive rational where it is rational. */
static sl_exact rational_root(sl_field *k, sl_exact a, slong q) {
  if (!fmpz_mpoly_is_fmpz(a->num, k->ctx) || !fmpz_mpoly_is_fmpz(a->den, k->ctx)) return NULL;
  struct sl_exact *y = fresh(k);
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
  return ok ? y : NULL;
}

sl_exact sl_exact_power(sl_field *k, sl_exact a, slong p, slong q) {
  if (!a || labs(p) > 64 || q > 64) return NULL;
  if (q == 1) return integer_power(k, a, p);
  if (sl_exact_is_zero(a)) return p > 0 ? a : NULL;
  if (!sl_exact_has_r(k, a)) {
    const unsigned signs = sl_exact_signs(k, a);
    if (signs & SL_NEGATIVE || (p < 0 && signs & SL_ZERO)) return NULL;
  }
  sl_exact root = rational_root(k, a, q);
  if (!root) root = generator_of(k, SL_OP_POW, q, a);
  return root ? integer_power(k, root, p) : NULL;
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
  sl_span_unknown(&value[VARIABLE_R]);
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
  sl_span s;
  sl_span_init(&s);
  sl_exact_span(&s, k, a, 256);
  const unsigned signs = s.signs;
  sl_span_clear(&s);
  return signs;
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
