/* A run compared with the golden one bit for bit; a vendor's with its bound, and with itself. */
#include "bound_linear.h"
#include "trial.h"

#include "kernels/vendor/vendor.h"

#include <stdio.h>
#include <string.h>

/* The guard bytes of an array that are not as they were: 0 if all are. */
static int guards_differ(char *text, size_t size, const sl_array *array, const unsigned char *at) {
  const size_t bytes = sl_array_bytes(array);
  const unsigned char guard = sl_guard_byte(array);
  for (size_t k = 1; k <= SL_GUARD_BYTES; k++) {
    if (at[bytes + k - 1] != guard)
      return snprintf(text, size, "%s was written at byte %zu after its end", array->name, k - 1);
    if (*(at - k) != guard)
      return snprintf(text, size, "%s was written at byte %zu before its begin", array->name, k);
  }
  return 0;
}

/* The first element of a vendor's output that is beyond the bound of any order. */
static int beyond_bound(char *text, size_t size, const sl_equiv_trial *t, size_t array) {
  const sl_array *a = &t->problem.array[array];
  for (size_t i = 0; i < a->count; i++) {
    const sl_exact_sum e = sl_exact_linear(t->kernel, &t->problem, array, i);
    float got;
    memcpy(&got, t->other.at[array] + i * sizeof got, sizeof got);
    if (!sl_within_bound(&e, got))
      return snprintf(
          text, size,
          "%s[%zu of %zu] is %.9g, not %.9g: %.3g times the bound of a sum of %zu in any order",
          a->name, i, a->count, (double)got, e.sum, sl_share_of_bound(&e, got), e.n);
  }
  return 0;
}

/* What the run in `other` must not have done: written a guard or an input; 0 if it has not. */
static int trespasses(char *text, size_t size, const sl_equiv_trial *t) {
  for (size_t i = 0; i < t->problem.arrays; i++) {
    const sl_array *a = &t->problem.array[i];
    const unsigned char *got = t->other.at[i];
    if (!a->data) continue;
    if (guards_differ(text, size, a, got)) return 1;
    if (a->role != SL_IN || memcmp(got, a->data, sl_array_bytes(a)) == 0) continue;
    sl_trial_describe(text, size, a, got, a->data);
    strncat(text, ": an input was written", size - strlen(text) - 1);
    return 1;
  }
  return 0;
}

/* The first output of the run in `other` that is wrong; 0 if none is. */
static int find_difference(char *text, size_t size, const sl_equiv_trial *t, int bounded) {
  for (size_t i = 0; i < t->problem.arrays; i++) {
    const sl_array *a = &t->problem.array[i];
    if (!a->data || a->role == SL_IN) continue;
    if (bounded) {
      if (beyond_bound(text, size, t, i)) return 1;
      continue;
    }
    if (memcmp(t->other.at[i], t->golden.at[i], sl_array_bytes(a)) == 0) continue;
    sl_trial_describe(text, size, a, t->other.at[i], t->golden.at[i]);
    return 1;
  }
  return 0;
}

/* A run in ctx, and whether it kept to its memory; *layout: that of the run. */
static sl_status run_other(char *text, size_t size, sl_equiv_trial *t, sl_context *ctx,
                           unsigned *layout) {
  *layout = t->runs++;
  const sl_status status = sl_trial_run(t, &t->other, ctx, *layout);
  if (status) snprintf(text, size, "it fails: %.300s", sl_context_error(ctx)->message);
  if (status) return status;
  return trespasses(text, size, t) ? SL_ERR_MISMATCH : SL_OK;
}

sl_status sl_equiv_run(sl_equiv_trial *t, sl_context *ctx, sl_error *err) {
  char text[400];
  unsigned layout;
  return run_other(text, sizeof text, t, ctx, &layout) ? sl_trial_fail(err, t, ctx, text) : SL_OK;
}

sl_status sl_equiv_check(sl_equiv_trial *t, sl_context *ctx, sl_error *err) {
  char text[400];
  const int bounded = sl_vendor_bounded(ctx, t->kernel);
  unsigned layout;
  sl_status status = run_other(text, sizeof text, t, ctx, &layout);
  if (!status && find_difference(text, sizeof text, t, bounded)) status = SL_ERR_MISMATCH;
  if (!status && bounded)
    status = sl_trial_repeat(text, sizeof text, t, ctx, layout + SL_TRIAL_SHIFTS);
  return status ? sl_trial_fail(err, t, ctx, text) : SL_OK;
}
