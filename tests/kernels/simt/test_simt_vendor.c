/* The backend cublas without a device: its source on the simulator, over a stand-in for cuBLAS that
 * sums in another order than spec N3.2 (kernels/simt/cublas). The equivalence gate's problems of
 * the linear layers lie within their bounds, the simulator finds nothing, and calls that are wrong
 * are caught. */
#include "ci/products/equiv/equiv.h"
#include "kernels/simt/cublas/plant.h"
#include "kernels/simt/simulation.h"
#include "kernels/vendor/vendor.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define SEEDS 30
#define SHRINK 32

static const sl_kernel_id linear[] = {SL_KERNEL_linear_pack, SL_KERNEL_linear_forward,
                                      SL_KERNEL_linear_input_grad, SL_KERNEL_linear_weight_grad};
enum { LINEAR = sizeof linear / sizeof *linear };

static sl_context *open_context(const char *backend, uint64_t seed) {
  sl_context *ctx;
  sl_error err;
  sl_simulation_begin(seed);
  sl_backend_add(sl_simt_cublas_backend());
  cr_assert_eq(
      sl_context_create(&ctx, &(sl_context_options){.backend = backend, .threads = 1}, &err), SL_OK,
      "%s", err.message);
  return ctx;
}

typedef struct {
  int failed, said, findings;
  char first[800]; /* of the failures */
} outcome;

static outcome check(sl_kernel_id kernel, uint64_t seeds) {
  outcome o = {0};
  for (uint64_t seed = 1; seed <= seeds; seed++) {
    sl_equiv_trial *trial;
    sl_error err;
    sl_context *golden = open_context("plain", seed);
    cr_assert_eq(sl_equiv_begin_small(&trial, kernel, seed, SHRINK, golden, &err), SL_OK, "%s",
                 err.message);
    sl_context *ctx = open_context("cublas", seed);
    const sl_status status = sl_equiv_check(trial, ctx, &err);
    const size_t findings = sl_simulation_findings();
    if (findings && !status) sl_simulation_describe(0, err.message, sizeof err.message);
    if ((status || findings) && o.failed++ == 0)
      snprintf(o.first, sizeof o.first, "seed %d: %.700s", (int)seed, err.message);
    o.said += sl_equiv_says_something(trial), o.findings += (int)findings;
    sl_equiv_end(trial);
    sl_context_destroy(ctx), sl_context_destroy(golden);
  }
  return o;
}

Test(simt_vendor, linear_layers_lie_within_their_bounds_under_every_schedule) {
  for (int i = 0; i < LINEAR; i++) {
    const unsigned before = sl_simulation_cublas_calls();
    const outcome o = check(linear[i], SEEDS);
    const char *name = sl_equiv_kernel_name(linear[i]);
    cr_expect_eq(o.failed, 0, "%s: %d of %d fail, first %s", name, o.failed, SEEDS, o.first);
    cr_expect_gt(o.said, SEEDS / 4, "%s says little", name);
    cr_expect_gt(sl_simulation_cublas_calls(), before + SEEDS, "%s hardly calls the library", name);
  }
}

Test(simt_vendor, the_rest_is_the_cuda_backend) {
  const unsigned before = sl_simulation_cublas_calls();
  const outcome o = check(SL_KERNEL_rmsnorm_forward, 5), head = check(SL_KERNEL_logprob_forward, 5);
  cr_expect_eq(o.failed + head.failed, 0, "%s %s", o.first, head.first);
  cr_expect_eq(sl_simulation_cublas_calls(), before);
}

/* What each wrong call is seen in. */
static const struct {
  sl_cublas_plant plant;
  sl_kernel_id kernel;
  const char *what;
} plants[] = {
    {SL_CUBLAS_PLANT_LEADING_DIMENSION, SL_KERNEL_linear_forward,
     "a leading dimension one too small"},
    {SL_CUBLAS_PLANT_LEADING_DIMENSION, SL_KERNEL_linear_input_grad,
     "a leading dimension one too small"},
    {SL_CUBLAS_PLANT_LEADING_DIMENSION, SL_KERNEL_linear_weight_grad,
     "a leading dimension one too small"},
    {SL_CUBLAS_PLANT_BETA_DROPPED, SL_KERNEL_linear_forward, "a bias that the product overwrites"},
    {SL_CUBLAS_PLANT_BETA_DROPPED, SL_KERNEL_linear_input_grad, "parts that overwrite one another"},
    {SL_CUBLAS_PLANT_BETA_DROPPED, SL_KERNEL_linear_weight_grad, "a running total that is lost"},
    {SL_CUBLAS_PLANT_BETA_ALWAYS, SL_KERNEL_linear_forward,
     "an output that is added to what was there"},
    {SL_CUBLAS_PLANT_BETA_ALWAYS, SL_KERNEL_linear_input_grad,
     "a first part that is added to what was there"},
    {SL_CUBLAS_PLANT_NOT_TRANSPOSED, SL_KERNEL_linear_forward, "an operand that is not transposed"},
    {SL_CUBLAS_PLANT_NOT_TRANSPOSED, SL_KERNEL_linear_weight_grad, "an operand that is transposed"},
    {SL_CUBLAS_PLANT_NO_STREAM, SL_KERNEL_linear_forward, "products in a stream of their own"},
    {SL_CUBLAS_PLANT_NOT_REPEATABLE, SL_KERNEL_linear_forward,
     "sums whose order differs from call to call"},
};

Test(simt_vendor, wrong_calls_are_caught) {
  for (size_t i = 0; i < sizeof plants / sizeof *plants; i++) {
    sl_simulation_cublas_plant(plants[i].plant);
    const outcome o = check(plants[i].kernel, 12);
    sl_simulation_cublas_plant(SL_CUBLAS_PLANT_NONE);
    printf("%s, %s: %d of 12 fail, first %s\n", sl_equiv_kernel_name(plants[i].kernel),
           plants[i].what, o.failed, o.first);
    cr_expect_gt(o.failed, 0, "%s: %s was not caught", sl_equiv_kernel_name(plants[i].kernel),
                 plants[i].what);
  }
}

Test(simt_vendor, named_and_refusing) {
  sl_context *ctx = open_context("cublas", 1);
  cr_expect_str_eq(sl_context_backend(ctx), "cublas+simt");
  cr_expect_eq(sl_context_on_device(ctx), 1);
  cr_expect_eq(sl_linear_pack_bytes(ctx, 64, 64, SL_PACK_FORWARD), 0u);
  float y = 0.0f, x = 0.0f;
  const size_t huge = (size_t)1 << 31;
  cr_expect_eq(sl_linear_forward(ctx, &y, &x, &x, NULL, NULL, 0, huge, 0), SL_ERR_INPUT);
  cr_expect(strstr(sl_context_error(ctx)->message, "beyond cuBLAS's int"), "%s",
            sl_context_error(ctx)->message);
  sl_context_destroy(ctx);
}
