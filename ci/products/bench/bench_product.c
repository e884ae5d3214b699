/* The check of products that are timed: a fast wrong one is no reference. */
#include "bench_product.h"

#include <math.h>

/* |y - dot| <= gamma_k * sum |x w| with gamma_k = k u / (1 - k u), u = 2^-24, for any order of the
 * sum (Higham, Accuracy and Stability, 3.1); the binary64 dot is off by less than 2^-20 of that. */
int sl_bench_product_right(const float *y, sl_bench_terms a, sl_bench_terms b, size_t rows,
                           size_t columns, size_t k) {
  const double ku = (double)k * 0x1p-24, bound = ku / (1.0 - ku) * (1.0 + 0x1p-20);
  for (size_t at = 0; at < rows * columns; at += 97) {
    const float *x = a.at + at / columns * a.row, *w = b.at + at % columns * b.row;
    double dot = 0.0, size = 0.0;
    for (size_t i = 0; i < k; i++) {
      const double term = (double)x[i * a.term] * (double)w[i * b.term];
      dot += term, size += fabs(term);
    }
    if (!(fabs((double)y[at] - dot) <= bound * size)) return 0;
  }
  return 1;
}
