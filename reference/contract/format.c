/* Number formats (spec E1.1). Rounding goes through binary64: with p <= 53 digits and exponents
 * within those of binary64, scaling by a power of two and nearbyint are exact. */
#include "format.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

typedef struct {
  const char *name;
  int digits, least;
  double largest;
  size_t bytes;
} facts;

static const facts format[SL_FORMATS] = {
    [SL_FORMAT_F64] = {"f64", 53, -1022, 0x1.fffffffffffffp1023, 8},
    [SL_FORMAT_F32] = {"f32", 24, -126, 0x1.fffffep127, 4},
    [SL_FORMAT_TF32] = {"tf32", 11, -126, 0x1.ffcp127, 4},
    [SL_FORMAT_BF16] = {"bf16", 8, -126, 0x1.fep127, 2},
    [SL_FORMAT_F16] = {"f16", 11, -14, 65504.0, 2},
};

const char *sl_format_name(sl_format f) { return format[f].name; }
int sl_format_digits(sl_format f) { return format[f].digits; }
int sl_format_least(sl_format f) { return format[f].least; }
double sl_format_largest(sl_format f) { return format[f].largest; }
double sl_format_unit(sl_format f) { return ldexp(1.0, -format[f].digits); }
size_t sl_format_bytes(sl_format f) { return format[f].bytes; }

int sl_format_find(sl_format *f, const char *name, size_t length) {
  for (int i = 0; i < SL_FORMATS; i++)
    if (strlen(format[i].name) == length && strncmp(format[i].name, name, length) == 0) {
      *f = (sl_format)i;
      return 1;
    }
  return 0;
}

double sl_format_ulp(sl_format f, double x) {
  int exponent = format[f].least;
  if (x != 0.0 && isfinite(x)) {
    const int own = ilogb(x);
    if (own > exponent) exponent = own;
  }
  return ldexp(1.0, exponent - format[f].digits + 1);
}

double sl_format_round(sl_format f, double x) {
  if (f == SL_FORMAT_F64 || x == 0.0 || !isfinite(x)) return x;
  const double ulp = sl_format_ulp(f, x), y = nearbyint(x / ulp) * ulp;
  return fabs(y) > format[f].largest ? copysign(INFINITY, x) : y;
}

double sl_format_cut(sl_format f, double x) {
  if (f == SL_FORMAT_F64 || x == 0.0 || !isfinite(x)) return x;
  const double ulp = sl_format_ulp(f, x);
  return copysign(fmin(fabs(trunc(x / ulp) * ulp), format[f].largest), x);
}

int sl_format_holds(sl_format f, double x) { return isfinite(x) && sl_format_round(f, x) == x; }

/* A 16-bit pattern with one sign, `e` exponent and `m` fraction bits. */
static double from_half(uint16_t bits, int e, int m) {
  const int top = (1 << e) - 1, bias = top / 2, exponent = bits >> m & top,
            fraction = bits & ((1 << m) - 1);
  double x;
  if (exponent == top)
    x = fraction ? (double)NAN : (double)INFINITY;
  else if (exponent == 0)
    x = ldexp(fraction, 1 - bias - m);
  else
    x = ldexp(fraction + (1 << m), exponent - bias - m);
  return bits >> 15 ? -x : x;
}

static uint16_t to_half(double x, int e, int m) {
  const int top = (1 << e) - 1, bias = top / 2;
  const uint16_t sign = signbit(x) ? 0x8000 : 0;
  if (isnan(x)) return (uint16_t)(sign | (top << m) | (1 << (m - 1)));
  if (isinf(x)) return (uint16_t)(sign | (top << m));
  if (x == 0.0) return sign;
  const int exponent = ilogb(x);
  if (exponent < 1 - bias) return (uint16_t)(sign | (int)ldexp(fabs(x), bias - 1 + m));
  return (uint16_t)(sign | ((exponent + bias - 1) * (1 << m) + (int)ldexp(fabs(x), m - exponent)));
}

double sl_format_read(sl_format f, const void *array, size_t index) {
  const unsigned char *at = (const unsigned char *)array + index * format[f].bytes;
  uint16_t half;
  float single;
  double twice;
  switch (f) {
    case SL_FORMAT_F64:
      memcpy(&twice, at, sizeof twice);
      return twice;
    case SL_FORMAT_BF16:
      memcpy(&half, at, sizeof half);
      return from_half(half, 8, 7);
    case SL_FORMAT_F16:
      memcpy(&half, at, sizeof half);
      return from_half(half, 5, 10);
    default:
      memcpy(&single, at, sizeof single);
      return (double)single;
  }
}

void sl_format_write(sl_format f, void *array, size_t index, double x) {
  unsigned char *at = (unsigned char *)array + index * format[f].bytes;
  uint16_t half;
  float single;
  switch (f) {
    case SL_FORMAT_F64:
      memcpy(at, &x, sizeof x);
      return;
    case SL_FORMAT_BF16:
      half = to_half(x, 8, 7);
      memcpy(at, &half, sizeof half);
      return;
    case SL_FORMAT_F16:
      half = to_half(x, 5, 10);
      memcpy(at, &half, sizeof half);
      return;
    default:
      single = (float)x;
      memcpy(at, &single, sizeof single);
      return;
  }
}
