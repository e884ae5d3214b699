/* Functions that stand on exp: a pole of their argument becomes the exponent h. */
#include "tail_exponential.h"

#include "tail_smooth.h"
#include "tail_sum.h"

#include <stdlib.h>

static sl_ref squared(const sl_tree *tree, const sl_gate_node *n) {
  const int square = (n->op == SL_OP_MUL && n->child[0] == n->child[1]) ||
                     (n->op == SL_OP_POW && sl_tree_is_int(tree, n->child[1], 2));
  return square ? n->child[0] : SL_NO_REF;
}

/* z*z and z^2 are one atom: the first node that is either. */
static sl_ref first_square(const sl_tail *t, sl_ref ref) {
  const sl_ref z = squared(t->tree, &t->tree->node[ref]);
  for (uint32_t i = 0; z != SL_NO_REF && i < ref; i++)
    if (t->form[i].ok && squared(t->tree, &t->tree->node[i]) == z) return i;
  return ref;
}

/* Writes p/q times node ref as a combination of atoms: sums, differences, signs and rational
 * factors are taken apart. */
static void decompose(const sl_tail *t, sl_ref ref, slong p, slong q, sl_tail_form *out,
                      int depth) {
  const sl_tree *tree = t->tree;
  const sl_gate_node *n = &tree->node[ref];
  int64_t a, b;
  if (depth < 50) switch (n->op) {
      case SL_OP_NEG:
        decompose(t, n->child[0], -p, q, out, depth + 1);
        return;
      case SL_OP_ADD:
      case SL_OP_SUB:
        decompose(t, n->child[0], p, q, out, depth + 1);
        decompose(t, n->child[1], n->op == SL_OP_ADD ? p : -p, q, out, depth + 1);
        return;
      case SL_OP_MUL:
        for (int k = 0; k < 2; k++)
          if (sl_tree_rational(tree, n->child[k], &a, &b) && a != 0 && labs(a * p) < 1000000 &&
              b * q < 1000000) {
            decompose(t, n->child[1 - k], p * a, q * b, out, depth + 1);
            return;
          }
        break;
      case SL_OP_DIV:
        if (sl_tree_rational(tree, n->child[1], &a, &b) && a > 0 && a * q < 1000000 &&
            labs(b * p) < 1000000) {
          decompose(t, n->child[0], p * b, q * a, out, depth + 1);
          return;
        }
        break;
      default:
        break;
    }
  sl_tail_form one;
  sl_form_init(&one);
  one.ok = 1, one.atoms = 1;
  one.h[0] = (sl_tail_atom){p, q, first_square(t, ref)};
  sl_form_add_atoms(out, &one, 1, 1);
  sl_form_clear(&one);
}

/* exp of p/q times node ref, whose form is a: a pole becomes h. */
static void exponential(sl_tail *t, sl_tail_form *y, sl_ref ref, slong p, slong q) {
  sl_tail_form a;
  sl_form_scale(t, &a, &t->form[ref], p, q);
  if (!sl_form_grows(t, &a)) {
    sl_form_smooth(t, y, &a);
    y->zero = 0;
    arb_poly_exp_series(y->c, y->c, y->m, t->prec);
    y->s = sl_series_function(t->field, SL_OP_EXP, &y->s);
  } else {
    sl_form_init(y);
    y->ok = a.atoms == 0;
    if (y->ok) decompose(t, ref, p, q, y, 0);
    for (int i = 0; i < y->atoms; i++) y->ok &= t->form[y->h[i].atom].ok;
    arb_poly_one(y->c);
    y->m = SL_TAIL_TERMS;
    y->vp = 0, y->vq = 1, y->zero = 0;
    y->s = sl_series_constant(t->field, sl_exact_int(t->field, 1));
  }
  sl_form_clear(&a);
}

/* 1 / (1 + exp(-p/q a)), with exp of the sign that vanishes */
static void sigmoid(sl_tail *t, sl_tail_form *y, sl_ref ref, slong p, slong q) {
  const sl_tail_form *a = &t->form[ref];
  const int sign = sl_form_grows(t, a) ? sl_form_sign(a) * (p > 0 ? 1 : -1) : 1;
  if (!a->ok || sign == 0) {
    sl_form_init(y);
    return;
  }
  sl_tail_form e, one, sum, inverse;
  exponential(t, &e, ref, sign > 0 ? -p : p, q);
  sl_form_int(t, &one, 1);
  sl_form_add(t, &sum, &one, &e);
  sl_form_power(t, &inverse, &sum, -1, 1);
  if (sign > 0)
    sl_form_copy(y, &inverse);
  else
    sl_form_mul(t, y, &e, &inverse);
  sl_form_clear(&e), sl_form_clear(&one), sl_form_clear(&sum), sl_form_clear(&inverse);
}

void sl_form_exp(sl_tail *t, sl_tail_form *y, sl_ref ref) { exponential(t, y, ref, 1, 1); }

void sl_form_expm1(sl_tail *t, sl_tail_form *y, sl_ref ref) {
  sl_tail_form e;
  exponential(t, &e, ref, 1, 1);
  sl_form_affine(t, y, &e, 1, 1, -1);
  sl_form_clear(&e);
}

void sl_form_sigmoid(sl_tail *t, sl_tail_form *y, sl_ref ref) { sigmoid(t, y, ref, 1, 1); }

void sl_form_tanh(sl_tail *t, sl_tail_form *y, sl_ref ref) { /* 2 sigmoid(2a) - 1 */
  sl_tail_form s;
  sigmoid(t, &s, ref, 2, 1);
  sl_form_affine(t, y, &s, 2, 1, -1);
  sl_form_clear(&s);
}

static void hyperbolic(sl_tail *t, sl_tail_form *y, sl_ref ref, int cosine) {
  sl_tail_form a, b, s, m;
  exponential(t, &a, ref, 1, 1);
  exponential(t, &b, ref, -1, 1);
  sl_form_scale(t, &m, &b, cosine ? 1 : -1, 1);
  sl_form_add(t, &s, &a, &m);
  sl_form_scale(t, y, &s, 1, 2);
  sl_form_clear(&a), sl_form_clear(&b), sl_form_clear(&s), sl_form_clear(&m);
}
void sl_form_sinh(sl_tail *t, sl_tail_form *y, sl_ref ref) { hyperbolic(t, y, ref, 0); }
void sl_form_cosh(sl_tail *t, sl_tail_form *y, sl_ref ref) { hyperbolic(t, y, ref, 1); }
