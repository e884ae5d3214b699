/* Frequencies of rotary embedding by a rounding a step (spec T1.12), and scaled ones (T1.13 to
 * T1.15).
 *
 * A power theta^e with e = k 2^-s is s square roots and a power by squaring, in double-double. A
 * root has relative error below 25/8 u^2 and halves that of its argument (Lefevre, Louvet, Muller,
 * Picot, Rideau, "Accurate calculation of Euclidean norms using double-word arithmetic", 2023), so
 * that all s of them leave 8 u^2 < U2; with k < 2^24 the power's is below 2^25 * 2 U2. */
#include "double_double.h"
#include "rope_check.h"

#include <sluice/rope.h>

#include <math.h>

#define PI 0x1.921fb54442d18p+1
/* A logarithm of the C library and the few operations around it are off by less than this. */
#define LIBM_ERROR 0x1p-45

static sl_dd dd_root(sl_dd x) {
  const double hi = sqrt(x.hi), lo = (fma(-hi, hi, x.hi) + x.lo) / (2.0 * hi), sum = hi + lo;
  return (sl_dd){sum, lo - (sum - hi)};
}

/* RN32(theta^e), 0 <= e < 1; 0 where the rounding cannot be decided. */
static float power(float theta, float e) {
  int exponent;
  float result = 1.0f;
  if (e == 0.0f) return result;
  const size_t k = (size_t)ldexp(frexp((double)e, &exponent), 24);
  sl_dd w = {(double)theta, 0.0};
  for (int s = 24 - exponent; s > 0; s--) w = dd_root(w);
  w = sl_dd_power(w, k);
  return sl_dd_round(&result, w, 0x1p26 * SL_DD_U2 * w.hi) ? result : 0.0f;
}

/* RN32(theta^RN(2i/d)), theta itself rounded to binary32 (spec T1.12). */
static float stepwise_power(size_t i, size_t d, double theta) {
  return power((float)theta, (float)(2 * i) / (float)d);
}

/* x rounded to binary32, where what binary64 left open does not matter. */
static sl_status round_real(float *out, double x, const char *what, sl_error *err) {
  float magnitude = 0.0f;
  if (x != 0.0 && !sl_dd_round(&magnitude, (sl_dd){fabs(x), 0.0}, fabs(x) * LIBM_ERROR))
    return sl_fail(err, SL_ERR_INPUT, "rope: the rounding of %s, %.17g, cannot be decided", what,
                   x);
  *out = copysignf(magnitude, (float)x);
  return SL_OK;
}

static int is_magnitude(double x) { return x >= 0.0 && x <= 0x1p20; }

static sl_status check_yarn(const sl_rope_scaling *s, double theta, sl_error *err) {
  if (!(theta > 1.0)) return sl_fail(err, SL_ERR_USAGE, "yarn needs a rope_theta above 1");
  if (!is_magnitude(s->attention) || !is_magnitude(s->mscale) || !is_magnitude(s->mscale_all_dim))
    return sl_fail(err, SL_ERR_USAGE,
                   "attention_factor, mscale and mscale_all_dim must lie in [0, 2^20]");
  return SL_OK;
}

sl_status sl_rope_scaling_check(const sl_rope_scaling *s, double theta, sl_error *err) {
  const int llama = s->kind == SL_ROPE_LLAMA3, yarn = s->kind == SL_ROPE_YARN;
  if (s->kind == SL_ROPE_PLAIN) return SL_OK;
  if (!(s->factor >= 1.0 && s->factor <= 0x1p20))
    return sl_fail(err, SL_ERR_USAGE, "factor must lie in [1, 2^20], not %g", s->factor);
  if (s->kind == SL_ROPE_LINEAR) return SL_OK;
  if (!(s->original >= 1.0 && s->original < 0x1p31))
    return sl_fail(err, SL_ERR_USAGE,
                   "original_max_position_embeddings must lie in [1, 2^31), not %g", s->original);
  if (!(s->low > 0.0 && s->high <= 0x1p20 && s->low <= s->high) || (llama && s->low == s->high))
    return sl_fail(err, SL_ERR_USAGE,
                   "%s, %g, must be above 0 and %s %s, %g, which is at most 2^20",
                   llama ? "low_freq_factor" : "beta_slow", s->low, llama ? "below" : "at most",
                   llama ? "high_freq_factor" : "beta_fast", s->high);
  return yarn ? check_yarn(s, theta, err) : SL_OK;
}

/* 0.1 mscale ln(factor) + 1 */
static double mscale(double factor, double by) { return 0.1 * by * log(factor) + 1.0; }

sl_status sl_rope_attention_factor(float *out, const sl_rope_scaling *s, sl_error *err) {
  float m = 1.0f;
  if (s->kind == SL_ROPE_YARN) {
    const int both = s->mscale > 0.0 && s->mscale_all_dim > 0.0;
    SL_TRY(sl_rope_scaling_check(s, 2.0, err));
    if (s->attention > 0.0)
      m = (float)s->attention;
    else
      SL_TRY(round_real(&m,
                        both ? mscale(s->factor, s->mscale) / mscale(s->factor, s->mscale_all_dim)
                             : mscale(s->factor, 1.0),
                        "attention_factor", err));
  }
  *out = m;
  return SL_OK;
}

/* spec T1.14 */
static void scale_llama3(float *inv, size_t n, const sl_rope_scaling *s) {
  const float factor = (float)s->factor, original = (float)s->original, low = (float)s->low,
              longest = (float)(s->original / s->low), shortest = (float)(s->original / s->high),
              span = (float)(s->high - s->low);
  for (size_t i = 0; i < n; i++) {
    const float wave = 1.0f / inv[i] * (float)(2.0 * PI);
    if (wave < shortest) continue;
    if (wave > longest) {
      inv[i] = inv[i] / factor;
      continue;
    }
    const float smooth = (1.0f / wave * original - low) / span, rest = 1.0f - smooth;
    inv[i] = rest * inv[i] / factor + smooth * inv[i];
  }
}

/* The dimension whose wave turns `turns` times within the original length, and its end of the ramp
 * (spec T1.15). */
static sl_status ramp_end(double *out, double turns, int up, size_t d, double theta,
                          const sl_rope_scaling *s, sl_error *err) {
  const double x = (double)d * log(s->original / (turns * 2.0 * PI)) / (2.0 * log(theta));
  if (s->untruncated) {
    *out = x;
    return SL_OK;
  }
  if (fabs(x - nearbyint(x)) <= fmax(fabs(x), 1.0) * LIBM_ERROR)
    return sl_fail(err, SL_ERR_INPUT,
                   "rope: the truncation of yarn's range, %.17g, cannot be "
                   "decided",
                   x);
  *out = up ? ceil(x) : floor(x);
  return SL_OK;
}

/* The ramp's first place and its length, as binary32. */
static sl_status ramp(float *first, float *length, size_t d, double theta, const sl_rope_scaling *s,
                      sl_error *err) {
  double low, high;
  SL_TRY(ramp_end(&low, s->high, 0, d, theta, s, err));
  SL_TRY(ramp_end(&high, s->low, 1, d, theta, s, err));
  low = fmax(low, 0.0), high = fmin(high, (double)d - 1.0);
  SL_TRY(round_real(first, low, "yarn's range", err));
  *length = 0.001f;
  return low == high ? SL_OK : round_real(length, high - low, "yarn's range", err);
}

/* spec T1.15. T1.12 divides by factor before the reciprocal is taken. */
static void scale_yarn(float *inv, size_t d, double theta, const sl_rope_scaling *s, float first,
                       float length) {
  const float factor = (float)s->factor;
  for (size_t i = 0; i < d / 2; i++) {
    const float inner =
        s->stepwise ? 1.0f / (factor * stepwise_power(i, d, theta)) : inv[i] / factor;
    const float x = ((float)i - first) / length,
                r = x < 0.0f   ? 0.0f
                    : x > 1.0f ? 1.0f
                               : x,
                outer = 1.0f - r;
    inv[i] = inner * (1.0f - outer) + inv[i] * outer;
  }
}

/* All that can be refused, before anything is written: the unscaled frequencies of T1.9 or T1.12.
 */
static sl_status unscaled(float *inv, size_t d, double theta, int stepwise, sl_error *err) {
  if (!stepwise) return sl_rope_frequencies(inv, d, theta, err);
  for (size_t i = 0; i < d / 2; i++)
    if (stepwise_power(i, d, theta) == 0.0f)
      return sl_fail(err, SL_ERR_INPUT,
                     "rope: the rounding of power %zu for theta = %.17g, d = %zu cannot be decided",
                     i, theta, d);
  for (size_t i = 0; i < d / 2; i++) inv[i] = 1.0f / stepwise_power(i, d, theta);
  return SL_OK;
}

sl_status sl_rope_scaled_frequencies(float *inv, size_t d, double theta, const sl_rope_scaling *s,
                                     sl_error *err) {
  static const sl_rope_scaling none = {.kind = SL_ROPE_PLAIN};
  float first = 0.0f, length = 1.0f;
  if (!s) s = &none;
  SL_TRY(sl_rope_check(d, theta, err));
  SL_TRY(sl_rope_scaling_check(s, theta, err));
  if (s->kind == SL_ROPE_YARN) SL_TRY(ramp(&first, &length, d, theta, s, err));
  SL_TRY(unscaled(inv, d, theta, s->stepwise, err));
  if (s->kind == SL_ROPE_LINEAR) /* spec T1.13 */
    for (size_t i = 0; i < d / 2; i++) inv[i] = inv[i] / (float)s->factor;
  if (s->kind == SL_ROPE_LLAMA3) scale_llama3(inv, d / 2, s);
  if (s->kind == SL_ROPE_YARN) scale_yarn(inv, d, theta, s, first, length);
  return SL_OK;
}
