/* Tables of rotary position embedding (spec T1.9). */
#include <sluice/functions.h>
#include <sluice/rope.h>

sl_status sl_rope_tables(float *cos_table, float *sin_table, size_t positions, size_t d,
                         double theta, sl_error *err) {
  return sl_rope_scaled_tables(cos_table, sin_table, positions, d, theta, NULL, err);
}

/* Row 0 of the sine table holds the frequencies until it is written, last. */
sl_status sl_rope_scaled_tables(float *cos_table, float *sin_table, size_t positions, size_t d,
                                double theta, const sl_rope_scaling *scaling, sl_error *err) {
  if (positions > SL_ROPE_POSITIONS)
    return sl_fail(err, SL_ERR_USAGE, "rope: %zu positions, at most %d", positions,
                   SL_ROPE_POSITIONS);
  if (positions == 0) return SL_OK;
  float m = 1.0f;
  if (scaling) SL_TRY(sl_rope_attention_factor(&m, scaling, err));
  SL_TRY(sl_rope_scaled_frequencies(sin_table, d, theta, scaling, err));
  const size_t half = d / 2;
  for (size_t p = positions; p-- > 0;)
    for (size_t i = 0; i < half; i++) {
      const float angle = (float)p * sin_table[i];
      cos_table[p * half + i] = sl_fn_cos(angle) * m;
      sin_table[p * half + i] = sl_fn_sin(angle) * m;
    }
  return SL_OK;
}
