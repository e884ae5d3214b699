/* The correctly rounded functions (spec N2.1, N2.2): a strided subset against MPFR for every
 * implementation, special values, and planted failures that a sweep must find. The proofs over all
 * inputs are ci/nightly's. */
#include "ci/products/bench/function_speed.h"
#include "ci/products/sweep/sweep.h"
#include "ci/products/sweep/sweep_table.h"
#include "ci/products/sweep/function_vectors.h"

#include <criterion/criterion.h>
#include <math.h>
#include <sluice/functions.h>
#include <sluice/kernels.h>
#include <string.h>

#define STRIDE 8191 /* prime: every exponent, sign and low bit occurs */

static uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

typedef struct {
  const char *name;
  const sl_function_map *maps;
} implementation;

/* Those that this machine can run, the scalar one first. */
static size_t implementations(implementation *out) {
  static const struct {
    implementation vector;
    sl_isa isa;
  } rows[] = {{{"avx2", sl_avx2_function_maps}, SL_ISA_AVX2},
              {{"avx512", sl_avx512_function_maps}, SL_ISA_AVX512}};
  size_t n = 0;
  out[n++] = (implementation){"scalar", sl_plain_function_maps};
  for (size_t i = 0; i < 2; i++) {
    const sl_context_options options = {.backend = "cpu", .isa = rows[i].isa, .threads = 1};
    sl_context *ctx = NULL;
    sl_error err;
    if (sl_context_create(&ctx, &options, &err) == SL_OK)
      out[n++] = rows[i].vector;
    else
      cr_log_warn("%s is not tested here: %s", rows[i].vector.name, err.message);
    sl_context_destroy(ctx);
  }
  return n;
}

static sl_sweep_result run_sweep(sl_function_id f, sl_function_map map, uint64_t stride) {
  const sl_sweep_options options = {.function = f, .map = map, .stride = stride, .threads = 2};
  sl_sweep_result r;
  sl_error err;
  cr_assert_eq(sl_sweep_run(&r, &options, &err), SL_OK, "%s", err.message);
  return r;
}

Test(functions, subset_is_correctly_rounded) {
  implementation all[3];
  const size_t n = implementations(all);
  for (int f = 0; f < SL_FUNCTION_COUNT; f++)
    for (size_t i = 0; i < n; i++) {
      const sl_sweep_result r = run_sweep((sl_function_id)f, all[i].maps[f], STRIDE);
      cr_expect_eq(r.misrounded, 0, "%s %s: %zu misrounded, first 0x%08x",
                   sl_function_name((sl_function_id)f), all[i].name, (size_t)r.misrounded,
                   (unsigned)r.witness[0].x);
    }
}

/* A vector holds neighbours; its tail is one of every length. */
Test(functions, vectors_equal_scalars_in_any_tail) {
  implementation all[3];
  const size_t n = implementations(all);
  float x[40], want[40], y[41];
  for (size_t i = 0; i < 40; i++) x[i] = (float)((double)i * 0.37 - 5.0);
  for (int f = 0; f < SL_FUNCTION_COUNT; f++) {
    all[0].maps[f](want, x, 40);
    for (size_t i = 1; i < n; i++)
      for (size_t length = 0; length <= 40; length++) {
        y[length] = 77.0f;
        all[i].maps[f](y, x, length);
        cr_expect_eq(memcmp(y, want, length * sizeof *y), 0, "%s %s of %zu",
                     sl_function_name((sl_function_id)f), all[i].name, length);
        cr_expect_eq(y[length], 77.0f, "%s %s of %zu writes behind",
                     sl_function_name((sl_function_id)f), all[i].name, length);
      }
  }
}

#define QNAN 0x7fc00000u
#define INF 0x7f800000u
#define MINUS 0x80000000u
#define ONE 0x3f800000u

/* Results, as bits, at +0, -0, +inf, -inf, and at a negative number in the last column if it lies
 * outside the domain. */
static const struct {
  sl_function_id f;
  uint32_t at[4];
  int negative_is_nan;
} special[] = {
    {SL_FUNCTION_exp, {ONE, ONE, INF, 0}, 0},
    {SL_FUNCTION_log, {INF | MINUS, INF | MINUS, INF, QNAN}, 1},
    {SL_FUNCTION_expm1, {0, MINUS, INF, ONE | MINUS}, 0},
    {SL_FUNCTION_sigmoid, {0x3f000000u, 0x3f000000u, ONE, 0}, 0},
    {SL_FUNCTION_tanh, {0, MINUS, ONE, ONE | MINUS}, 0},
    {SL_FUNCTION_erf, {0, MINUS, ONE, ONE | MINUS}, 0},
    {SL_FUNCTION_atan, {0, MINUS, 0x3fc90fdbu, 0xbfc90fdbu}, 0},
    {SL_FUNCTION_rsqrt, {INF, INF, 0, QNAN}, 1},
    {SL_FUNCTION_sin, {0, MINUS, QNAN, QNAN}, 1},
    {SL_FUNCTION_cos, {ONE, ONE, QNAN, QNAN}, 1},
    {SL_FUNCTION_sech2h, {ONE, ONE, 0, 0}, 0},
    {SL_FUNCTION_gaussh, {ONE, ONE, 0, 0}, 0},
    {SL_FUNCTION_lorentz, {ONE, ONE, 0, 0}, 0},
    {SL_FUNCTION_rhypot3, {ONE, ONE, 0, 0}, 0},
};

static void expect_at(const implementation *with, sl_function_id f, float x, uint32_t want) {
  float y;
  with->maps[f](&y, &x, 1);
  cr_expect_eq(bits_of(y), want, "%s %s of %a: 0x%08x, right is 0x%08x", sl_function_name(f),
               with->name, (double)x, (unsigned)bits_of(y), (unsigned)want);
}

Test(functions, special_values) {
  implementation all[3];
  const size_t n = implementations(all);
  static const uint32_t nans[] = {0x7f800001u, 0x7fc00000u, 0x7fffffffu,
                                  0xff800001u, 0xffc00000u, 0xffffffffu};
  static const float negatives[] = {-0x1p-149f, -1.0f, -0x1.fffffep127f};
  cr_assert_eq(sizeof special / sizeof *special, SL_FUNCTION_COUNT);
  for (size_t s = 0; s < SL_FUNCTION_COUNT; s++)
    for (size_t i = 0; i < n; i++) {
      const float at[4] = {0.0f, -0.0f, INFINITY, -INFINITY};
      for (size_t k = 0; k < 4; k++) expect_at(&all[i], special[s].f, at[k], special[s].at[k]);
      for (size_t k = 0; k < 3 && special[s].negative_is_nan; k++)
        expect_at(&all[i], special[s].f, negatives[k], QNAN);
      for (size_t k = 0; k < sizeof nans / sizeof *nans; k++) {
        float x;
        memcpy(&x, &nans[k], sizeof x);
        expect_at(&all[i], special[s].f, x, QNAN);
      }
    }
}

Test(functions, ends_of_the_turns) {
  implementation all[3];
  const size_t n = implementations(all);
  for (size_t i = 0; i < n; i++) {
    expect_at(&all[i], SL_FUNCTION_sin, nextafterf(0x1p17f, INFINITY), QNAN);
    expect_at(&all[i], SL_FUNCTION_cos, nextafterf(0x1p17f, INFINITY), QNAN);
  }
}

/* Planted: one ulp at one input of the subset. */
#define WRONG_AT (STRIDE * 130000u)

static void one_ulp_once(float *y, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++)
    y[i] = bits_of(x[i]) == WRONG_AT ? nextafterf(sl_fn_exp(x[i]), INFINITY) : sl_fn_exp(x[i]);
}

Test(functions, sweep_finds_one_wrong_ulp) {
  const sl_sweep_result right =
      run_sweep(SL_FUNCTION_exp, sl_plain_function_maps[SL_FUNCTION_exp], STRIDE);
  const sl_sweep_result r = run_sweep(SL_FUNCTION_exp, one_ulp_once, STRIDE);
  cr_expect_eq(right.misrounded, 0);
  cr_expect_eq(r.misrounded, 1);
  cr_expect_eq(r.witness[0].x, WRONG_AT);
  cr_expect_eq(r.witness[0].got, r.witness[0].want + 1);
  cr_expect(r.digest.low != right.digest.low || r.digest.high != right.digest.high);
}

/* The table's digests are compared with what the scalar sweep gave. */
Test(functions, table_finds_one_wrong_ulp) {
  const sl_function_map maps[] = {sl_plain_function_maps[SL_FUNCTION_exp], one_ulp_once};
  for (int wrong = 0; wrong < 2; wrong++) {
    const sl_sweep_options options = {
        .function = SL_FUNCTION_exp, .map = maps[wrong], .stride = STRIDE, .threads = 2};
    const sl_sweep_result r = run_sweep(SL_FUNCTION_exp, maps[wrong], STRIDE);
    sl_sweep_row row;
    sl_error err;
    cr_assert_eq(sl_sweep_table_measure(&row, &options, &r, &err), SL_OK, "%s", err.message);
    for (int i = 0; i < SL_SWEEP_SETS; i++)
      cr_expect(!row.set[i].here || row.set[i].equal == !wrong);
    cr_expect(!row.set[0].here || row.equal == !wrong);
  }
}

/* Planted: log with its polynomial cut short, atan evaluated in binary32, erf with the sign of
 * zero lost. */
static void short_log(float *y, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const double m = (double)x[i] - 1.0;
    y[i] = fabs(m) < 0x1p-9 ? (float)(m * (1 - m * (0.5 - m / 3))) : sl_fn_log(x[i]);
  }
}

static void float_atan(float *y, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] = atanf(x[i]);
}

static void unsigned_erf(float *y, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] = sl_fn_erf(x[i]) + 0.0f;
}

static void careless_nan(float *y, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++) y[i] = isnan(x[i]) ? x[i] : sl_fn_tanh(x[i]);
}

Test(functions, sweep_finds_planted_functions) {
  cr_expect_gt(run_sweep(SL_FUNCTION_log, short_log, 101).misrounded, 0, "polynomial cut short");
  cr_expect_gt(run_sweep(SL_FUNCTION_atan, float_atan, STRIDE).misrounded, 0, "binary32 inside");
  cr_expect_gt(run_sweep(SL_FUNCTION_erf, unsigned_erf, (uint64_t)1 << 31).misrounded, 0,
               "sign of zero");
  cr_expect_gt(run_sweep(SL_FUNCTION_tanh, careless_nan, STRIDE).misrounded, 0, "payload of a NaN");
}

/* The first is that of the SplitMix64 generator with seed 0, the others are from a second program
 * (spec F5.1). */
Test(functions, mix64_known_values) {
  cr_expect_eq(sl_mix64(0, 0), 0xe220a8397b1dcdafu);
  cr_expect_eq(sl_mix64(0x3f800000u, 0x402df854u), 0xdbdeff1fa80b0ca1u);
  cr_expect_eq(sl_mix64(0xffffffffu, 0x7fc00000u), 0x96cc28339b3d40eu);
}
