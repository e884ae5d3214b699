/* The bound of spec T2 in any order: see bound_linear.h. */
#include "bound_linear.h"

#include "kernels/vendor/vendor.h"

#include <assert.h>
#include <math.h>

static void add_products(sl_exact_sum *e, const float *a, size_t step_a, const float *b,
                         size_t step_b, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const double p = (double)a[i * step_a] * (double)b[i * step_b];
    e->sum += p, e->magnitude += fabs(p);
  }
  e->n += n;
}

static void add_value(sl_exact_sum *e, float x) {
  e->sum += (double)x, e->magnitude += fabs((double)x), e->n++;
}

/* y = x w' + bias: arrays y, x, w, bias. */
static sl_exact_sum forward(const sl_problem *p, size_t index) {
  const size_t n = p->size[SL_N], k = p->size[SL_K], i = index / n, j = index % n;
  const float *x = p->array[1].data, *w = p->array[2].data, *bias = p->array[3].data;
  sl_exact_sum e = {0};
  add_products(&e, x + i * k, 1, w + j * k, 1, k);
  if (bias) add_value(&e, bias[j]);
  return e;
}

/* dx = the sum over parts of dy w: arrays dx, then dy and w of each part. */
static sl_exact_sum input_grad(const sl_problem *p, size_t index) {
  const size_t k = p->size[SL_K], i = index / k, c = index % k;
  sl_exact_sum e = {0};
  for (size_t part = 0; part < p->size[SL_N_PARTS]; part++) {
    const size_t n = p->size[SL_PART_N + part];
    const float *dy = p->array[1 + 2 * part].data, *w = p->array[2 + 2 * part].data;
    add_products(&e, dy + i * n, 1, w + c, k, n);
  }
  return e;
}

/* dw += dy' x, db += the columns of dy: arrays seq, dw, db, dy, x. */
static sl_exact_sum weight_grad(const sl_problem *p, size_t output, size_t index) {
  static const float one = 1.0f;
  const uint32_t *seq = p->array[0].data;
  const size_t n = p->size[SL_N], k = p->size[SL_K], t = seq[p->size[SL_N_SEQ]];
  const float *total = p->array[output].data, *dy = p->array[3].data, *x = p->array[4].data;
  sl_exact_sum e = {0};
  if (output == 2)
    add_products(&e, dy + index, n, &one, 0, t);
  else
    add_products(&e, dy + index / k, n, x + index % k, k, t);
  add_value(&e, total[index]);
  return e;
}

sl_exact_sum sl_exact_linear(sl_kernel_id kernel, const sl_problem *p, size_t output,
                             size_t index) {
  assert(p->array[output].role != SL_IN);
  if (kernel == SL_KERNEL_linear_input_grad) return input_grad(p, index);
  if (kernel == SL_KERNEL_linear_weight_grad) return weight_grad(p, output, index);
  return forward(p, index);
}

double sl_bound_of_sum(const sl_exact_sum *e) {
  const double own = (double)e->n * 0x1p-53 * e->magnitude;
  return sl_vendor_dot_bound(e->n, e->magnitude) + own;
}

int sl_within_bound(const sl_exact_sum *e, float got) {
  return fabs((double)got - e->sum) <= sl_bound_of_sum(e);
}

double sl_share_of_bound(const sl_exact_sum *e, float got) {
  const double off = fabs((double)got - e->sum);
  return off > 0.0 ? off / sl_bound_of_sum(e) : 0.0;
}
