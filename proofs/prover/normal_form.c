/* Elements of a field as factored expressions (see normal_form.h). */
#include "normal_form.h"

#include "field_inside.h"

#include <fmpz_mpoly_factor.h>

enum { FACTOR_TERMS = 300 }; /* of what is factored */

/* Where the tree is written; `failed` once something does not fit. */
typedef struct {
  sl_field *k;
  sl_tree *tree;
  int failed;
} writer;

static sl_ref element(writer *w, sl_exact a);

/* Nothing is written once something failed: references mean nothing then. */
static sl_ref binary(writer *w, sl_gate_op op, sl_ref a, sl_ref b) {
  return w->failed ? 0 : sl_tree_binary(w->tree, op, a, b);
}
static sl_ref unary(writer *w, sl_gate_op op, sl_ref a) {
  return w->failed ? 0 : sl_tree_unary(w->tree, op, a);
}

/* Trees hold decimals of 18 digits: what is longer is put together. c >= 0. */
static sl_ref integer(writer *w, const fmpz_t c) {
  enum { DIGITS = 18 };
  fmpz_t unit, high, low;
  sl_ref y;
  fmpz_init(unit), fmpz_init(high), fmpz_init(low);
  int zeros = 0;
  fmpz_set(low, c);
  while (!fmpz_is_zero(low) && fmpz_fdiv_ui(low, 10) == 0) {
    fmpz_divexact_ui(low, low, 10);
    zeros++;
  }
  fmpz_ui_pow_ui(unit, 10, DIGITS);
  if (zeros > 350 || w->failed) {
    w->failed = 1;
    y = 0;
  } else if (fmpz_cmp(low, unit) < 0) {
    y = sl_tree_decimal(w->tree, sl_decimal_normal(fmpz_get_si(low), zeros));
  } else {
    fmpz_fdiv_qr(high, low, c, unit);
    const sl_ref above = integer(w, high);
    y = binary(w, SL_OP_MUL, above, sl_tree_decimal(w->tree, sl_decimal_normal(1, DIGITS)));
    if (!fmpz_is_zero(low)) y = binary(w, SL_OP_ADD, y, integer(w, low));
  }
  fmpz_clear(unit), fmpz_clear(high), fmpz_clear(low);
  return y;
}

static sl_ref times(writer *w, sl_ref a, sl_ref b) {
  if (a == SL_NO_REF) return b;
  return b == SL_NO_REF ? a : binary(w, SL_OP_MUL, a, b);
}

static sl_ref power(writer *w, sl_ref a, slong p, slong q) {
  if (p == q) return a;
  sl_ref exponent = sl_tree_int(w->tree, p);
  if (q != 1) exponent = binary(w, SL_OP_DIV, exponent, sl_tree_int(w->tree, q));
  return binary(w, SL_OP_POW, a, exponent);
}

/* A variable to a power, exponentials apart. */
static sl_ref variable(writer *w, int v, ulong e) {
  if (v < SL_FIELD_PARAMETERS) return power(w, sl_tree_param(w->tree, v), (slong)e, 1);
  if (v == VARIABLE_X)
    return power(w, binary(w, SL_OP_SUB, unary(w, SL_OP_R, SL_NO_REF), sl_tree_int(w->tree, 1)),
                 (slong)e, 1);
  const generator *g = &w->k->gen[v - FIRST_GENERATOR];
  if (g->op == SL_OP_PI) return power(w, unary(w, SL_OP_PI, SL_NO_REF), (slong)e, 2);
  if (g->op == SL_OP_E) return power(w, unary(w, SL_OP_E, SL_NO_REF), (slong)e, 1);
  const sl_ref a = element(w, g->argument);
  if (g->op == SL_OP_POW) return power(w, a, (slong)e, g->root);
  return power(w, unary(w, g->op, a), (slong)e, 1);
}

static int is_exponential(const sl_field *k, int v) {
  return v >= FIRST_GENERATOR && v - FIRST_GENERATOR < k->gen_count &&
         k->gen[v - FIRST_GENERATOR].op == SL_OP_EXP;
}

static ulong common_divisor(ulong a, ulong b) {
  while (b) {
    const ulong r = a % b;
    a = b, b = r;
  }
  return a;
}

/* A monomial: its exponentials as one, of the sum of their arguments times `sign`; powers with a
 * common divisor as a power of a product, so that a square is seen to be one. */
static sl_ref monomial(writer *w, const ulong *exps, slong sign) {
  sl_exact sum = sl_exact_int(w->k, 0);
  ulong common = 0;
  int exponentials = 0;
  for (int v = 0; v < VARIABLES; v++) {
    if (!exps[v]) continue;
    if (is_exponential(w->k, v)) {
      const sl_exact e = sl_exact_int(w->k, sign * (slong)exps[v]);
      sum = sl_exact_add(w->k, sum, sl_exact_mul(w->k, e, w->k->gen[v - FIRST_GENERATOR].argument));
      exponentials = 1;
    } else {
      common = common_divisor(common, exps[v]);
    }
  }
  sl_ref y = SL_NO_REF;
  for (int v = 0; v < VARIABLES; v++)
    if (exps[v] && !is_exponential(w->k, v)) y = times(w, y, variable(w, v, exps[v] / common));
  if (y != SL_NO_REF && common > 1) y = power(w, y, (slong)common, 1);
  if (exponentials) y = times(w, y, unary(w, SL_OP_EXP, element(w, sum)));
  return y;
}

static int term_has_r(const writer *w, const ulong *exps) {
  if (exps[VARIABLE_X]) return 1;
  for (int i = 0; i < w->k->gen_count; i++)
    if (exps[FIRST_GENERATOR + i] && w->k->gen[i].argument &&
        sl_exact_has_r(w->k, w->k->gen[i].argument))
      return 1;
  return 0;
}

/* The sum of the terms, those without r before the others. */
static sl_ref sum_of_terms(writer *w, const fmpz_mpoly_t p) {
  sl_ref y = SL_NO_REF;
  ulong exps[VARIABLES];
  fmpz_t c;
  fmpz_init(c);
  for (int moving = 0; moving < 2; moving++)
    for (slong t = 0; t < fmpz_mpoly_length(p, w->k->ctx) && !w->failed; t++) {
      fmpz_mpoly_get_term_exp_ui(exps, p, t, w->k->ctx);
      if (term_has_r(w, exps) != moving) continue;
      fmpz_mpoly_get_term_coeff_fmpz(c, p, t, w->k->ctx);
      const int minus = fmpz_sgn(c) < 0;
      fmpz_abs(c, c);
      sl_ref term = monomial(w, exps, 1);
      if (term == SL_NO_REF || !fmpz_is_one(c)) term = times(w, integer(w, c), term);
      if (y == SL_NO_REF)
        y = minus ? unary(w, SL_OP_NEG, term) : term;
      else
        y = binary(w, minus ? SL_OP_SUB : SL_OP_ADD, y, term);
    }
  fmpz_clear(c);
  return y;
}

/* A root of d g^q = a + x or a - x, without x in a, that occurs in p; -1: none. */
static int root_of_line(writer *w, const fmpz_mpoly_t p, int *sign) {
  const fmpz_mpoly_ctx_struct *ctx = w->k->ctx;
  int found = -1;
  fmpz_mpoly_t x;
  fmpz_t c;
  fmpz_mpoly_init(x, ctx), fmpz_init(c);
  fmpz_mpoly_gen(x, VARIABLE_X, ctx);
  for (int i = 0; i < w->k->gen_count && found < 0; i++) {
    const generator *g = &w->k->gen[i];
    if (g->op != SL_OP_POW || !fmpz_mpoly_degree_si(p, FIRST_GENERATOR + i, ctx) ||
        !fmpz_mpoly_is_fmpz(g->argument->den, ctx) ||
        fmpz_mpoly_degree_si(g->argument->num, VARIABLE_X, ctx) != 1)
      continue;
    fmpz_mpoly_get_coeff_fmpz_monomial(c, g->argument->num, x, ctx);
    if (fmpz_is_pm1(c)) found = i, *sign = fmpz_sgn(c);
  }
  fmpz_mpoly_clear(x, ctx), fmpz_clear(c);
  return found;
}

/* p with x as that root says: then p has the factors that it has. */
static void without_x(writer *w, fmpz_mpoly_t y, const fmpz_mpoly_t p) {
  const fmpz_mpoly_ctx_struct *ctx = w->k->ctx;
  int sign = 0;
  const int index = root_of_line(w, p, &sign);
  fmpz_mpoly_set(y, p, ctx);
  if (index < 0) return;
  const generator *g = &w->k->gen[index];
  fmpz_mpoly_t x, t, part;
  fmpz_t c;
  ulong exps[VARIABLES];
  fmpz_mpoly_init(x, ctx), fmpz_mpoly_init(t, ctx), fmpz_mpoly_init(part, ctx), fmpz_init(c);
  fmpz_mpoly_gen(t, VARIABLE_X, ctx); /* x = sign (d g^q - (n - sign x)) */
  fmpz_mpoly_scalar_mul_si(t, t, sign, ctx);
  fmpz_mpoly_sub(t, g->argument->num, t, ctx);
  fmpz_mpoly_gen(x, FIRST_GENERATOR + index, ctx);
  fmpz_mpoly_pow_ui(x, x, (ulong)g->root, ctx);
  fmpz_mpoly_mul(x, x, g->argument->den, ctx);
  fmpz_mpoly_sub(x, x, t, ctx);
  fmpz_mpoly_scalar_mul_si(x, x, sign, ctx);
  fmpz_mpoly_zero(y, ctx);
  for (slong d = fmpz_mpoly_degree_si(p, VARIABLE_X, ctx); d >= 0; d--) {
    fmpz_mpoly_zero(part, ctx);
    for (slong i = 0; i < fmpz_mpoly_length(p, ctx); i++) {
      fmpz_mpoly_get_term_exp_ui(exps, p, i, ctx);
      if (exps[VARIABLE_X] != (ulong)d) continue;
      fmpz_mpoly_get_term_coeff_fmpz(c, p, i, ctx);
      exps[VARIABLE_X] = 0;
      fmpz_mpoly_push_term_fmpz_ui(part, c, exps, ctx);
    }
    fmpz_mpoly_sort_terms(part, ctx);
    fmpz_mpoly_mul(y, y, x, ctx);
    fmpz_mpoly_add(y, y, part, ctx);
  }
  fmpz_mpoly_clear(x, ctx), fmpz_mpoly_clear(t, ctx), fmpz_mpoly_clear(part, ctx), fmpz_clear(c);
}

/* The factors of p that are no monomials times those that are; c gets the constant one. */
static sl_ref factors(writer *w, const fmpz_mpoly_t with_x, fmpz_t c) {
  fmpz_mpoly_factor_t f;
  fmpz_mpoly_t p;
  fmpz_mpoly_init(p, w->k->ctx);
  without_x(w, p, with_x);
  sl_ref y = SL_NO_REF;
  ulong exps[VARIABLES] = {0}, one[VARIABLES];
  fmpz_mpoly_factor_init(f, w->k->ctx);
  if (fmpz_mpoly_length(p, w->k->ctx) > FACTOR_TERMS || !fmpz_mpoly_factor(f, p, w->k->ctx)) {
    fmpz_one(c);
    y = sum_of_terms(w, p);
  } else {
    fmpz_mpoly_factor_get_constant_fmpz(c, f, w->k->ctx);
    for (slong i = 0; i < f->num; i++) {
      const slong e = fmpz_mpoly_factor_get_exp_si(f, i, w->k->ctx);
      if (fmpz_mpoly_length(&f->poly[i], w->k->ctx) == 1) {
        fmpz_mpoly_get_term_exp_ui(one, &f->poly[i], 0, w->k->ctx);
        for (int v = 0; v < VARIABLES; v++) exps[v] += one[v] * (ulong)e;
      } else {
        y = times(w, y, power(w, sum_of_terms(w, &f->poly[i]), e, 1));
      }
    }
    y = times(w, monomial(w, exps, 1), y);
  }
  fmpz_mpoly_factor_clear(f, w->k->ctx);
  fmpz_mpoly_clear(p, w->k->ctx);
  return y;
}

static sl_ref element(writer *w, sl_exact a) {
  fmpz_t c, d;
  if (!a || w->failed) {
    w->failed = 1;
    return 0;
  }
  if (sl_exact_is_zero(a)) return sl_tree_int(w->tree, 0);
  fmpz_init(c), fmpz_init(d);
  sl_ref top = factors(w, a->num, c), bottom = factors(w, a->den, d);
  const int minus = fmpz_sgn(c) * fmpz_sgn(d) < 0;
  fmpz_abs(c, c), fmpz_abs(d, d);
  if (top == SL_NO_REF || !fmpz_is_one(c)) top = times(w, integer(w, c), top);
  if (!fmpz_is_one(d)) bottom = times(w, integer(w, d), bottom);
  if (minus) top = unary(w, SL_OP_NEG, top);
  if (bottom != SL_NO_REF) top = binary(w, SL_OP_DIV, top, bottom);
  fmpz_clear(c), fmpz_clear(d);
  return top;
}

sl_ref sl_exact_tree(sl_field *k, sl_tree *tree, sl_exact a) {
  sl_tree scratch;
  sl_tree_init(&scratch);
  writer w = {.k = k, .tree = &scratch};
  const sl_ref root = element(&w, a);
  const sl_ref y = w.failed || scratch.failed
                       ? SL_NO_REF
                       : sl_tree_copy(tree, &scratch, root, NULL, SL_NO_REF, SL_NO_REF);
  sl_tree_clear(&scratch);
  return tree->failed ? SL_NO_REF : y;
}
