/* Statistics of few paired differences. The sums for Student's t are those of Abramowitz and
 * Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4, exact for whole degrees of
 * freedom; a library for them would be larger than all of this room. */
#include "statistics.h"

#include <math.h>

/* P(|T| <= t) */
static double within(double t, size_t freedom) {
  const double half_pi = 1.57079632679489661923;
  const double angle = atan(t / sqrt((double)freedom)), c = cos(angle) * cos(angle);
  const size_t odd = freedom % 2;
  double term = odd ? cos(angle) : 1.0, sum = 0;
  for (size_t k = odd ? 3 : 2; k <= freedom; k += 2) {
    sum += term;
    term *= c * (double)(k - 1) / (double)k;
  }
  if (!odd) return sin(angle) * sum;
  return (angle + sin(angle) * sum) / half_pi;
}

double sl_t_two_sided(double t, size_t freedom) {
  const double outside = isfinite(t) ? 1.0 - within(fabs(t), freedom) : 0.0;
  return outside > 0 ? outside : 0.0;
}

double sl_t_quantile(double two_sided, size_t freedom) {
  double low = 0, high = 1;
  while (sl_t_two_sided(high, freedom) > two_sided) high *= 2;
  for (int i = 0; i < 200 && low < high; i++) {
    const double middle = low + (high - low) / 2;
    if (middle <= low || middle >= high) break;
    if (sl_t_two_sided(middle, freedom) > two_sided)
      low = middle;
    else
      high = middle;
  }
  return low;
}

sl_estimate sl_estimate_make(const double *value, size_t n) {
  sl_estimate e = {0, (double)NAN, (double)NAN, (double)NAN, (double)NAN};
  double sum = 0, squares = 0, low = INFINITY, high = -INFINITY;
  for (size_t i = 0; i < n; i++) {
    if (isnan(value[i])) continue;
    sum += value[i], e.n++;
    low = fmin(low, value[i]), high = fmax(high, value[i]);
  }
  if (e.n == 0) return e;
  e.mean = sum / (double)e.n, e.low = low, e.high = high;
  if (e.n < 3) return e;
  for (size_t i = 0; i < n; i++)
    if (!isnan(value[i])) squares += (value[i] - e.mean) * (value[i] - e.mean);
  const double error = sqrt(squares / (double)(e.n - 1) / (double)e.n);
  const double half = sl_t_quantile(0.05, e.n - 1) * error;
  e.low = e.mean - half, e.high = e.mean + half;
  e.p = error > 0 ? sl_t_two_sided(e.mean / error, e.n - 1) : e.mean == 0 ? 1.0 : 0.0;
  return e;
}

double sl_slope(const double *x, const double *y, size_t n) {
  double sx = 0, sy = 0, sxx = 0, sxy = 0;
  size_t used = 0;
  for (size_t i = 0; i < n; i++)
    if (!isnan(x[i]) && !isnan(y[i])) sx += x[i], sy += y[i], used++;
  if (used < 2) return (double)NAN;
  const double mx = sx / (double)used, my = sy / (double)used;
  for (size_t i = 0; i < n; i++)
    if (!isnan(x[i]) && !isnan(y[i]))
      sxx += (x[i] - mx) * (x[i] - mx), sxy += (x[i] - mx) * (y[i] - my);
  return sxx > 0 ? sxy / sxx : (double)NAN;
}

/* n is the number of findings: a search for the next smallest is enough. */
void sl_holm(double *adjusted, const double *p, size_t n) {
  double least = 0;
  for (size_t i = 0; i < n; i++) adjusted[i] = (double)NAN;
  for (size_t k = 0; k < n; k++) {
    size_t next = n;
    for (size_t i = 0; i < n; i++)
      if (isnan(adjusted[i]) && (next == n || p[i] < p[next])) next = i;
    least = fmin(1.0, fmax(least, (double)(n - k) * p[next]));
    adjusted[next] = least;
  }
}

double sl_time_to(const double *x, const double *y, size_t n, double level) {
  for (size_t i = 0; i < n; i++) {
    if (!(y[i] >= level)) continue;
    if (i == 0) return x[0];
    return x[i - 1] + (x[i] - x[i - 1]) * (level - y[i - 1]) / (y[i] - y[i - 1]);
  }
  return INFINITY;
}
