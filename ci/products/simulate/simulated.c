/* One simulated run: a problem of the equivalence gate, in a context of the backend simt or ptx,
 * under a seed. */
#include "simulated.h"

#include "kernels/core/context.h"
#include "kernels/simt/ptx/ptx.h"
#include "kernels/simt/simulation.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void sl_simt_smallest_tiles(sl_context *ctx, int smallest); /* kernels/cuda/backend.cu */

/* The line that replays it: the command has the chunks of spec N1.8, a test program with tiny ones
 * replays itself. */
static void describe(sl_simulated *run, const sl_simulated_problem *how) {
  const char *name = sl_equiv_kernel_name(how->kernel);
  if (SL_DOT_CHUNK == 256) {
    const char *plant = sl_simulation_planted();
    snprintf(run->replay, sizeof run->replay,
             "sluice simulate %s --case %" PRIu64 " --seed %" PRIu64 "%s%s%s%s%s", name,
             how->problem, how->seed, how->shrink == SL_SIMULATED_SHRINK ? "" : " --shape large",
             how->smallest_tiles ? "" : " --tiles production",
             how->ptx == 0    ? ""
             : how->ptx == 90 ? " --ptx"
                              : " --ptx=80",
             plant ? " --plant " : "", plant ? plant : "");
  } else {
    snprintf(run->replay, sizeof run->replay,
             "SLUICE_SEED=%" PRIu64 " SLUICE_SEEDS=1 test-%s-kernels-tiny --filter '%s_kernels/%s'",
             how->seed, how->ptx ? "ptx" : "simt", how->ptx ? "ptx" : "simt", name);
  }
}

static sl_status check(sl_simulated *run, sl_equiv_trial *trial, const sl_simulated_problem *how,
                       sl_error *err) {
  sl_context *ctx;
  const char *backend = how->ptx ? "ptx" : "simt";
  if (how->ptx) sl_ptx_architecture(how->ptx);
  sl_simulation_begin(how->seed);
  sl_status status = sl_context_create(&ctx, &(sl_context_options){backend, SL_ISA_BEST, 1}, err);
  if (status) return status;
  sl_simt_smallest_tiles(ctx, how->smallest_tiles);
  status = sl_equiv_check(trial, ctx, err);
  run->accesses = sl_simulation_accesses(), run->findings = sl_simulation_findings();
  run->instructions = sl_ptx_instructions();
  if (run->findings) {
    char finding[400], bits[400];
    sl_simulation_describe(0, finding, sizeof finding);
    snprintf(bits, sizeof bits, "%.399s", status ? err->message : "the bits are those of plain");
    status = sl_fail(err, SL_ERR_MISMATCH, "%s\n%s", finding, bits);
  }
  sl_context_destroy(ctx);
  return status;
}

sl_status sl_simulated_run(sl_simulated *run, const sl_simulated_problem *how, sl_error *err) {
  sl_context *golden;
  sl_equiv_trial *trial = NULL;
  memset(run, 0, sizeof *run);
  describe(run, how);
  sl_backend_add(sl_simt_backend());
  sl_backend_add(sl_ptx_backend());
  sl_status status =
      sl_context_create(&golden, &(sl_context_options){"plain", SL_ISA_BEST, 1}, err);
  if (status) return status;
  status = sl_equiv_begin_small(&trial, how->kernel, how->problem, how->shrink, golden, err);
  if (!status) {
    snprintf(run->shape, sizeof run->shape, "%s", sl_equiv_shape(trial));
    status = check(run, trial, how, err);
  }
  sl_equiv_end(trial);
  sl_context_destroy(golden);
  return status;
}
