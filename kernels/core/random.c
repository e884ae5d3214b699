/* Counter-based random numbers (spec N5). */
#include "philox.h"

#include <sluice/functions.h>
#include <sluice/random.h>

#include <math.h>

/* spec N5.1 */
void sl_philox(uint32_t out[4], uint64_t seed, uint32_t position, uint32_t sequence, uint32_t step,
               uint32_t purpose) {
  out[0] = position, out[1] = sequence, out[2] = step, out[3] = purpose;
  sl_philox_words(out, seed);
}

/* spec N5.2 */
uint64_t sl_random_u64(uint64_t seed, uint32_t position, uint32_t sequence, uint32_t step,
                       uint32_t purpose) {
  return sl_philox_u64(seed, position, sequence, step, purpose);
}

uint64_t sl_multiply_high(uint64_t a, uint64_t b) {
  const uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
  const uint64_t low = a0 * b0, cross = a1 * b0 + (low >> 32), cross2 = a0 * b1 + (uint32_t)cross;
  return a1 * b1 + (cross >> 32) + (cross2 >> 32);
}

/* spec N5.3 */
void sl_random_normals(float *x, size_t n, float std, uint64_t seed, uint32_t tensor) {
  for (size_t i = 0; i < n; i += 2) {
    const uint64_t block = i / 2;
    uint32_t w[4];
    sl_philox(w, seed, (uint32_t)block, tensor, (uint32_t)(block >> 32), SL_RANDOM_PARAMETERS);
    const float u1 = (float)((w[0] >> 8) + 1) * 0x1p-24f, u2 = (float)(w[1] >> 8) * 0x1p-24f;
    const float s = sqrtf(-2.0f * sl_fn_log(u1)), a = 0x1.921fb6p+2f * u2;
    x[i] = std * (s * sl_fn_cos(a));
    if (i + 1 < n) x[i + 1] = std * (s * sl_fn_sin(a));
  }
}

/* spec N5.4 */
void sl_random_shuffle(uint32_t *items, size_t n, uint64_t seed, uint32_t sequence, uint32_t step,
                       uint32_t purpose) {
  for (size_t i = n; i-- > 1;) {
    const uint64_t u = sl_random_u64(seed, (uint32_t)i, sequence, step, purpose);
    const size_t j = (size_t)sl_multiply_high(u, (uint64_t)i + 1);
    const uint32_t t = items[i];
    items[i] = items[j], items[j] = t;
  }
}
