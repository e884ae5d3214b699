/* Statistics of few paired differences: Student's t, Holm's correction (docs/study.md). */
#ifndef SLUICE_STUDY_STATISTICS_H
#define SLUICE_STUDY_STATISTICS_H

#include <stddef.h>

/* P(|T| > t) of Student's t with `freedom` >= 1 degrees of freedom. */
double sl_t_two_sided(double t, size_t freedom);
/* The t with that two-sided probability, which lies in (0, 1). */
double sl_t_quantile(double two_sided, size_t freedom);

/* A mean with what is known of it. From three values on low and high are its interval at 95 %, and
 * p is the two-sided probability of such a mean if there is no effect; of one or two values they
 * are the range, and p is NAN. Of none, all are NAN. */
typedef struct {
  size_t n;
  double mean, low, high, p;
} sl_estimate;

/* Of n values; those that are NAN are left out. */
sl_estimate sl_estimate_make(const double *value, size_t n);

/* The slope of y over x by least squares; NAN with fewer than two different x. A pair with a NAN is
 * left out. */
double sl_slope(const double *x, const double *y, size_t n);

/* Holm's adjusted probabilities: that of rank k (from 0) of n is the largest of (n - j) p_j over j
 * <= k, at most 1. */
void sl_holm(double *adjusted, const double *p, size_t n);

/* When a curve first reaches a level, on the straight line between two points; before its first
 * point: that point. INFINITY if it never does. */
double sl_time_to(const double *x, const double *y, size_t n, double level);

#endif
