/* Places as text (see place.h). */
#include "place.h"

#include "normal_form.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS = 20, NUMBER = SL_PLACE_TEXT / 2, NAME = 48 };

/* m 10^e, m not 0, as a decimal; 0 where it has more than DIGITS digits. */
static int decimal_text(char *out, size_t size, const fmpz_t m, slong e) {
  char *all = fmpz_get_str(NULL, 10, m), *digits = all + (*all == '-');
  slong n = (slong)strlen(digits);
  for (; n > 1 && digits[n - 1] == '0'; e++) digits[--n] = '\0';
  const slong high = n - 1 + e;
  const int fits = n <= DIGITS;
  const char *sign = *all == '-' ? "-" : "";
  if (high < -5 || high > DIGITS)
    snprintf(out, size, "%s%c%s%se%ld", sign, *digits, n > 1 ? "." : "", digits + 1, (long)high);
  else if (high < 0)
    snprintf(out, size, "%s0.%.*s%s", sign, (int)(-high - 1), "00000", digits);
  else if (n > high + 1)
    snprintf(out, size, "%s%.*s.%s", sign, (int)high + 1, digits, digits + high + 1);
  else
    snprintf(out, size, "%s%s%.*s", sign, digits, (int)(high + 1 - n), "000000000000000000000");
  flint_free(all);
  return fits;
}

/* A dyadic number m 2^e in decimals, if that is short; 0 else. */
static int short_decimal(char *out, size_t size, const fmpz_t m, const fmpz_t e) {
  if (fmpz_cmp_si(e, -200) < 0 || fmpz_cmp_si(e, 400) > 0) return 0;
  const slong shift = fmpz_get_si(e);
  fmpz_t t;
  fmpz_init(t);
  fmpz_ui_pow_ui(t, shift < 0 ? 5 : 2, (ulong)labs(shift));
  fmpz_mul(t, t, m);
  const int fits = decimal_text(out, size, t, shift < 0 ? shift : 0);
  fmpz_clear(t);
  return fits;
}

/* x exactly: a short decimal, a short multiple of a power of two, or both. */
static void exact_text(char *out, size_t size, const arf_t x) {
  fmpz_t m, e;
  fmpz_init(m), fmpz_init(e);
  arf_get_fmpz_2exp(m, e, x);
  if (arf_is_zero(x)) {
    snprintf(out, size, "0");
  } else if (!short_decimal(out, size, m, e)) {
    char *mantissa = fmpz_get_str(NULL, 10, m), *power = fmpz_get_str(NULL, 10, e),
         *rounded = arf_get_str(x, 17);
    if (fmpz_is_one(m))
      snprintf(out, size, "2^%s", power);
    else if (strlen(mantissa) <= DIGITS / 2)
      snprintf(out, size, "%s*2^%s", mantissa, power);
    else if (strlen(mantissa) <= DIGITS)
      snprintf(out, size, "%s (exactly %s*2^%s)", rounded, mantissa, power);
    else
      snprintf(out, size, "%s (rounded)", rounded);
    flint_free(mantissa), flint_free(power), flint_free(rounded);
  }
  fmpz_clear(m), fmpz_clear(e);
}

void sl_place_point(char out[SL_PLACE_TEXT], const arf_t r) {
  enum { NEAR = -20 };
  arf_t d;
  arf_init(d);
  arf_sub_ui(d, r, 1, ARF_PREC_EXACT, ARF_RND_DOWN);
  if (!arf_is_finite(r) || arf_is_zero(d) || arf_cmpabs_2exp_si(d, NEAR) >= 0) {
    exact_text(out, SL_PLACE_TEXT, r);
  } else {
    const int below = arf_sgn(d) < 0;
    arf_abs(d, d);
    const int used = snprintf(out, SL_PLACE_TEXT, "1 %c ", below ? '-' : '+');
    exact_text(out + used, SL_PLACE_TEXT - (size_t)used, d);
  }
  arf_clear(d);
}

/* p/q as a decimal where it is a short one, else as a fraction. */
static void rational_text(char *out, size_t size, const fmpq_t x) {
  fmpz_t q, t;
  slong e = 0;
  fmpz_init_set(q, fmpq_denref(x)), fmpz_init_set(t, fmpq_numref(x));
  for (; e > -DIGITS && fmpz_cmp_ui(q, 1) != 0; e--) {
    fmpz_mul_ui(t, t, 10);
    fmpz_t g;
    fmpz_init(g);
    fmpz_gcd(g, t, q);
    fmpz_divexact(t, t, g), fmpz_divexact(q, q, g);
    fmpz_clear(g);
  }
  if (fmpz_is_zero(t)) {
    snprintf(out, size, "0");
  } else if (!fmpz_is_one(q) || !decimal_text(out, size, t, e)) {
    char *text = fmpq_get_str(NULL, 10, x);
    snprintf(out, size, "%s", text);
    flint_free(text);
  }
  fmpz_clear(q), fmpz_clear(t);
}

static void value_text(char *out, size_t size, sl_problem *p, int join) {
  fmpq_t q;
  fmpq_init(q);
  if (sl_exact_rational(p->field, p->join[join], q)) {
    rational_text(out, size, q);
  } else {
    arb_t at;
    arb_init(at);
    sl_exact_ball(at, p->field, p->join[join], 128);
    char *text = arb_get_str(at, 20, 0);
    snprintf(out, size, "%s", text);
    flint_free(text);
    arb_clear(at);
  }
  fmpq_clear(q);
}

enum { HAS_R = 1, HAS_PARAMETER = 2, IN_DECISION = 4 };

/* Its first operands: what it decides by. */
static int decisions(sl_gate_op op) {
  return op == SL_OP_PICK || op == SL_OP_MIN || op == SL_OP_MAX ? 2 : sl_op_is_switch(op);
}

/* Of every node of the file's tree that the side uses: does r, does a parameter occur in it, and is
 * it part of what a switch decides by? */
static unsigned char *mark(const sl_tree *tree, sl_ref root) {
  unsigned char *live = calloc((size_t)root + 1, 1), *flags = calloc((size_t)root + 1, 1);
  if (!live || !flags) flint_abort();
  sl_tree_mark(tree, root, live);
  for (sl_ref i = 0; i <= root; i++) {
    const sl_gate_node *n = &tree->node[i];
    flags[i] = n->op == SL_OP_R ? HAS_R : n->op == SL_OP_PARAM ? HAS_PARAMETER : 0;
    for (int k = 0; k < sl_op_arity(n->op); k++) flags[i] |= flags[n->child[k]];
  }
  for (sl_ref i = root + 1; i-- > 0;) {
    const sl_gate_node *n = &tree->node[i];
    for (int k = 0; live[i] && k < sl_op_arity(n->op); k++)
      if ((flags[i] & IN_DECISION) || k < decisions(n->op)) flags[n->child[k]] |= IN_DECISION;
  }
  free(live);
  return flags;
}

/* The node's value at r = the join, for the parameters' values. */
static sl_exact value_of(sl_problem *p, sl_ref ref, int join) {
  sl_tree bound;
  sl_tree_init(&bound);
  const sl_ref copy = sl_tree_copy(&bound, &p->def->tree, ref, p->cell.low, SL_NO_REF, SL_NO_REF);
  const sl_series v =
      bound.failed ? (sl_series){0} : sl_series_root(p->field, &bound, copy, p->join[join], 1);
  sl_tree_clear(&bound);
  return v.n ? v.c[0] : NULL;
}

static int print(char *out, const sl_problem *p, sl_ref ref) {
  char names[SL_GATE_PARAMETER_LIMIT][32];
  memcpy(names, p->def->param_name, sizeof names);
  return sl_tree_print(out, NAME, &p->def->tree, ref, names);
}

/* The largest part of a decision that is the join for these values: "1 + eps". */
static int name_by_value(char *out, sl_problem *p, int join, const unsigned char *flags,
                         sl_ref root) {
  for (sl_ref i = root + 1; i-- > 0;)
    if (flags[i] == (HAS_PARAMETER | IN_DECISION) &&
        sl_exact_equal(p->field, value_of(p, i, join), p->join[join]) && print(out, p, i))
      return 1;
  return 0;
}

/* A decision that stands at the join: "tau*(r - 1) = 1". */
static int name_by_decision(char *out, sl_problem *p, int join, const unsigned char *flags,
                            sl_ref root) {
  const sl_tree *t = &p->def->tree;
  for (sl_ref i = 0; i <= root; i++) {
    const int n = decisions(t->node[i].op);
    if (!n || (flags[i] & (HAS_R | HAS_PARAMETER)) != (HAS_R | HAS_PARAMETER)) continue;
    const sl_ref a = t->node[i].child[0], b = n == 2 ? t->node[i].child[1] : SL_NO_REF;
    char right[NAME] = "0";
    if (!((flags[a] | (n == 2 ? flags[b] : 0)) & HAS_PARAMETER)) continue;
    const sl_exact other = n == 2 ? value_of(p, b, join) : sl_exact_int(p->field, 0);
    if (!sl_exact_equal(p->field, value_of(p, a, join), other)) continue;
    char left[NAME], text[2 * NAME + 4];
    if (!print(left, p, a) || (n == 2 && !print(right, p, b))) continue;
    if (snprintf(text, sizeof text, "%s = %s", left, right) >= NAME) continue;
    memcpy(out, text, NAME);
    return 1;
  }
  return 0;
}

void sl_place_join(char out[SL_PLACE_TEXT], sl_problem *p, int join) {
  char value[NUMBER], name[NAME];
  value_text(value, sizeof value, p, join);
  snprintf(out, SL_PLACE_TEXT, "%s", value);
  const sl_ref root =
      p->def->f[p->positive] != SL_NO_REF ? p->def->f[p->positive] : p->def->w[p->positive];
  if (p->ranged || join == p->one) return;
  unsigned char *flags = mark(&p->def->tree, root);
  if (name_by_value(name, p, join, flags, root))
    snprintf(out, SL_PLACE_TEXT, "%s = %s", name, value);
  else if (name_by_decision(name, p, join, flags, root))
    snprintf(out, SL_PLACE_TEXT, "%s (where %s)", value, name);
  free(flags);
}

void sl_place_coincide(char out[2 * SL_PLACE_TEXT], sl_problem *p) {
  char names[SL_GATE_PARAMETER_LIMIT][32], text[2][NAME];
  sl_tree t;
  int named = 1;
  memcpy(names, p->def->param_name, sizeof names);
  sl_tree_init(&t);
  for (int i = 0; i < 2 && named; i++) {
    const sl_ref ref = sl_exact_tree(p->field, &t, p->coincide[i]);
    named = ref != SL_NO_REF && sl_tree_print(text[i], NAME, &t, ref, names);
  }
  if (named)
    snprintf(out, 2 * SL_PLACE_TEXT, "the joins r = %s and r = %s may coincide", text[0], text[1]);
  else
    snprintf(out, 2 * SL_PLACE_TEXT, "joins may coincide");
  sl_tree_clear(&t);
}
