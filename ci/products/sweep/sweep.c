/* Sweeps (spec N2.3, F5.1). Blocks of inputs go through the function, then through an estimate with
 * a proven bound: where both ends of its interval round to one binary32, that is the right result,
 * because rounding is monotone. The rest, one input in some 2^18, is MPFR's. */
#include "sweep.h"

#include "reference/functions.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#define BLOCK 512
#define BLOCKS_PER_TASK 2048

typedef struct {
  const sl_sweep_options *options;
  const sl_ref_estimator *estimator;
  sl_sweep_result *result;
} sweep;

/* Keeps the witnesses of the lowest patterns, in order. */
static void add_witness(sl_sweep_result *r, sl_sweep_witness w) {
  size_t n = r->misrounded < SL_SWEEP_WITNESSES ? r->misrounded : SL_SWEEP_WITNESSES;
  r->misrounded++;
  while (n > 0 && r->witness[n - 1].x > w.x) {
    if (n < SL_SWEEP_WITNESSES) r->witness[n] = r->witness[n - 1];
    n--;
  }
  if (n < SL_SWEEP_WITNESSES) r->witness[n] = w;
}

static void add_digest(sl_sweep_digest *d, uint64_t low, uint64_t high) {
  d->low += low;
  d->high += high + (d->low < low);
}

/* What is right where the estimate decides; *decided = 0 where it does not. */
static uint32_t expected(double estimate, int *decided) {
  const float low = (float)(estimate * (1 - SL_REF_ESTIMATE_ERROR)),
              high = (float)(estimate * (1 + SL_REF_ESTIMATE_ERROR));
  uint32_t a, b;
  memcpy(&a, &low, sizeof a);
  memcpy(&b, &high, sizeof b);
  *decided = a == b && !isnan(estimate);
  return a;
}

static void prove_block(const sweep *s, sl_sweep_result *r, const float *x, const float *y,
                        size_t n) {
  const sl_function_id f = s->options->function;
  double estimate[BLOCK];
  sl_ref_estimate(s->estimator, f, estimate, x, n);
  for (size_t i = 0; i < n; i++) {
    sl_sweep_witness w;
    memcpy(&w.x, &x[i], sizeof w.x);
    memcpy(&w.got, &y[i], sizeof w.got);
    int decided;
    w.want = expected(estimate[i], &decided);
    if (!sl_ref_function_domain(f, x[i])) {
      w.want = 0x7fc00000u;
    } else if (!decided) {
      const float right = sl_ref_function(f, x[i]);
      memcpy(&w.want, &right, sizeof w.want);
      r->fallbacks++;
    }
    if (w.got != w.want) add_witness(r, w);
  }
}

static void digest_block(sl_sweep_result *r, const float *x, const float *y, size_t n) {
  uint64_t low = 0, high = 0;
  for (size_t i = 0; i < n; i++) {
    uint32_t a, b;
    memcpy(&a, &x[i], sizeof a);
    memcpy(&b, &y[i], sizeof b);
    const uint64_t z = sl_mix64(a, b);
    low += z & 0xffffffffu;
    high += z >> 32;
  }
  add_digest(&r->digest, low, 0);
  add_digest(&r->digest, high << 32, high >> 32);
}

static void sweep_range(const sweep *s, sl_sweep_result *r, uint64_t begin, uint64_t end) {
  float x[BLOCK], y[BLOCK];
  for (uint64_t at = begin; at < end; at += BLOCK) {
    const size_t n = end - at < BLOCK ? (size_t)(end - at) : BLOCK;
    for (size_t i = 0; i < n; i++) {
      const uint32_t pattern = (uint32_t)((at + i) * s->options->stride);
      memcpy(&x[i], &pattern, sizeof pattern);
    }
    s->options->map(y, x, n);
    digest_block(r, x, y, n);
    if (!s->options->digest_only) prove_block(s, r, x, y, n);
  }
}

static void merge(const sweep *s, const sl_sweep_result *part, uint64_t inputs) {
  sl_sweep_result *r = s->result;
  const uint64_t witnesses =
      part->misrounded < SL_SWEEP_WITNESSES ? part->misrounded : SL_SWEEP_WITNESSES;
  for (uint64_t i = 0; i < witnesses; i++) add_witness(r, part->witness[i]);
  r->misrounded += part->misrounded - witnesses;
  r->fallbacks += part->fallbacks;
  r->inputs += inputs;
  add_digest(&r->digest, part->digest.low, part->digest.high);
}

static void run_tasks(const sweep *s, uint64_t inputs) {
  const sl_sweep_options *o = s->options;
  const uint64_t task = (uint64_t)BLOCK * BLOCKS_PER_TASK, tasks = (inputs + task - 1) / task;
#pragma omp parallel for schedule(dynamic) \
    num_threads(o->threads ? o->threads : omp_get_num_procs())
  for (uint64_t k = 0; k < tasks; k++) {
    sl_sweep_result part = {0};
    const uint64_t begin = k * task, end = begin + task < inputs ? begin + task : inputs;
    sweep_range(s, &part, begin, end);
#pragma omp critical
    {
      merge(s, &part, end - begin);
      if (o->progress) o->progress(o->progress_arg, (double)s->result->inputs / (double)inputs);
    }
  }
}

sl_status sl_sweep_run(sl_sweep_result *result, const sl_sweep_options *options, sl_error *err) {
  sl_ref_estimator *estimator = sl_ref_estimator_create();
  if (!estimator) return sl_fail(err, SL_ERR_MEMORY, "no memory for the estimates of a sweep");
  sl_sweep_result r = {0};
  const sweep s = {options, estimator, &r};
  const double start = omp_get_wtime();
  run_tasks(&s, (SL_SWEEP_INPUTS + options->stride - 1) / options->stride);
  r.seconds = omp_get_wtime() - start;
  sl_ref_estimator_destroy(estimator);
  *result = r;
  return SL_OK;
}
