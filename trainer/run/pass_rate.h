/* How sure an accuracy is, and the chance that one of k completions is right (spec L4.5). */
#ifndef SLUICE_PASS_RATE_H
#define SLUICE_PASS_RATE_H

#include <sluice/status.h>

#include <stddef.h>
#include <stdint.h>

typedef struct {
  double low, high;
} sl_interval;

/* Wilson's interval at 95 % of a share of n problems. n >= 1. */
sl_interval sl_wilson(double share, size_t n);

#define SL_BOOTSTRAP_DRAWS 10000
/* The interval at 95 % of the mean of correct[p] / samples, by drawing the n problems anew, with a
 * seed. SL_ERR_MEMORY. */
sl_status sl_bootstrap(sl_interval *out, const uint32_t *correct, size_t n, size_t samples,
                       uint64_t seed, sl_error *err);

/* The mean over n problems of 1 - C(samples - correct, k) / C(samples, k): without bias the chance
 * that one of k completions is right. 1 <= k <= samples. */
double sl_pass_at(size_t k, const uint32_t *correct, size_t n, size_t samples);

#endif
