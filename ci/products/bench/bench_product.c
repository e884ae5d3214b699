/* The check of products that are timed: a fast wrong one is no reference. */
#include "bench_product.h"

#include <math.h>

/* |y - dot| <= gamma_k * sum |x w| with gamma_k = k u / (1 - k u), u = 2^-24, for any order of the
 * sum (Higham, Accuracy and Stability, 3.1); the binary64 dot is off by less than 2^-20 of that. */
int sl_bench_product_right(const float *y, const float *x, const float *w, size_t t, size_t n,
                           size_t k) {
  const double ku = (double)k * 0x1p-24, bound = ku / (1.0 - ku) * (1.0 + 0x1p-20);
  for (size_t at = 0; at < t * n; at += 97) {
    const float *a = x + at / n * k, *b = w + at % n * k;
    double dot = 0.0, size = 0.0;
    for (size_t i = 0; i < k; i++)
      dot += (double)a[i] * (double)b[i], size += fabs((double)a[i] * (double)b[i]);
    if (!(fabs((double)y[at] - dot) <= bound * size)) return 0;
  }
  return 1;
}
