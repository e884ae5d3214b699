/* Forms of PTX on real numbers, in MPFR. */
#include "reference_form.h"

#include <mpfr.h>
#include <string.h>

typedef struct {
  mpfr_t v;
  uint64_t nan; /* bits of a NaN, 0: none */
  unsigned width;
} real;

static void begin_width(unsigned width) {
  mpfr_set_emin(width == 32 ? -148 : -1073);
  mpfr_set_emax(width == 32 ? 128 : 1024);
}

static real real_of(uint64_t bits, unsigned width) {
  real r = {.width = width};
  begin_width(64);
  mpfr_init2(r.v, 64);
  if (width == 32) {
    float f;
    const uint32_t b = (uint32_t)bits;
    memcpy(&f, &b, sizeof f);
    mpfr_set_flt(r.v, f, MPFR_RNDN);
    r.nan = f != f ? b : 0;
  } else {
    double d;
    memcpy(&d, &bits, sizeof d);
    mpfr_set_d(r.v, d, MPFR_RNDN);
    r.nan = d != d ? bits : 0;
  }
  return r;
}

/* The bits of a result that was rounded at that width; of a NaN those that forms.def says. */
static uint64_t bits_of(mpfr_t v, unsigned width, uint64_t nan) {
  if (mpfr_nan_p(v))
    return width == 32 ? 0x7fffffff : nan ? nan | UINT64_C(1) << 51 : UINT64_C(0xfff8000000000000);
  if (width == 32) {
    const float f = mpfr_get_flt(v, MPFR_RNDN);
    uint32_t b;
    memcpy(&b, &f, sizeof b);
    return b;
  }
  const double d = mpfr_get_d(v, MPFR_RNDN);
  uint64_t b;
  memcpy(&b, &d, sizeof b);
  return b;
}

typedef int operation(mpfr_t d, mpfr_t a, mpfr_t b, mpfr_t c);
static int do_add(mpfr_t d, mpfr_t a, mpfr_t b, mpfr_t c) {
  (void)c;
  return mpfr_add(d, a, b, MPFR_RNDN);
}
static int do_sub(mpfr_t d, mpfr_t a, mpfr_t b, mpfr_t c) {
  (void)c;
  return mpfr_sub(d, a, b, MPFR_RNDN);
}
static int do_mul(mpfr_t d, mpfr_t a, mpfr_t b, mpfr_t c) {
  (void)c;
  return mpfr_mul(d, a, b, MPFR_RNDN);
}
static int do_div(mpfr_t d, mpfr_t a, mpfr_t b, mpfr_t c) {
  (void)c;
  return mpfr_div(d, a, b, MPFR_RNDN);
}
static int do_fma(mpfr_t d, mpfr_t a, mpfr_t b, mpfr_t c) {
  return mpfr_fma(d, a, b, c, MPFR_RNDN);
}
static int do_sqrt(mpfr_t d, mpfr_t a, mpfr_t b, mpfr_t c) {
  (void)b, (void)c;
  return mpfr_sqrt(d, a, MPFR_RNDN);
}
static int do_rcp(mpfr_t d, mpfr_t a, mpfr_t b, mpfr_t c) {
  (void)b, (void)c;
  return mpfr_ui_div(d, 1, a, MPFR_RNDN);
}

static const struct {
  const char *op;
  operation *run;
  int operands;
} operations[] = {{"add", do_add, 2},   {"sub", do_sub, 2}, {"mul", do_mul, 2}, {"div", do_div, 2},
                  {"sqrt", do_sqrt, 1}, {"rcp", do_rcp, 1}, {"fma", do_fma, 3}};

int real_arithmetic(const name *f, const uint64_t *a, uint64_t *out) {
  const unsigned width = width_of(last(f));
  for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
    if (!is(f, operations[i].op)) continue;
    real r[3];
    for (int k = 0; k < 3; k++) r[k] = real_of(a[k], width);
    mpfr_t d;
    mpfr_init2(d, width == 32 ? 24 : 53);
    begin_width(width);
    const int inexact = operations[i].run(d, r[0].v, r[1].v, r[2].v);
    mpfr_subnormalize(d, inexact, MPFR_RNDN);
    uint64_t nan = 0;
    for (int k = operations[i].operands; k-- > 0;) nan = r[k].nan ? r[k].nan : nan;
    *out = bits_of(d, width, nan);
    mpfr_clear(d);
    for (int k = 0; k < 3; k++) mpfr_clear(r[k].v);
    return 1;
  }
  return 0;
}

/* min and max of f32, and what works on the bits. */
int real_sign_and_order(const name *f, const uint64_t *a, uint64_t *out) {
  const unsigned width = width_of(last(f));
  const uint64_t sign = UINT64_C(1) << (width - 1), x = low(a[0], width), y = low(a[1], width);
  if (is(f, "abs")) *out = x & ~sign;
  if (is(f, "neg")) *out = x ^ sign;
  if (is(f, "copysign")) *out = (y & ~sign) | (x & sign);
  if (is(f, "abs") || is(f, "neg") || is(f, "copysign")) return 1;
  if (!is(f, "min") && !is(f, "max")) return 0;
  real r[2] = {real_of(x, width), real_of(y, width)};
  int order = mpfr_cmp(r[0].v, r[1].v);
  if (order == 0) order = (int)(mpfr_signbit(r[1].v) != 0) - (int)(mpfr_signbit(r[0].v) != 0);
  if (is(f, "max")) order = -order;
  *out = r[0].nan && r[1].nan ? 0x7fffffff : r[0].nan ? y : r[1].nan ? x : order <= 0 ? x : y;
  mpfr_clear(r[0].v), mpfr_clear(r[1].v);
  return 1;
}

int real_compare(const name *f, const uint64_t *a, uint64_t *out) {
  const char *const test = f->part[1], *const type = last(f);
  int order, nan = 0;
  if (type[0] == 'f') {
    real r[2] = {real_of(a[0], width_of(type)), real_of(a[1], width_of(type))};
    nan = r[0].nan || r[1].nan;
    order = nan ? 0 : mpfr_cmp(r[0].v, r[1].v);
    mpfr_clear(r[0].v), mpfr_clear(r[1].v);
  } else {
    const signed_wide x = valued(a[0], type), y = valued(a[1], type);
    order = x < y ? -1 : x > y;
  }
  if (strcmp(test, "num") == 0 || strcmp(test, "nan") == 0) {
    *out = (uint64_t)(nan == (test[1] == 'a'));
    return 1;
  }
  static const struct {
    const char *test;
    int less, equal, greater;
  } rows[] = {{"eq", 0, 1, 0}, {"ne", 1, 0, 1}, {"lt", 1, 0, 0},
              {"le", 1, 1, 0}, {"gt", 0, 0, 1}, {"ge", 0, 1, 1}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (strncmp(test, rows[i].test, 2) == 0) {
      *out = (uint64_t)(nan         ? test[2] == 'u'
                        : order < 0 ? rows[i].less
                        : order > 0 ? rows[i].greater
                                    : rows[i].equal);
      return 1;
    }
  return 0;
}

static uint64_t real_to_u64(const real *r) {
  if (r->nan) return UINT64_C(1) << 63;
  if (mpfr_sgn(r->v) <= 0) return 0;
  return mpfr_get_uj(r->v, MPFR_RNDZ); /* saturates */
}

int real_convert(const name *f, const uint64_t *a, uint64_t *out) {
  const char *const from = last(f), *const to = f->part[f->n - 2];
  const unsigned width = width_of(to);
  if (to[0] != 'f' && from[0] != 'f') {
    *out = low((uint64_t)valued(a[0], from), width);
    return 1;
  }
  if (from[0] != 'f') {
    mpfr_t d;
    mpfr_init2(d, width == 32 ? 24 : 53);
    begin_width(64);
    mpfr_set_uj(d, low(a[0], width_of(from)), MPFR_RNDN);
    *out = bits_of(d, width, 0);
    mpfr_clear(d);
    return from[0] == 'u';
  }
  real r = real_of(a[0], width_of(from));
  if (to[0] != 'f') {
    *out = real_to_u64(&r);
  } else if (strcmp(to, from) == 0) {
    mpfr_t d;
    mpfr_init2(d, width == 32 ? 24 : 53);
    mpfr_rint_floor(d, r.v, MPFR_RNDN);
    *out = bits_of(d, width, r.nan);
    mpfr_clear(d);
  } else if (width == 64) {
    *out =
        r.nan ? (r.nan & 0x80000000) << 32 | UINT64_C(0x7ff8000000000000) | (r.nan & 0x7fffff) << 29
              : bits_of(r.v, 64, 0);
  } else {
    mpfr_t d;
    mpfr_init2(d, 24);
    begin_width(32);
    const int inexact = mpfr_set(d, r.v, MPFR_RNDN);
    const int again = mpfr_check_range(d, inexact, MPFR_RNDN);
    mpfr_subnormalize(d, again, MPFR_RNDN);
    *out = bits_of(d, 32, 0);
    mpfr_clear(d);
  }
  mpfr_clear(r.v);
  return 1;
}
