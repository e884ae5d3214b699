/* The objective where a comparison or a NaN decides (spec O2.2, O5.1, O5.2). */
#include "objective_step.h"

#include <criterion/criterion.h>
#include <math.h>

static void around_one_half(const void *weight, int positive, float r, float *f, float *w) {
  (void)positive, (void)r;
  *f = NAN, *w = *(const float *)weight;
}

/* spec O5.2 counts w < 1/2: not 1/2 itself, but the number below it. */
Test(objective_properties, a_weight_of_one_half_is_not_below_it) {
  const float weights[] = {0.5f, nextafterf(0.5f, 0.0f)};
  const step p = one_sequence(3, 0.25f);
  for (uint32_t below = 0; below < 2; below++) {
    sl_objective o = objective_of(SL_GATE_EXPRESSION, 1.0f);
    o.gate.function = around_one_half, o.gate.expression = &weights[below];
    cr_assert_eq(loss_of(&p, &o).sums[0].below_half, 3 * below);
  }
}

/* spec O2.2: the edge of clip is inside, for either sign. With widths of 0 it is the ratio 1. */
Test(objective_properties, the_edge_of_clip_is_inside) {
  for (int sign = -1; sign <= 1; sign += 2) {
    step p = one_sequence(3, 0.0f);
    for (size_t i = 0; i < p.n_seq; i++) p.advantage[i] = (float)sign;
    sl_objective o = objective_of(SL_GATE_CLIP, 1.0f);
    o.gate.clip_low = o.gate.clip_high = 0.0;
    cr_assert_eq(loss_of(&p, &o).sums[0].below_half, 0, "sign %d", sign);
  }
}

static void negative_nan(const void *unused, int positive, float r, float *f, float *w) {
  (void)unused, (void)positive, (void)r;
  *f = copysignf(NAN, -1.0f), *w = 1.0f;
}

/* spec O5.1: an absent objective is one NaN, whatever NaN the gate gives. */
Test(objective_properties, an_absent_objective_has_one_bit_pattern) {
  const step p = one_sequence(3, 0.25f);
  sl_objective o = objective_of(SL_GATE_EXPRESSION, 1.0f);
  o.gate.function = negative_nan;
  const outcome got = loss_of(&p, &o);
  const double absent[] = {(double)NAN, (double)NAN};
  cr_assert(same_bits("objective, centred", (double[]){got.sums[0].objective, got.sums[0].centred},
                      absent, sizeof absent));
}
