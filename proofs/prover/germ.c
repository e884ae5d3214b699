/* Sums, products and powers of germs (see germ.h). Where the order of two sizes x^p L^q is not the
 * same for all values of the parameters, or a coefficient may be 0 that is divided by, nothing is
 * known. */
#include "germ.h"

static const sl_germ unknown = {.known = 0};

sl_size sl_germ_size(sl_field *k, const sl_germ_term *t) {
  if (!t->p || !t->q) return SL_SIZE_UNKNOWN;
  const sl_exact by = sl_exact_is_zero(t->p) ? t->q : t->p;
  if (sl_exact_is_zero(by)) return SL_SIZE_ONE;
  const int sign = sl_exact_sign(k, by);
  if (!sign) return SL_SIZE_UNKNOWN;
  return (by == t->p) == (sign > 0) ? SL_SIZE_SMALL : SL_SIZE_LARGE;
}

/* a/b, as sizes. */
static sl_germ_term ratio(sl_field *k, const sl_germ_term *a, const sl_germ_term *b) {
  return (sl_germ_term){NULL, sl_exact_sub(k, a->p, b->p), sl_exact_sub(k, a->q, b->q)};
}
static sl_germ_term times(sl_field *k, const sl_germ_term *a, const sl_germ_term *b) {
  return (sl_germ_term){sl_exact_mul(k, a->c, b->c), sl_exact_add(k, a->p, b->p),
                        sl_exact_add(k, a->q, b->q)};
}

/* Adds O(bound), which takes in the terms that are no larger. */
static void add_rest(sl_field *k, sl_germ *y, const sl_germ_term *bound) {
  sl_size s = SL_SIZE_LARGE;
  if (y->has_rest) {
    const sl_germ_term by = ratio(k, bound, &y->rest);
    s = sl_germ_size(k, &by);
  }
  y->known &= s != SL_SIZE_UNKNOWN;
  if (s != SL_SIZE_LARGE) return;
  y->has_rest = 1;
  y->rest = (sl_germ_term){NULL, bound->p, bound->q};
  while (y->n && y->known) {
    const sl_germ_term by = ratio(k, &y->term[y->n - 1], bound);
    s = sl_germ_size(k, &by);
    y->known = s != SL_SIZE_UNKNOWN;
    if (s == SL_SIZE_LARGE) return;
    y->n--;
  }
}

/* Puts a term in its place; the smallest that there is no room for joins the rest. */
static void add_term(sl_field *k, sl_germ *y, const sl_germ_term *t) {
  if (!t->c || !t->p || !t->q) y->known = 0;
  if (!y->known || sl_exact_is_zero(t->c)) return;
  if (y->has_rest) {
    const sl_germ_term by = ratio(k, t, &y->rest);
    const sl_size s = sl_germ_size(k, &by);
    if (s != SL_SIZE_LARGE) {
      y->known = s != SL_SIZE_UNKNOWN;
      return;
    }
  }
  int at = 0;
  sl_size s = SL_SIZE_SMALL;
  for (; at < y->n; at++) {
    const sl_germ_term by = ratio(k, t, &y->term[at]);
    s = sl_germ_size(k, &by);
    if (s != SL_SIZE_SMALL) break;
  }
  if (at < y->n && s == SL_SIZE_UNKNOWN) {
    y->known = 0;
  } else if (at < y->n && s == SL_SIZE_ONE) {
    y->term[at].c = sl_exact_add(k, y->term[at].c, t->c);
    y->known = y->term[at].c != NULL;
    if (!y->known || !sl_exact_is_zero(y->term[at].c)) return;
    for (y->n--; at < y->n; at++) y->term[at] = y->term[at + 1];
  } else if (at == SL_GERM_TERMS) {
    add_rest(k, y, t);
  } else {
    if (y->n == SL_GERM_TERMS) {
      const sl_germ_term last = y->term[--y->n];
      add_rest(k, y, &last);
    }
    for (int i = y->n++; i > at; i--) y->term[i] = y->term[i - 1];
    y->term[at] = *t;
  }
}

sl_germ sl_germ_term_alone(sl_field *k, sl_exact c, slong p, slong q) {
  sl_germ y = {.known = 1};
  const sl_germ_term t = {c, sl_exact_int(k, p), sl_exact_int(k, q)};
  add_term(k, &y, &t);
  return y;
}
sl_germ sl_germ_constant(sl_field *k, sl_exact c) { return sl_germ_term_alone(k, c, 0, 0); }

sl_germ sl_germ_bounded(sl_field *k, slong p, slong q) {
  return (sl_germ){
      .known = 1, .has_rest = 1, .rest = {NULL, sl_exact_int(k, p), sl_exact_int(k, q)}};
}

sl_germ sl_germ_negated(sl_field *k, const sl_germ *a) {
  sl_germ y = *a;
  for (int i = 0; i < y.n; i++) y.term[i].c = sl_exact_neg(k, a->term[i].c);
  return y;
}

sl_germ sl_germ_sum(sl_field *k, const sl_germ *a, const sl_germ *b) {
  if (!a->known || !b->known) return unknown;
  sl_germ y = *a;
  if (b->has_rest) add_rest(k, &y, &b->rest);
  for (int i = 0; i < b->n && y.known; i++) add_term(k, &y, &b->term[i]);
  return y;
}

sl_germ sl_germ_product(sl_field *k, const sl_germ *a, const sl_germ *b) {
  if (!a->known || !b->known) return unknown;
  sl_germ y = {.known = 1};
  const sl_germ_term *rest[] = {a->has_rest ? &a->rest : NULL, b->has_rest ? &b->rest : NULL},
                     *largest[] = {b->n ? b->term : rest[1], a->n ? a->term : rest[0]};
  for (int i = 0; i < 2; i++) {
    if (!rest[i] || !largest[i]) continue; /* times 0 */
    const sl_germ_term bound = times(k, rest[i], largest[i]);
    add_rest(k, &y, &bound);
  }
  for (int i = 0; i < a->n; i++)
    for (int j = 0; j < b->n && y.known; j++) {
      const sl_germ_term t = times(k, &a->term[i], &b->term[j]);
      add_term(k, &y, &t);
    }
  return y;
}

/* a times a single term. */
static sl_germ scaled(sl_field *k, const sl_germ *a, const sl_germ_term *by) {
  sl_germ y = {.known = by->c != NULL};
  y.n = by->c ? 1 : 0, y.term[0] = *by;
  return sl_germ_product(k, a, &y);
}

sl_germ sl_germ_relative(sl_field *k, const sl_germ *a) {
  if (!a->known || !a->n || !sl_exact_sign(k, a->term[0].c)) return unknown;
  const sl_germ_term *t = a->term, inverse = {sl_exact_div(k, sl_exact_int(k, 1), t->c),
                                              sl_exact_neg(k, t->p), sl_exact_neg(k, t->q)};
  const sl_germ y = scaled(k, a, &inverse), one = sl_germ_constant(k, sl_exact_int(k, -1));
  return sl_germ_sum(k, &y, &one);
}

sl_germ sl_germ_composed(sl_field *k, const sl_exact *c, int n, const sl_germ *a) {
  if (!a->known || n < 1) return unknown;
  const sl_germ_term *most = a->n ? a->term : a->has_rest ? &a->rest : NULL;
  if (most && sl_germ_size(k, most) != SL_SIZE_SMALL) return unknown;
  sl_germ y = sl_germ_constant(k, most ? c[n - 1] : c[0]);
  if (!most) return y;
  for (int i = n - 2; i >= 0; i--) {
    const sl_germ next = sl_germ_constant(k, c[i]);
    y = sl_germ_product(k, &y, a);
    y = sl_germ_sum(k, &y, &next);
  }
  sl_germ_term bound = *most;
  for (int i = 1; i < n; i++)
    bound =
        ratio(k, &bound, &(sl_germ_term){NULL, sl_exact_neg(k, most->p), sl_exact_neg(k, most->q)});
  if (y.known) add_rest(k, &y, &bound);
  return y;
}

/* a^p for a small natural p, term by term. */
static sl_germ natural_power(sl_field *k, const sl_germ *a, int64_t p) {
  sl_germ y = sl_germ_constant(k, sl_exact_int(k, 1));
  for (int64_t i = 0; i < p; i++) y = sl_germ_product(k, &y, a);
  return y;
}

/* (c x^p L^q)^s (1 + e)^s; a root asks for c > 0. */
sl_germ sl_germ_power(sl_field *k, const sl_germ *a, int64_t p, int64_t q) {
  enum { NATURAL = 8 };
  if (!a->known) return unknown;
  if (q == 1 && p >= 0 && p <= NATURAL) return natural_power(k, a, p);
  if (!a->n && !a->has_rest) return p > 0 ? *a : unknown;
  const sl_germ e = sl_germ_relative(k, a);
  if (!e.known || (q > 1 && sl_exact_sign(k, a->term[0].c) < 0)) return unknown;
  const sl_exact s = sl_exact_ratio(k, (slong)p, (slong)q);
  const sl_germ_term first = {sl_exact_power(k, a->term[0].c, (slong)p, (slong)q),
                              sl_exact_mul(k, s, a->term[0].p), sl_exact_mul(k, s, a->term[0].q)};
  sl_exact c[SL_GERM_TERMS]; /* of (1 + e)^s */
  c[0] = sl_exact_int(k, 1);
  for (int i = 1; i < SL_GERM_TERMS; i++)
    c[i] = sl_exact_mul(
        k, c[i - 1],
        sl_exact_div(k, sl_exact_sub(k, s, sl_exact_int(k, i - 1)), sl_exact_int(k, i)));
  const sl_germ y = sl_germ_composed(k, c, SL_GERM_TERMS, &e);
  return scaled(k, &y, &first);
}

int sl_germ_sign(sl_field *k, const sl_germ *a) {
  return a->known && a->n ? sl_exact_sign(k, a->term[0].c) : 0;
}
