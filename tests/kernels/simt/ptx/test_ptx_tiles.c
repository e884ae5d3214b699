/* Every entry of the PTX runs at least once, in one process that counts: the equivalence gate's
 * small problems, and shapes that choose what those never do: products of every tile, layout and
 * width of loads, whole and split by chunks; heads of more than 64 and of more than 128 components;
 * a gate from a file. Bits of plain, no finding. */
#include "ci/products/simulate/simulated.h"
#include "kernels/simt/ptx/ptx.h"
#include "tests/kernels/simt/families.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* C = A B for each of the three layouts: m x n results of k terms. */
typedef struct {
  size_t m, n, k;
} product;

static void run_products(memory *m, const void *problem, float *result) {
  const product *p = problem;
  const size_t results = p->m * p->n;
  source s = seeded(p->m + p->n + p->k);
  float *const a = new_floats(&s, USUAL, p->m * p->k), *const b =
                                                           new_floats(&s, USUAL, p->n * p->k);
  const float *const on_a = hold(m, a, p->m * p->k * sizeof *a), *const on_b = hold(
                                                                     m, b, p->n * p->k * sizeof *b);
  const uint32_t seq[] = {0, (uint32_t)p->k};
  const sl_linear_part part = {on_a, on_b, NULL, p->k};
  float *out[3];
  for (int i = 0; i < 3; i++) out[i] = hold_zeros(m, results * sizeof *a);
  expect_ok(m->ctx, sl_linear_forward(m->ctx, out[0], on_a, on_b, NULL, NULL, p->m, p->n, p->k));
  expect_ok(m->ctx, sl_linear_input_grad(m->ctx, out[1], &part, 1, p->m, p->n));
  expect_ok(m->ctx, sl_linear_weight_grad(m->ctx, out[2], NULL, on_a, on_b, seq, 1, p->m, p->n));
  for (int i = 0; i < 3; i++)
    expect_ok(m->ctx, sl_memory_read(m->ctx, result + (size_t)i * results, out[i],
                                     results * sizeof *result));
  free_floats(a), free_floats(b);
}

/* Rows choose the tile: at most 8, at most 64, more. Terms: one chunk, and as many as make
 * splitting pay. All sizes a multiple of 4 and not. */
static void products(uint64_t seed) {
  static const product list[] = {{8, 64, 64},  {5, 63, 63},  {8, 64, 1028}, {5, 63, 1027},
                                 {64, 64, 64}, {61, 63, 63}, {64, 64, 516}, {61, 63, 515},
                                 {68, 72, 64}, {67, 70, 63}, {68, 72, 260}, {67, 70, 259}};
  static const product small[] = {{16, 20, 64}, {15, 19, 63}, {16, 20, 516}, {15, 19, 515}};
  for (size_t i = 0; i < COUNT(list); i++)
    check_seeded("product", run_products, &list[i], 3 * list[i].m * list[i].n, 0, 0, seed);
  for (size_t i = 0; i < COUNT(small); i++)
    check_seeded("product", run_products, &small[i], 3 * small[i].m * small[i].n, 1, 0, seed);
}

/* Components choose the tile, and so does the shared memory that the seed's device grants.
 * Sequences end in a tile, at its end, and in the second chunk of keys. */
static void heads(uint64_t seed) {
  static const size_t d[] = {31, 64, 63, 128, 99, 256, 255};
  for (size_t i = 0; i < COUNT(d); i++) {
    const uint32_t longest = i % 2 ? 17 : SL_KEY_CHUNK + 3;
    check_attention((sequences){{longest, 3}, 2, 2, 1, d[i]}, d[i] < 32, 0, seed);
    const decoding p = {4, 2, 1, d[i], i % 2 ? 132 : 131, {0, 127, 128, 130}};
    check_seeded("decoding", run_decode, &p, p.b * p.heads * p.d, 0, 0, seed);
  }
}

static void small_problems(uint64_t seed) {
  static const sl_kernel_id kernels[] = {
#define SL_CUDA_KERNEL(name) SL_KERNEL_##name,
#include "kernels/cuda/cuda.def"
#undef SL_CUDA_KERNEL
  };
  for (size_t i = 0; i < COUNT(kernels); i++)
    for (int smallest = 0; smallest < 2; smallest++) {
      sl_simulated run;
      sl_error err;
      const sl_simulated_problem problem = {kernels[i],          seed,     seed,
                                            SL_SIMULATED_SHRINK, smallest, 90};
      cr_assert_eq(sl_simulated_run(&run, &problem, &err), SL_OK, "%s\nreplay: %s", err.message,
                   run.replay);
    }
}

/* What the seeds' devices have: 4, 4 and 3 multiprocessors (an odd number never gets the large
 * tile), and shared memory of 99, 163 and 227 KiB for a block. */
static const uint64_t devices[] = {2, 3, 14};
enum { SMALL_SEEDS = 20 };

/* No entry is exempt. */
Test(ptx_tiles, every_entry_runs) {
  for (uint64_t seed = 1; seed <= SMALL_SEEDS; seed++) small_problems(seed);
  for (size_t i = 0; i < COUNT(devices); i++) {
    if (i != 1) products(devices[i]);
    heads(devices[i]);
  }
  check_gate_of_every_function();
  const sl_ptx_covered *list;
  size_t n, executed = 0, all = 0;
  const char *const wrong = sl_ptx_coverage(&list, &n);
  cr_assert_null(wrong, "%s", wrong);
  for (size_t i = 0; i < n; i++) {
    executed += list[i].executed, all += list[i].instructions;
    cr_expect_gt(list[i].executed, 0, "%s did not run", list[i].name);
  }
  printf("%zu entries, %zu of their %zu instructions executed\n", n, executed, all);
  cr_expect_gt(n, 0);
}
