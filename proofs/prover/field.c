/* Q(parameters, r, generators) on FLINT's multivariate polynomials. */
#include "field.h"

#include <arb_hypgeom.h>
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
  arb_srcptr box;
  struct sl_exact *all;
  generator gen[SL_FIELD_GENERATORS];
  int gen_count;
};

sl_field *sl_field_new(arb_srcptr box) {
  sl_field *k = calloc(1, sizeof *k);
  if (!k) abort(); /* FLINT itself aborts without memory */
  fmpz_mpoly_ctx_init(k->ctx, VARIABLES, ORD_LEX);
  k->box = box;
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
  if (!a) abort();
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
    arb_t ball;
    arb_init(ball);
    sl_exact_ball(ball, k, b, 256);
    const int may_vanish = arb_contains_zero(ball);
    arb_clear(ball);
    if (may_vanish) return NULL;
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
  if (op == SL_OP_EXP) {
    const sl_exact minus = sl_exact_neg(k, a);
    for (int i = 0; i < k->gen_count; i++)
      if (k->gen[i].op == op && sl_exact_equal(k, k->gen[i].argument, minus))
        return one_over(k, variable(k, FIRST_GENERATOR + i));
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
  if (!sl_exact_has_r(k, a) && sl_exact_sign(k, a) <= 0) return NULL;
  sl_exact root = rational_root(k, a, q);
  if (!root) root = generator_of(k, SL_OP_POW, q, a);
  return root ? integer_power(k, root, p) : NULL;
}

static void generator_ball(arb_t out, sl_field *k, const generator *g, arb_srcptr box, slong prec) {
  arb_t a;
  arb_init(a);
  if (g->argument) sl_exact_ball_at(a, k, g->argument, box, prec);
  switch (g->op) {
    case SL_OP_PI:
      arb_const_sqrt_pi(out, prec);
      break;
    case SL_OP_E:
      arb_const_e(out, prec);
      break;
    case SL_OP_POW:
      arb_root_ui(out, a, (ulong)g->root, prec);
      break;
    case SL_OP_EXP:
      arb_exp(out, a, prec);
      break;
    case SL_OP_LOG:
      arb_log(out, a, prec);
      break;
    case SL_OP_SIN:
      arb_sin(out, a, prec);
      break;
    case SL_OP_COS:
      arb_cos(out, a, prec);
      break;
    case SL_OP_ERF:
      arb_hypgeom_erf(out, a, prec);
      break;
    case SL_OP_ATAN:
      arb_atan(out, a, prec);
      break;
    case SL_OP_ASINH:
      arb_asinh(out, a, prec);
      break;
    default:
      arb_indeterminate(out);
      break;
  }
  arb_clear(a);
}

/* A generator's argument holds earlier generators only, so the recursion ends. */
static void mark_used(const fmpz_mpoly_t p, sl_field *k, unsigned char *used) {
  ulong exps[VARIABLES];
  for (slong t = 0; t < fmpz_mpoly_length(p, k->ctx); t++) {
    fmpz_mpoly_get_term_exp_ui(exps, p, t, k->ctx);
    for (int v = 0; v < VARIABLES; v++) used[v] |= exps[v] != 0;
  }
}

static void poly_ball(arb_t out, sl_field *k, const fmpz_mpoly_t p, arb_srcptr value, slong prec) {
  ulong exps[VARIABLES];
  fmpz_t c;
  arb_t term, power;
  fmpz_init(c);
  arb_init(term);
  arb_init(power);
  arb_zero(out);
  for (slong t = 0; t < fmpz_mpoly_length(p, k->ctx); t++) {
    fmpz_mpoly_get_term_coeff_fmpz(c, p, t, k->ctx);
    fmpz_mpoly_get_term_exp_ui(exps, p, t, k->ctx);
    arb_set_fmpz(term, c);
    for (int v = 0; v < VARIABLES; v++)
      if (exps[v]) {
        arb_pow_ui(power, value + v, exps[v], prec);
        arb_mul(term, term, power, prec);
      }
    arb_add(out, out, term, prec);
  }
  fmpz_clear(c);
  arb_clear(term);
  arb_clear(power);
}

void sl_exact_ball_at(arb_t out, sl_field *k, sl_exact a, arb_srcptr box, slong prec) {
  if (!a) {
    arb_indeterminate(out);
    return;
  }
  arb_ptr value = _arb_vec_init(VARIABLES);
  arb_t den;
  arb_init(den);
  for (int i = 0; i < SL_FIELD_PARAMETERS; i++) arb_set(value + i, box + i);
  arb_indeterminate(value + VARIABLE_R);
  unsigned char used[VARIABLES] = {0};
  mark_used(a->num, k, used);
  mark_used(a->den, k, used);
  for (int i = 0; i < k->gen_count; i++)
    if (used[FIRST_GENERATOR + i])
      generator_ball(value + FIRST_GENERATOR + i, k, &k->gen[i], box, prec);
  poly_ball(out, k, a->num, value, prec);
  poly_ball(den, k, a->den, value, prec);
  arb_div(out, out, den, prec);
  arb_clear(den);
  _arb_vec_clear(value, VARIABLES);
}

void sl_exact_ball(arb_t out, sl_field *k, sl_exact a, slong prec) {
  sl_exact_ball_at(out, k, a, k->box, prec);
}

int sl_exact_sign(sl_field *k, sl_exact a) {
  arb_t ball;
  arb_init(ball);
  sl_exact_ball(ball, k, a, 256);
  const int sign = !arb_is_finite(ball)    ? 0
                   : arb_is_positive(ball) ? 1
                   : arb_is_negative(ball) ? -1
                                           : 0;
  arb_clear(ball);
  return sign;
}
