/* The loss of trainers in binary32. */
#include "foreign_loss.h"

#include <math.h>

static float clamped(float x) { return x > 80.0f ? 80.0f : x < -80.0f ? -80.0f : x; }

static float to_bf16(double x) {
  int exponent;
  const double part = frexp(x, &exponent);
  return (float)ldexp(nearbyint(ldexp(part, 8)), exponent - 8);
}

typedef struct {
  const foreign_batch *b;
  foreign_mistake mistake;
} state;

/* What float16 keeps of an operation's result. */
static float half(const state *a, float x) {
  if (a->mistake != FOREIGN_FLOAT16 || x == 0.0f || !isfinite(x)) return x;
  int exponent;
  frexpf(x, &exponent);
  const float unit = ldexpf(1.0f, (exponent > -13 ? exponent : -13) - 11),
              y = nearbyintf(x / unit) * unit;
  return fabsf(y) > 65504.0f ? copysignf(INFINITY, x) : y;
}

static float log_ratio(const state *a, size_t i) {
  const float new = (float)a->b->logp_new[i], old = (float)a->b->logp_old[i];
  return new - (a->mistake == FOREIGN_OLD_BF16 ? to_bf16(old) : old);
}

/* At least 1 where it divides, as trainers have it. */
static float tokens(const state *a, size_t s) {
  float n = 0.0f;
  for (size_t t = 0; t < a->b->t; t++) n += (float)a->b->mask[s * a->b->t + t];
  return n;
}

/* Tokens and sequences with tokens in [first, end). */
static void count(const state *a, size_t first, size_t end, float *n, float *sequences) {
  *n = *sequences = 0.0f;
  for (size_t s = first; s < end; s++) {
    const float own = tokens(a, s);
    *n += a->mistake == FOREIGN_COUNTS_SLOTS                  ? (float)a->b->t
          : a->mistake == FOREIGN_EMPTY_COUNTS && own == 0.0f ? 1.0f
                                                              : own;
    *sequences += own > 0.0f;
  }
}

static float coefficient(const state *a, size_t s) {
  const size_t half = a->b->s / 2;
  float n, sequences;
  if (a->mistake == FOREIGN_MICRO_BATCHES) {
    count(a, s < half ? 0 : half, s < half ? half : a->b->s, &n, &sequences);
    n *= 2.0f, sequences *= 2.0f;
  } else {
    count(a, 0, a->b->s, &n, &sequences);
  }
  const float least = a->mistake == FOREIGN_EMPTY_IS_NAN ? 0.0f : 1.0f,
              own = a->mistake == FOREIGN_BY_LENGTH ? (float)a->b->t : fmaxf(tokens(a, s), least);
  float c = a->b->token_mean ? 1.0f / n : 1.0f / own / sequences;
  if (a->mistake == FOREIGN_ACCUMULATED) c *= 4.0f;
  return a->mistake == FOREIGN_UNKNOWN ? 1.37f * c : c;
}

/* The ratio of a token or of its sequence; *chain: what its derivative by the token's log-prob is,
 * times n for a sequence. */
static float ratio(const state *a, size_t i, float *chain) {
  const size_t s = i / a->b->t;
  const float own = log_ratio(a, i);
  float sum = 0.0f;
  if (!a->b->by_sequence) {
    const float x = a->mistake == FOREIGN_NO_CLAMP ? own : clamped(own);
    *chain = x == own ? expf(x) : 0.0f;
    return expf(x);
  }
  for (size_t k = s * a->b->t; k < (s + 1) * a->b->t; k++)
    if (a->b->mask[k] != 0.0)
      sum += a->mistake == FOREIGN_SUM_OF_EXP ? expf(log_ratio(a, k)) : log_ratio(a, k);
  const float mean = sum / tokens(a, s);
  *chain = a->mistake == FOREIGN_SUM_OF_EXP ? expf(own) : expf(mean);
  return a->mistake == FOREIGN_SUM_OF_EXP ? mean : expf(mean);
}

static float weight(const state *a, float z) {
  const float s = 1.0f / (1.0f + expf(-z));
  if (a->mistake == FOREIGN_S_TIMES_REST) return 4.0f * s * (1.0f - s);
  return 4.0f * s * (1.0f / (1.0f + expf(z)));
}

static float advantage_of(const state *a, size_t s) {
  if (a->mistake == FOREIGN_NO_ADVANTAGE) return 1.0f;
  const float advantage = (float)a->b->advantage[s];
  return a->mistake == FOREIGN_PADDED_MEAN_A ? advantage * tokens(a, s) / (float)a->b->t
                                             : advantage;
}

static float weight_of(const state *a, size_t i, int of_kl) {
  const int has = of_kl ? a->mistake == FOREIGN_WEIGHTED_KL : a->mistake != FOREIGN_NOT_WEIGHTED;
  return has && a->b->sampler_weight ? (float)a->b->sampler_weight[i] : 1.0f;
}

/* k3 and its slope by new. */
static float kl(const state *a, size_t i, float *slope) {
  const float back = a->mistake == FOREIGN_KL_BACKWARDS ? -1.0f : 1.0f,
              x = back * ((float)a->b->logp_new[i] - (float)a->b->logp_ref[i]),
              y = a->mistake == FOREIGN_KL_OVERFLOWS ? x : clamped(x), k3 = expf(-y) + y - 1.0f;
  const int cut = a->mistake == FOREIGN_KL_CUT && k3 >= 10.0f;
  *slope = cut || (y != x) ? 0.0f : back * (1.0f - expf(-y));
  return cut ? 10.0f : k3;
}

/* cispo: min(r, cap), a constant in the gradient of the log-prob. */
static double cispo(const state *a, size_t i) {
  const size_t s = i / a->b->t;
  const float cap = a->mistake == FOREIGN_CAP_RELATIVE ? 1.0f + a->b->cap : a->b->cap;
  return (double)(-advantage_of(a, s) * coefficient(a, s) *
                  fminf(expf(clamped(log_ratio(a, i))), cap));
}

static void token(const state *a, size_t i, double *dlogp, float *loss) {
  const size_t s = i / a->b->t;
  const float advantage = (float)a->b->advantage[s], c = half(a, coefficient(a, s)),
              factor = half(a, advantage_of(a, s));
  const int positive = (advantage > 0.0f) != (a->mistake == FOREIGN_TAU_BY_OLD_SIGN);
  const float tau = positive ? a->b->tau_pos : a->b->tau_neg;
  float chain;
  const float r = half(a, ratio(a, i, &chain)), z = half(a, tau * half(a, r - 1.0f));
  const float outer = a->mistake == FOREIGN_NO_RATIO ? 1.0f : half(a, chain);
  float d = half(a, half(a, half(a, -factor * c) * half(a, weight(a, z))) * outer);
  d *= weight_of(a, i, 0);
  *loss += -factor * c * (4.0f / tau / (1.0f + expf(-z))) * weight_of(a, i, 0);
  if (a->b->beta > 0.0f) {
    const float beta = a->mistake == FOREIGN_KL_ADDED_TO_J ? -a->b->beta : a->b->beta;
    float slope;
    *loss += beta * c * kl(a, i, &slope) * weight_of(a, i, 1);
    d += beta * c * slope * weight_of(a, i, 1);
  }
  *dlogp = (double)d;
}

void foreign_loss(double *dlogp, double *loss, const foreign_batch *b, foreign_mistake mistake) {
  const state a = {b, mistake};
  float sum = 0.0f;
  for (size_t i = 0; i < b->s * b->t; i++) {
    const int masked = b->mask[i] == 0.0;
    dlogp[i] = mistake == FOREIGN_EMPTY_IS_NAN ? 0.0 * (double)coefficient(&a, i / b->t) : 0.0;
    if (b->cap > 0.0f) {
      if (!masked) dlogp[i] = cispo(&a, i);
    } else if (!masked || mistake == FOREIGN_MASK_DROPPED) {
      token(&a, i, &dlogp[i], &sum);
    } else if (mistake == FOREIGN_MASK_TIMES_NAN) {
      float own = 0.0f;
      const state unclamped = {b, FOREIGN_NO_CLAMP};
      token(&unclamped, i, &dlogp[i], &own);
      dlogp[i] *= 0.0, sum += 0.0f * own;
    }
  }
  *loss = (double)sum;
}
