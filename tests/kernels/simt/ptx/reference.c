#include "reference.h"

#include <mpfr.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned __int128 wide;
typedef __int128 signed_wide;

/* A form's parts: cvt, rn, f32, f64. */
typedef struct {
  char text[64], *part[8];
  int n;
} name;

static name split(const char *form) {
  name f = {.n = 0};
  strncpy(f.text, form, sizeof f.text - 1);
  f.text[strcspn(f.text, ":")] = 0;
  return f;
}
static void cut(name *f) {
  for (char *p = f->text; f->n < 8; p = strchr(p, 0) + 1) {
    f->part[f->n++] = p;
    char *dot = strchr(p, '.');
    if (!dot) return;
    *dot = 0;
  }
}
static const char *last(const name *f) { return f->part[f->n - 1]; }
static int is(const name *f, const char *op) { return strcmp(f->part[0], op) == 0; }
static int has(const name *f, const char *part) {
  for (int i = 0; i < f->n; i++)
    if (strcmp(f->part[i], part) == 0) return 1;
  return 0;
}

static unsigned width_of(const char *type) {
  return strcmp(type, "pred") == 0 ? 1 : (unsigned)atoi(type + 1);
}
static uint64_t low(uint64_t v, unsigned width) {
  return width == 64 ? v : v & ((UINT64_C(1) << width) - 1);
}
static signed_wide as_signed(uint64_t v, unsigned width) {
  const uint64_t top = UINT64_C(1) << (width - 1);
  v = low(v, width);
  return v & top ? (signed_wide)v - ((signed_wide)1 << width) : (signed_wide)v;
}
static signed_wide valued(uint64_t v, const char *type) {
  return type[0] == 's' ? as_signed(v, width_of(type)) : (signed_wide)low(v, width_of(type));
}

/* ---- real numbers ---- */

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

static int arithmetic(const name *f, const uint64_t *a, uint64_t *out) {
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
static int sign_and_order(const name *f, const uint64_t *a, uint64_t *out) {
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

static int compare(const name *f, const uint64_t *a, uint64_t *out) {
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

static int convert(const name *f, const uint64_t *a, uint64_t *out) {
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

/* ---- whole numbers ---- */

static int divide(const name *f, const uint64_t *a, uint64_t *out) {
  const char *const type = last(f);
  const unsigned width = width_of(type);
  const signed_wide x = valued(a[0], type), y = valued(a[1], type);
  const signed_wide q = y == 0 ? -1 : x / y, r = y == 0 ? x : x % y;
  *out = low((uint64_t)(is(f, "div") ? q : r), width);
  return 1;
}

static int count(const name *f, const uint64_t *a, uint64_t *out) {
  uint64_t d = 0;
  for (unsigned i = 0; i < 32; i++) {
    const uint64_t bit = a[0] >> i & 1;
    if (is(f, "popc")) d += bit;
    if (is(f, "brev")) d |= bit << (31 - i);
    if (is(f, "bfind")) d = bit ? 31 - i : i == 0 ? 0xffffffff : d;
  }
  *out = d;
  return 1;
}

static int insert(const name *f, const uint64_t *a, uint64_t *out) {
  const unsigned width = width_of(last(f)), from = a[2] & 255, length = a[3] & 255;
  uint64_t d = low(a[1], width);
  for (unsigned i = 0; i < length && i + from < width; i++)
    d = (d & ~(UINT64_C(1) << (i + from))) | (a[0] >> i & 1) << (i + from);
  *out = d;
  return 1;
}

static int logic(const name *f, const uint64_t *a, uint64_t *out) {
  const unsigned width = width_of(last(f));
  const uint64_t x = low(a[0], width), y = low(a[1], width);
  if (is(f, "and")) return *out = x & y, 1;
  if (is(f, "or")) return *out = x | y, 1;
  if (is(f, "xor")) return *out = x ^ y, 1;
  if (is(f, "not")) return *out = low(~x, width), 1;
  return 0;
}

static int shift(const name *f, const uint64_t *a, uint64_t *out) {
  const unsigned width = width_of(last(f));
  const uint32_t by = (uint32_t)a[1] > width ? width : (uint32_t)a[1];
  const signed_wide x = valued(a[0], last(f));
  *out = low((uint64_t)(is(f, "shl") ? (signed_wide)((wide)x << by) : x >> by), width);
  return 1;
}

static int of_integers(const name *f, const uint64_t *a, uint64_t *out) {
  const char *const type = last(f);
  const unsigned width = width_of(type);
  const signed_wide x = valued(a[0], type), y = valued(a[1], type), z = valued(a[2], type);
  if (is(f, "add")) return *out = low((uint64_t)(x + y), width), 1;
  if (is(f, "sub")) return *out = low((uint64_t)(x - y), width), 1;
  if (is(f, "neg")) return *out = low((uint64_t)-x, width), 1;
  if (is(f, "min")) return *out = low((uint64_t)(x < y ? x : y), width), 1;
  if (is(f, "max")) return *out = low((uint64_t)(x > y ? x : y), width), 1;
  if (is(f, "mad")) return *out = low((uint64_t)((wide)x * (wide)y + (wide)z), width), 1;
  if (is(f, "mul")) {
    const wide product = (wide)x * (wide)y;
    *out = has(f, "wide") ? (uint64_t)product
           : has(f, "hi") ? (uint64_t)(product >> width)
                          : low((uint64_t)product, width);
    return 1;
  }
  if (is(f, "div") || is(f, "rem")) return divide(f, a, out);
  if (is(f, "popc") || is(f, "brev") || is(f, "bfind")) return count(f, a, out);
  if (is(f, "bfi")) return insert(f, a, out);
  if (is(f, "shl") || is(f, "shr")) return shift(f, a, out);
  return logic(f, a, out);
}

/* ---- memory, control, warps ---- */

static int transfer(const name *f, const uint64_t *a, const uint8_t block[32], uint64_t out[4]) {
  const unsigned width = width_of(last(f));
  const size_t bytes = width / 8, n = has(f, "v4") ? 4 : has(f, "v2") ? 2 : 1;
  const uint8_t *const from = has(f, "param") ? block : (const uint8_t *)a;
  for (size_t k = 0; k < n; k++) {
    if (is(f, "st")) {
      memcpy((uint8_t *)out + k * bytes, &a[k], bytes);
    } else {
      uint64_t v = 0;
      memcpy(&v, from + k * bytes, bytes);
      out[k] = low((uint64_t)valued(v, last(f)), width < 32 ? 32 : width);
    }
  }
  return 1;
}

static int atomic(const name *f, const uint64_t *a, uint64_t out[4]) {
  const unsigned width = width_of(last(f));
  const uint64_t old = low(a[0], width), b = low(a[1], width),
                 now = has(f, "add")   ? low(old + b, width)
                       : has(f, "min") ? (old < b ? old : b)
                                       : (old > b ? old : b);
  out[0] = (a[0] & ~low(~UINT64_C(0), width)) | now;
  out[1] = old;
  return 1;
}

static int copy(const char *form, const uint64_t *a, uint64_t out[4]) {
  const char *colon = strchr(form, ':');
  const uint64_t bytes = colon ? (uint64_t)atoi(colon + 1) : 16;
  memcpy(out, a, a[1] & bytes);
  return 1;
}

/* The manual's text for shfl.sync, once more. */
static int shuffle(const name *f, const uint64_t *in, unsigned thread, uint64_t out[4]) {
  const int lane = (int)(thread % 32);
  const int bval = (int)(in[4 * thread + 1] & 31), cval = (int)(in[4 * thread + 2] & 31),
            segmask = (int)(in[4 * thread + 2] >> 8 & 31);
  const int max_lane = (lane & segmask) | (cval & ~segmask), min_lane = lane & segmask;
  int j = 0, inside = 0;
  if (has(f, "up")) j = lane - bval, inside = j >= max_lane;
  if (has(f, "down")) j = lane + bval, inside = j <= max_lane;
  if (has(f, "bfly")) j = lane ^ bval, inside = j <= max_lane;
  if (has(f, "idx")) j = min_lane | (bval & ~segmask), inside = j <= max_lane;
  if (!inside) j = lane;
  out[0] = low(in[4 * (thread - (unsigned)lane + (unsigned)j)], 32);
  out[1] = (uint64_t)inside;
  return 1;
}

static int control(const name *f, const uint64_t *in, unsigned thread, uint64_t out[4]) {
  const uint64_t *a = in + 4 * thread;
  if (is(f, "bra")) return out[0] = a[0] & 1 ? 2 : 1, 1;
  if (is(f, "ret")) return out[0] = a[0] & 1 ? 2 : 1, 1;
  if (is(f, "bar")) return out[0] = in[4 * (thread ^ 1)], 1;
  if (is(f, "shfl")) return shuffle(f, in, thread, out);
  if (!is(f, "vote")) return 0;
  for (unsigned l = 0; l < 32; l++) out[0] |= (in[4 * (thread / 32 * 32 + l)] & 1) << l;
  return 1;
}

int ptx_reference(const char *form, const uint64_t *in, unsigned thread, const uint8_t block[32],
                  uint64_t out[4]) {
  const uint64_t *a = in + 4 * thread;
  name f = split(form);
  cut(&f);
  memset(out, 0, 4 * sizeof *out);
  if (strcmp(form, "mov.b64:pack") == 0) return out[0] = low(a[0], 32) | low(a[1], 32) << 32, 1;
  if (strcmp(form, "mov.b64:unpack") == 0) return out[0] = low(a[0], 32), out[1] = a[0] >> 32, 1;
  if (strncmp(form, "cp.async", 8) == 0) return copy(form, a, out);
  if (is(&f, "ld") || is(&f, "st")) return transfer(&f, a, block, out);
  if (is(&f, "atom")) return atomic(&f, a, out);
  if (control(&f, in, thread, out)) return 1;
  if (is(&f, "setp")) return compare(&f, a, out);
  if (is(&f, "cvt")) return convert(&f, a, out);
  if (is(&f, "mov") || is(&f, "cvta")) return out[0] = low(a[0], width_of(last(&f))), 1;
  if (is(&f, "selp")) return out[0] = low(a[a[2] & 1 ? 0 : 1], width_of(last(&f))), 1;
  if (last(&f)[0] != 'f') return of_integers(&f, a, out);
  return sign_and_order(&f, a, out) || arithmetic(&f, a, out);
}
