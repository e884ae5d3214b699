/* Defects: wrong semantics of the executor, and instructions of the PTX that were edited. Each must
 * show in the bits or the findings of a kernel. */
#include "ci/products/simulate/simulated.h"
#include "kernels/simt/ptx/ptx.h"
#include "kernels/simt/simulation.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define SEEDS 40

/* Returns how many seeds fail and prints the first. */
static int failing(const char *what, sl_kernel_id kernel, int smallest) {
  int n = 0;
  for (uint64_t seed = 1; seed <= SEEDS; seed++) {
    sl_simulated run;
    sl_error err;
    const sl_simulated_problem problem = {kernel, seed, seed, SL_SIMULATED_SHRINK, smallest, 90};
    if (sl_simulated_run(&run, &problem, &err) && n++ == 0) printf("%s: %s\n", what, err.message);
  }
  return n;
}

static int plant_index(const char *name) {
  const sl_ptx_plant *plants;
  const size_t n = sl_ptx_plants(&plants);
  for (size_t i = 0; i < n; i++)
    if (strcmp(plants[i].name, name) == 0) return (int)i;
  cr_assert(0, "no plant '%s'", name);
  return -1;
}

static void expect_plant_found(const char *name, sl_kernel_id kernel) {
  sl_ptx_set_plant(plant_index(name));
  const int found = failing(name, kernel, 1);
  sl_ptx_set_plant(-1);
  printf("%s: found in %s under %d of %d seeds\n", name, sl_equiv_kernel_name(kernel), found,
         SEEDS);
  cr_expect_gt(found, 0, "%s is not found in %s", name, sl_equiv_kernel_name(kernel));
}

/* No kernel shifts by the width or more, so none tests the clamp: test_ptx_forms.c does. */
Test(ptx_plants, wrong_semantics_are_found) {
  expect_plant_found("fused", SL_KERNEL_rmsnorm_backward);
  expect_plant_found("selp_swapped", SL_KERNEL_attention_forward);
  expect_plant_found("selp_swapped", SL_KERNEL_linear_forward);
  expect_plant_found("guard_dropped", SL_KERNEL_residual_add);
}

/* An edit of the PTX: in entries whose name holds `entry`. */
typedef struct {
  const char *entry, *from, *to;
  sl_kernel_id kernel;
} edit;

/* One of the first few such instructions: some stand in paths that these problems never take. */
static void expect_edit_found(const edit *e) {
  enum { MOST = 24 };
  int found = 0;
  sl_backend_add(sl_ptx_backend());
  for (size_t which = 0; !found && which < MOST; which++) {
    char what[200];
    snprintf(what, sizeof what, "%s: '%.40s' no. %zu to '%.40s'", e->entry, e->from, which, e->to);
    if (sl_ptx_edit(e->entry, e->from, e->to, which) == 0) break;
    found = failing(what, e->kernel, 1);
    sl_ptx_unedit();
    if (found) printf("%s: found under %d of %d seeds\n", what, found, SEEDS);
  }
  cr_expect_gt(found, 0, "%s: '%s' to '%s' is not found", e->entry, e->from, e->to);
}

Test(ptx_plants, an_edited_instruction_is_found) {
  static const edit edits[] = {
      {"residual_add_kernel", "add.rn.f32", "mul.rn.f32", SL_KERNEL_residual_add},
      {"rmsnorm_forward_kernel", "div.rn.f32", "mul.rn.f32", SL_KERNEL_rmsnorm_forward},
      {"rmsnorm_backward_kernel", "shfl.sync.down", "shfl.sync.idx", SL_KERNEL_rmsnorm_backward},
      {"swiglu_forward_kernel", "mul.rn.f64", "add.rn.f64", SL_KERNEL_swiglu_forward},
      {"rope_kernel", "mul.rn.f32", "add.rn.f32", SL_KERNEL_rope_forward},
      {"kv_store_kernel", "bar.sync \t0;", "", SL_KERNEL_kv_store},
      {"gemm_kernel", "cp.async.wait_group 0;", "cp.async.wait_group 1;", SL_KERNEL_linear_forward},
      {"gemm_kernel", "bar.sync \t0;", "", SL_KERNEL_linear_input_grad},
      {"adamw_kernel", "sqrt.rn.f32", "abs.f32", SL_KERNEL_adamw_step},
      {"square_chunks_kernel", "add.rn.f64", "sub.rn.f64", SL_KERNEL_grad_square_sum},
      {"digest_kernel", "mul.lo.s64", "add.s64", SL_KERNEL_tensor_digest},
      {"embedding_grad_kernel", "add.rn.f32", "mul.rn.f32", SL_KERNEL_embedding_grad},
      {"attention_delta_kernel", "add.rn.f32", "mul.rn.f32", SL_KERNEL_attention_backward}};
  for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) expect_edit_found(&edits[i]);
}

/* Copies that land at once hide a wait that is not there: what an early executor calls clean, the
 * right one does not. */
Test(ptx_plants, an_early_copy_would_hide_a_lost_wait) {
  sl_backend_add(sl_ptx_backend());
  for (int early = 0; early < 2; early++) {
    sl_ptx_set_plant(early ? plant_index("copy_early") : -1);
    cr_assert_gt(sl_ptx_edit("gemm_kernel", "cp.async.wait_group 0;", "cp.async.wait_group 1;", 0),
                 0);
    const int found = failing("a lost wait", SL_KERNEL_linear_weight_grad, 1);
    printf("a lost wait, copies land %s: found under %d of %d seeds\n",
           early ? "at once" : "at the wait", found, SEEDS);
    cr_expect(early ? found == 0 : found > 0);
    sl_ptx_unedit();
  }
  sl_ptx_set_plant(-1);
}
