/* Exhaustion over binary32 (spec G5.1). Blocks of neighbours go to the threads; each block also
 * looks at the last float before it. */
#include "float_check.h"

#include "float_error.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BLOCK = 4096, ERROR_BLOCKS = 16, ERROR_SPLITS = 64 };
static const uint32_t LAST = 0x7f800000u; /* +inf */

static float from_bits(uint32_t u) {
  float x;
  memcpy(&x, &u, sizeof x);
  return x;
}

static uint32_t to_bits(float x) {
  uint32_t u;
  memcpy(&u, &x, sizeof u);
  return u;
}

const char *sl_float_kind_name(sl_float_kind kind) {
  static const char *const names[] = {"f' > 1", "f' falls below r = 1", "f' rises above r = 1",
                                      "f' not finite"};
  return names[kind];
}

int sl_float_holds(const sl_float_report *report) {
  for (int k = 0; k < SL_FLOAT_KINDS; k++)
    if (report->violation[k].count) return 0;
  return report->at_one == 1.0f;
}

static void note(sl_float_violation *v, float r0, float w0, float r1, float w1) {
  if (v->count++ == 0) *v = (sl_float_violation){1, {r0, r1}, {w0, w1}, 0};
}

/* Neighbours i - 1 and i of a block; slowly only where the quick test of the block fails. */
static void inspect(sl_float_report *t, const float *r, const float *w, size_t n) {
  unsigned bad = 0;
  for (size_t i = 1; i < n; i++) {
    const int falls = r[i] <= 1.0f && !(w[i] >= w[i - 1]),
              rises = r[i] > 1.0f && !(w[i] <= w[i - 1]);
    bad |= (unsigned)(falls | rises | !(w[i] <= 1.0f) | !(w[i] > -INFINITY));
  }
  if (!bad) return;
  for (size_t i = 1; i < n; i++) {
    if (!(fabsf(w[i]) < INFINITY)) note(&t->violation[SL_FLOAT_NOT_FINITE], r[i], w[i], r[i], w[i]);
    if (w[i] > 1.0f) note(&t->violation[SL_FLOAT_ABOVE_ONE], r[i], w[i], r[i], w[i]);
    if (r[i] <= 1.0f && w[i] < w[i - 1])
      note(&t->violation[SL_FLOAT_FALLS_BELOW], r[i - 1], w[i - 1], r[i], w[i]);
    if (r[i] > 1.0f && w[i] > w[i - 1])
      note(&t->violation[SL_FLOAT_RISES_ABOVE], r[i - 1], w[i - 1], r[i], w[i]);
  }
}

static void check_block(sl_float_report *t, const sl_float_weight *k, int vanishes, uint32_t last,
                        uint32_t first) {
  float r[BLOCK + 1] = {0}, w[BLOCK + 1];
  const uint32_t from = first ? first - 1 : 0;
  uint32_t to = first + BLOCK - 1;
  if (to > last) to = last;
  size_t n = to - from + 1;
  for (size_t i = 0; i < n; i++) r[i] = from_bits(from + (uint32_t)i);
  sl_float_weights(k, r, w, n);
  t->checked += to - first + 1;
  if (vanishes && to == LAST && isnan(w[n - 1])) t->nan_at_infinity = 1, n--;
  if (first == 0)
    inspect(t, (float[]){0.0f, 0.0f}, (float[]){w[0], w[0]}, 2); /* r = 0 has no float before it */
  inspect(t, r, w, n);
}

static float weight_at(const sl_float_weight *k, float r) {
  float w;
  sl_float_weights(k, &r, &w, 1);
  return w;
}

static double in_ulps(double error, double min_w) {
  int binade;
  frexp(min_w, &binade);
  return error / ldexp(1.0, min_w > 0x1p-126 ? binade - 24 : -149);
}

/* An upper bound of the error over floats first to last, in ulps, by analysis. Where a value
 * overflows or underflows on the way analysis has none: there the ends bound it, for the weights
 * between are monotone (or the report has violations). A range with a join, or with a ratio that
 * has no weight, is halved, `splits` times in all. */
static double error_bound(sl_float_report *t, const sl_float_weight *k, uint32_t first,
                          uint32_t last, int *splits) {
  const float low = from_bits(first), high = from_bits(last);
  double min_w;
  const double error = sl_float_error(k, low, high, &min_w), bound = 0.5 + in_ulps(error, min_w);
  if (isfinite(bound)) return bound;
  const double apart = sl_float_apart(k, low, high, weight_at(k, low), weight_at(k, high), &min_w),
               between = in_ulps(apart, min_w);
  if (isfinite(between)) {
    t->by_ends = 1;
    return between;
  }
  if (first == last || *splits == 0) return INFINITY;
  --*splits;
  const uint32_t middle = first + (last - first) / 2;
  const double left = error_bound(t, k, first, middle, splits),
               right = error_bound(t, k, middle + 1, last, splits);
  return left > right ? left : right;
}

/* Error over a run of blocks: the bound, and the error at one of its floats by balls. */
static void check_error(sl_float_report *t, const sl_float_weight *k, uint32_t end,
                        uint32_t first) {
  if (end == LAST) end--; /* the errors at infinity are none */
  if (first > end) return;
  uint32_t last = first + ERROR_BLOCKS * BLOCK - 1;
  if (last > end) last = end;
  const sl_gate_family family = k->gate->family[k->positive];
  if (family == SL_GATE_CLIP || family == SL_GATE_IDENTITY)
    return; /* 0 or 1: no error but where the join is rounded */
  int splits = isfinite(t->ulp_bound) ? ERROR_SPLITS : 0;
  const double bound = error_bound(t, k, first, last, &splits);
  if (!(bound <= t->ulp_bound)) t->ulp_bound = bound;
  const float r =
      from_bits(first + (uint32_t)(((uint64_t)first * 2654435761u >> 7) % (last - first + 1)));
  const double seen = sl_float_ulps(k, r, weight_at(k, r));
  if (seen > t->ulp_seen) t->ulp_seen = seen, t->ulp_at = r;
}

void sl_float_add(sl_float_report *all, const sl_float_report *t) {
  all->checked += t->checked;
  if (!(t->ulp_bound <= all->ulp_bound)) all->ulp_bound = t->ulp_bound;
  all->by_ends |= t->by_ends;
  all->nan_at_infinity |= t->nan_at_infinity;
  if (t->ulp_seen > all->ulp_seen) all->ulp_seen = t->ulp_seen, all->ulp_at = t->ulp_at;
  for (int i = 0; i < SL_FLOAT_KINDS; i++) {
    sl_float_violation *a = &all->violation[i];
    const sl_float_violation *b = &t->violation[i];
    const uint64_t count = a->count + b->count;
    if (b->count && (!a->count || b->r[0] < a->r[0])) *a = *b;
    a->count = count;
  }
}

static double now_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void sl_float_check(sl_float_report *report, const sl_gate *gate, const sl_gate_definition *def,
                    int positive, const sl_float_options *options, sl_float_progress progress,
                    void *data) {
  const double start = now_s();
  const unsigned stride = options->stride;
  const uint32_t last = to_bits(options->most), blocks = last / BLOCK + 1,
                 one = 0x3f800000u / BLOCK;
  uint32_t done = 0;
  *report = (sl_float_report){.ulp_seen = 0};
  sl_float_weight k;
  sl_float_weight_init(&k, gate, def, positive);
#pragma omp parallel num_threads(options->threads > 0 ? options->threads : omp_get_max_threads())
  {
    sl_float_report t = {.ulp_seen = 0};
#pragma omp for schedule(dynamic, 64)
    for (uint32_t b = 0; b < blocks; b++) {
      if (b % stride == 0 || b == one || b + 1 == one || b + 1 == blocks)
        check_block(&t, &k, options->vanishes, last, b * BLOCK);
      if (b % ((uint32_t)ERROR_BLOCKS * (stride > 16 ? 16u : 1u)) == 0)
        check_error(&t, &k, last, b * BLOCK);
      if (b % 4096 == 0 && progress) {
#pragma omp critical(sl_float_progress)
        progress(data, (double)(done += 4096) / blocks);
      }
    }
#pragma omp critical(sl_float_merge)
    sl_float_add(report, &t);
  }
  if (report->by_ends && (report->violation[SL_FLOAT_FALLS_BELOW].count ||
                          report->violation[SL_FLOAT_RISES_ABOVE].count))
    report->ulp_bound = INFINITY;
  const float unit = 1.0f;
  sl_float_weights(&k, &unit, &report->at_one, 1);
  sl_float_weight_clear(&k);
  report->seconds = now_s() - start;
}
