/* Arithmetic of spans (see span.h). Lower ends are rounded down, upper ends up. */
#include "span.h"

#include "arb_function.h"

void sl_span_init(sl_span *y) {
  arf_init(&y->low), arf_init(&y->high);
  y->signs = SL_ZERO, y->open = 0;
}
void sl_span_clear(sl_span *y) { arf_clear(&y->low), arf_clear(&y->high); }

void sl_span_set(sl_span *y, const sl_span *a) {
  arf_set(&y->low, &a->low), arf_set(&y->high, &a->high);
  y->signs = a->signs, y->open = a->open;
}

static unsigned signs_of_ends(const sl_span *y) {
  const int low = arf_sgn(&y->low), high = arf_sgn(&y->high);
  unsigned s = 0;
  if (low < 0) s |= SL_NEGATIVE;
  if (high > 0) s |= SL_POSITIVE;
  if (low <= 0 && high >= 0 && !(low == 0 && (y->open & SL_LOW_OPEN)) &&
      !(high == 0 && (y->open & SL_HIGH_OPEN)))
    s |= SL_ZERO;
  return s;
}

void sl_span_limit_signs(sl_span *y, unsigned possible) {
  const unsigned s = signs_of_ends(y) & possible;
  y->signs = (unsigned char)(s ? s : signs_of_ends(y)); /* none: no value at all; say nothing */
  if (!(y->signs & SL_NEGATIVE) && arf_sgn(&y->low) < 0) arf_zero(&y->low);
  if (!(y->signs & SL_POSITIVE) && arf_sgn(&y->high) > 0) arf_zero(&y->high);
  if (y->signs & SL_ZERO) return;
  if (arf_is_zero(&y->low)) y->open |= SL_LOW_OPEN; /* no value is 0 */
  if (arf_is_zero(&y->high)) y->open |= SL_HIGH_OPEN;
}

void sl_span_settle(sl_span *y, unsigned possible) {
  if (arf_is_nan(&y->low)) arf_neg_inf(&y->low);
  if (arf_is_nan(&y->high)) arf_pos_inf(&y->high);
  sl_span_limit_signs(y, possible);
}

void sl_span_zero(sl_span *y) {
  arf_zero(&y->low), arf_zero(&y->high);
  y->signs = SL_ZERO, y->open = 0;
}

void sl_span_unknown(sl_span *y) {
  arf_neg_inf(&y->low), arf_pos_inf(&y->high);
  y->signs = SL_ANY_SIGN, y->open = 0;
}

void sl_span_ends(sl_span *y, const arf_t low, const arf_t high, unsigned open) {
  arf_set(&y->low, low), arf_set(&y->high, high);
  y->open = (unsigned char)open;
  sl_span_settle(y, SL_ANY_SIGN);
}

void sl_span_arb(sl_span *y, const arb_t a, slong prec) {
  if (!arb_is_finite(a)) {
    sl_span_unknown(y);
    return;
  }
  arb_get_lbound_arf(&y->low, a, prec);
  arb_get_ubound_arf(&y->high, a, prec);
  y->open = 0;
  sl_span_settle(y, SL_ANY_SIGN);
}

void sl_span_fmpq(sl_span *y, const fmpq_t low, const fmpq_t high, slong prec) {
  arf_fmpz_div_fmpz(&y->low, fmpq_numref(low), fmpq_denref(low), prec, ARF_RND_FLOOR);
  arf_fmpz_div_fmpz(&y->high, fmpq_numref(high), fmpq_denref(high), prec, ARF_RND_CEIL);
  y->open = 0;
  sl_span_settle(y, SL_ANY_SIGN);
}

int sl_span_is_zero(const sl_span *a) { return a->signs == SL_ZERO; }
int sl_span_bounded(const sl_span *a) { return arf_is_finite(&a->low) && arf_is_finite(&a->high); }
int sl_span_sign(const sl_span *a) {
  return a->signs == SL_POSITIVE ? 1 : a->signs == SL_NEGATIVE ? -1 : 0;
}

unsigned sl_signs_neg(unsigned a) {
  return (a & SL_ZERO) | (a & SL_NEGATIVE ? SL_POSITIVE : 0) | (a & SL_POSITIVE ? SL_NEGATIVE : 0);
}

unsigned sl_signs_add(unsigned a, unsigned b) {
  if ((a | b) & SL_NEGATIVE && (a | b) & SL_POSITIVE) {
    const int apart = (a == SL_ZERO) || (b == SL_ZERO);
    return apart ? (a == SL_ZERO ? b : a) : SL_ANY_SIGN;
  }
  /* no two of opposite sign: zero only from zero and zero */
  unsigned s = (a | b) & (SL_NEGATIVE | SL_POSITIVE);
  if (a & SL_ZERO && b & SL_ZERO) s |= SL_ZERO;
  return s;
}

unsigned sl_signs_mul(unsigned a, unsigned b) {
  unsigned s = (a | b) & SL_ZERO;
  if (a & SL_POSITIVE) s |= b & (SL_NEGATIVE | SL_POSITIVE);
  if (a & SL_NEGATIVE) s |= sl_signs_neg(b) & (SL_NEGATIVE | SL_POSITIVE);
  return s;
}

void sl_span_neg(sl_span *y, const sl_span *a) {
  arf_t t;
  arf_init(t);
  arf_neg(t, &a->low);
  arf_neg(&y->low, &a->high);
  arf_swap(&y->high, t);
  const unsigned open = a->open;
  y->open = (unsigned char)((open & SL_LOW_OPEN ? SL_HIGH_OPEN : 0) |
                            (open & SL_HIGH_OPEN ? SL_LOW_OPEN : 0));
  y->signs = (unsigned char)sl_signs_neg(a->signs);
  arf_clear(t);
}

void sl_span_add(sl_span *y, const sl_span *a, const sl_span *b, slong prec) {
  const unsigned signs = sl_signs_add(a->signs, b->signs);
  arf_add(&y->low, &a->low, &b->low, prec, ARF_RND_FLOOR);
  arf_add(&y->high, &a->high, &b->high, prec, ARF_RND_CEIL);
  y->open = a->open | b->open;
  sl_span_settle(y, signs);
}

void sl_span_sub(sl_span *y, const sl_span *a, const sl_span *b, slong prec) {
  sl_span minus;
  sl_span_init(&minus);
  sl_span_neg(&minus, b);
  sl_span_add(y, a, &minus, prec);
  sl_span_clear(&minus);
}

/* 0 times an infinite end is 0: the values themselves are finite. */
static void end_product(arf_t y, const arf_t a, const arf_t b, slong prec, arf_rnd_t to) {
  if (arf_is_zero(a) || arf_is_zero(b))
    arf_zero(y);
  else
    arf_mul(y, a, b, prec, to);
}

void sl_span_mul(sl_span *y, const sl_span *a, const sl_span *b, slong prec) {
  const unsigned signs = sl_signs_mul(a->signs, b->signs);
  const arf_struct *x[] = {&a->low, &a->low, &a->high, &a->high},
                   *z[] = {&b->low, &b->high, &b->low, &b->high};
  arf_t low, high, t;
  arf_init(low), arf_init(high), arf_init(t);
  for (int i = 0; i < 4; i++) {
    end_product(t, x[i], z[i], prec, ARF_RND_FLOOR);
    if (i == 0 || arf_cmp(t, low) < 0) arf_set(low, t);
    end_product(t, x[i], z[i], prec, ARF_RND_CEIL);
    if (i == 0 || arf_cmp(t, high) > 0) arf_set(high, t);
  }
  arf_swap(&y->low, low), arf_swap(&y->high, high);
  y->open = 0;
  sl_span_settle(y, signs);
  arf_clear(low), arf_clear(high), arf_clear(t);
}

void sl_span_abs(sl_span *y, const sl_span *a) {
  if (!(a->signs & SL_NEGATIVE)) {
    sl_span_set(y, a);
  } else if (!(a->signs & SL_POSITIVE)) {
    sl_span_neg(y, a);
  } else {
    const unsigned signs = SL_POSITIVE | (a->signs & SL_ZERO);
    arf_t t;
    arf_init(t);
    arf_neg(t, &a->low);
    arf_max(&y->high, &a->high, t);
    arf_zero(&y->low);
    y->open = 0;
    sl_span_settle(y, signs);
    arf_clear(t);
  }
}

void sl_span_sqr(sl_span *y, const sl_span *a, slong prec) {
  sl_span size;
  sl_span_init(&size);
  sl_span_abs(&size, a);
  sl_span_mul(y, &size, &size, prec);
  sl_span_clear(&size);
}

void sl_span_invert(sl_span *y, const sl_span *a, slong prec) {
  if (a->signs & SL_ZERO || (a->signs & SL_NEGATIVE && a->signs & SL_POSITIVE)) {
    sl_span_unknown(y);
    return;
  }
  const unsigned signs = a->signs, open = (a->open & SL_LOW_OPEN ? SL_HIGH_OPEN : 0) |
                                          (a->open & SL_HIGH_OPEN ? SL_LOW_OPEN : 0);
  const int down = signs == SL_NEGATIVE;
  arf_t low, high;
  arf_init(low), arf_init(high);
  if (arf_is_zero(&a->high))
    arf_neg_inf(low); /* a < 0 may be arbitrarily near to 0 */
  else
    arf_ui_div(low, 1, &a->high, prec, ARF_RND_FLOOR);
  if (arf_is_zero(&a->low))
    arf_pos_inf(high);
  else
    arf_ui_div(high, 1, &a->low, prec, ARF_RND_CEIL);
  if (down && arf_is_inf(&a->low)) arf_zero(high);
  if (!down && arf_is_inf(&a->high)) arf_zero(low);
  arf_swap(&y->low, low), arf_swap(&y->high, high);
  y->open = (unsigned char)open;
  sl_span_settle(y, signs);
  arf_clear(low), arf_clear(high);
}

void sl_span_div(sl_span *y, const sl_span *a, const sl_span *b, slong prec) {
  sl_span inverse;
  sl_span_init(&inverse);
  if (b->signs & SL_ZERO) {
    sl_span_unknown(y);
  } else {
    sl_span_invert(&inverse, b, prec);
    sl_span_mul(y, a, &inverse, prec);
  }
  sl_span_clear(&inverse);
}

void sl_span_union(sl_span *y, const sl_span *a, const sl_span *b) {
  const unsigned signs = a->signs | b->signs;
  arf_min(&y->low, &a->low, &b->low);
  arf_max(&y->high, &a->high, &b->high);
  y->open = 0;
  sl_span_settle(y, signs);
}

/* a^(p/q) of one end, a >= 0 or q = 1, p > 0: rounded down or up. */
static void end_power(arf_t y, const arf_t a, int64_t p, int64_t q, slong prec, int up) {
  if (arf_is_zero(a) || arf_is_pos_inf(a)) {
    arf_set(y, a);
    return;
  }
  if (arf_is_neg_inf(a)) {
    if (p % 2)
      arf_neg_inf(y);
    else
      arf_pos_inf(y);
    return;
  }
  arb_t x;
  arb_init(x);
  arb_set_arf(x, a);
  sl_arb_power(x, x, p, q, prec);
  if (up)
    arb_get_ubound_arf(y, x, prec);
  else
    arb_get_lbound_arf(y, x, prec);
  arb_clear(x);
}

static void positive_power(sl_span *y, const sl_span *a, int64_t p, int64_t q, slong prec) {
  sl_span base;
  sl_span_init(&base);
  if (q == 1 && p % 2 == 0)
    sl_span_abs(&base, a);
  else
    sl_span_set(&base, a);
  const unsigned signs = base.signs; /* of the base, and so of the power, which rises with it */
  end_power(&y->low, &base.low, p, q, prec, 0);
  end_power(&y->high, &base.high, p, q, prec, 1);
  y->open = base.open;
  sl_span_settle(y, signs);
  sl_span_clear(&base);
}

void sl_span_power(sl_span *y, const sl_span *a, int64_t p, int64_t q, slong prec) {
  if (p == 0) {
    arf_one(&y->low), arf_one(&y->high);
    y->open = 0;
    sl_span_settle(y, SL_POSITIVE);
  } else if ((q > 1 && a->signs & SL_NEGATIVE) || (p < 0 && a->signs & SL_ZERO)) {
    sl_span_unknown(y);
  } else if (p > 0) {
    positive_power(y, a, p, q, prec);
  } else {
    sl_span t;
    sl_span_init(&t);
    positive_power(&t, a, -p, q, prec);
    sl_span_invert(y, &t, prec);
    sl_span_clear(&t);
  }
}

void sl_span_power_slope(sl_span *y, const sl_span *a, int64_t p, int64_t q, slong prec) {
  sl_span base, factor;
  fmpq_t f;
  sl_span_init(&base), sl_span_init(&factor);
  fmpq_init(f);
  sl_span_set(&base, a);
  if (0 < p && p < q && a->signs == (SL_ZERO | SL_POSITIVE))
    sl_span_limit_signs(&base, SL_POSITIVE);
  fmpq_set_si(f, (slong)p, (ulong)q);
  sl_span_fmpq(&factor, f, f, prec);
  sl_span_power(&base, &base, p - q, q, prec);
  sl_span_mul(y, &base, &factor, prec);
  sl_span_clear(&base), sl_span_clear(&factor);
  fmpq_clear(f);
}
