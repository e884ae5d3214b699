/* Products against the vendor's: linear layers and their gradients in the shapes of Qwen2.5-0.5B, a
 * square one, and the head's log-probs.
 */
#include "device_bench.h"
#include "vendor.h"

#include "ci/products/bench/bench_product.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct {
  const char *name;
  sl_product_kind kind;
  size_t t, n, k;
} shape;

static const shape shapes[] = {{"linear_forward", SL_PRODUCT_FORWARD, 4096, 4096, 4096},
                               {"linear_forward", SL_PRODUCT_FORWARD, 8192, 4864, 896},
                               {"linear_forward", SL_PRODUCT_FORWARD, 8192, 896, 4864},
                               {"linear_forward", SL_PRODUCT_FORWARD, 64, 4864, 896},
                               {"linear_input_grad", SL_PRODUCT_INPUT_GRAD, 8192, 4864, 896},
                               {"linear_weight_grad", SL_PRODUCT_WEIGHT_GRAD, 8192, 4864, 896}};
#define SHAPES (sizeof shapes / sizeof *shapes)
enum { SEQUENCE = 1024 };

/* One product: out from left and right as vendor.h has them; weight gradients add to out, and so
 * grow. */
typedef struct {
  sl_context *ctx;
  sl_vendor *vendor;
  shape s;
  float *out, *left, *right;
  uint32_t *seq;
  size_t n_seq;
} product;

static sl_status run_ours(void *arg) {
  const product *p = arg;
  const shape s = p->s;
  const sl_linear_part part = {p->left, p->right, NULL, s.n};
  switch (s.kind) {
    case SL_PRODUCT_FORWARD:
      return sl_linear_forward(p->ctx, p->out, p->left, p->right, NULL, NULL, s.t, s.n, s.k);
    case SL_PRODUCT_INPUT_GRAD:
      return sl_linear_input_grad(p->ctx, p->out, &part, 1, s.t, s.k);
    default:
      return sl_linear_weight_grad(p->ctx, p->out, NULL, p->left, p->right, p->seq, p->n_seq, s.n,
                                   s.k);
  }
}

static sl_status wait_ours(void *arg) {
  return sl_context_synchronize(((const product *)arg)->ctx);
}

static sl_status run_vendor(void *arg) {
  const product *p = arg;
  return sl_vendor_product(p->vendor, p->s.kind, p->out, p->left, p->right, p->s.t, p->s.n, p->s.k);
}

static sl_status wait_vendor(void *arg) { return sl_vendor_wait(((const product *)arg)->vendor); }

static size_t left_floats(shape s) { return s.t * (s.kind == SL_PRODUCT_FORWARD ? s.k : s.n); }
static size_t right_floats(shape s) { return s.k * (s.kind == SL_PRODUCT_WEIGHT_GRAD ? s.t : s.n); }
static size_t out_floats(shape s) {
  return s.kind == SL_PRODUCT_FORWARD      ? s.t * s.n
         : s.kind == SL_PRODUCT_INPUT_GRAD ? s.t * s.k
                                           : s.n * s.k;
}

static void product_free(product *p) {
  sl_memory_free(p->ctx, p->out), sl_memory_free(p->ctx, p->left), sl_memory_free(p->ctx, p->right);
  free(p->seq);
}

static sl_status product_make(product *p) {
  p->n_seq = (p->s.t + SEQUENCE - 1) / SEQUENCE;
  p->seq = malloc((p->n_seq + 1) * sizeof *p->seq);
  if (!p->seq) return SL_ERR_MEMORY;
  for (size_t i = 0; i <= p->n_seq; i++)
    p->seq[i] = (uint32_t)(i * SEQUENCE < p->s.t ? i * SEQUENCE : p->s.t);
  sl_status status = sl_bench_floats(p->ctx, &p->out, out_floats(p->s), 3);
  if (!status) status = sl_bench_floats(p->ctx, &p->left, left_floats(p->s), 1);
  return status ? status : sl_bench_floats(p->ctx, &p->right, right_floats(p->s), 2);
}

static float *fetch(sl_context *ctx, const float *from, size_t n) {
  float *to = malloc(n * sizeof *to);
  if (to && sl_memory_read(ctx, to, from, n * sizeof *to)) {
    free(to);
    return NULL;
  }
  return to;
}

/* A fast wrong product must not be timed, neither Sluice's nor the vendor's: every 97th element of
 * both is checked against the rounding error bound. */
static int right(const product *p, const sl_timed *timed) {
  const shape s = p->s;
  if (s.kind != SL_PRODUCT_FORWARD) return 1;
  float *x = fetch(p->ctx, p->left, left_floats(s)), *w = fetch(p->ctx, p->right, right_floats(s)),
        *y = NULL;
  if (x && w && !sl_memory_zero(p->ctx, p->out, out_floats(s) * sizeof(float)) &&
      !sl_context_synchronize(p->ctx) && !timed->call(timed->arg) && !timed->wait(timed->arg))
    y = fetch(p->ctx, p->out, out_floats(s));
  const int ok = y && sl_bench_product_right(y, (sl_bench_terms){x, s.k, 1},
                                             (sl_bench_terms){w, s.k, 1}, s.t, s.n, s.k);
  free(x), free(w), free(y);
  return ok;
}

/* NULL, or why there is no timing. */
static const char *time_product(product *p, sl_timing *timing) {
  const sl_timed ours = {run_ours, wait_ours, p}, vendor = {run_vendor, wait_vendor, p};
  const sl_timed *other = p->vendor ? &vendor : &ours;
  if (product_make(p)) return sl_context_error(p->ctx)->message;
  if (!right(p, &ours)) return "our product is wrong, or there is none";
  if (!right(p, other)) return "the vendor's product is wrong, or there is none";
  return sl_time_pairs(timing, &ours, other) ? sl_context_error(p->ctx)->message : NULL;
}

static void measure_shape(sl_device_bench_on *on, sl_vendor *vendor, shape s) {
  s.t = (s.t + on->shrink - 1) / on->shrink, s.n = (s.n + on->shrink - 1) / on->shrink,
  s.k = (s.k + on->shrink - 1) / on->shrink;
  product p = {.ctx = on->ctx, .vendor = vendor, .s = s};
  sl_timing timing = {0};
  const char *why = time_product(&p, &timing);
  product_free(&p);
  if (why) {
    sl_bench_failed(on, s.name, why);
    return;
  }
  const double work = 2e-12 * (double)s.t * (double)s.n * (double)s.k;
  printf("%-18s %5zu x %5zu x %5zu  %8.3f TFLOP/s", s.name, s.t, s.n, s.k, work / timing.a);
  if (vendor) printf(", cuBLAS %8.3f TFLOP/s, ratio %.3f", work / timing.b, timing.ratio);
  printf("\n");
  fflush(stdout);
}

void sl_bench_products(sl_device_bench_on *on) {
  sl_vendor *vendor = NULL;
  sl_error why;
  if (!sl_context_on_device(on->ctx))
    printf("products, without a ceiling: the arrays of %s are not a device's\n",
           sl_context_backend(on->ctx));
  else if (sl_vendor_open(&vendor, &why))
    printf("products, without a ceiling: %s\n", why.message);
  else
    printf("products against cuBLAS, binary32 with TF32 off\n");
  for (size_t i = 0; i < SHAPES; i++) measure_shape(on, vendor, shapes[i]);
  sl_vendor_close(vendor);
}
