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

/* How the command asks for the PTX of an architecture, 80 or 90; 0 is the source. */
static const char *ptx_option(int architecture) {
  if (architecture == 0) return "";
  return architecture == 90 ? " --ptx" : " --ptx=80";
}

/* The line that replays it: the command has the chunks of spec N1.8, a test program with tiny ones
 * replays itself. */
static void describe(sl_simulated *run, const sl_simulated_problem *problem) {
  const char *name = sl_equiv_kernel_name(problem->kernel);
  if (SL_DOT_CHUNK == 256) {
    const char *plant = sl_simulation_planted();
    snprintf(run->replay, sizeof run->replay,
             "sluice simulate %s --case %" PRIu64 " --seed %" PRIu64 "%s%s%s%s%s", name,
             problem->problem, problem->seed,
             problem->shrink == SL_SIMULATED_SHRINK ? "" : " --shape large",
             problem->smallest_tiles ? "" : " --tiles production", ptx_option(problem->ptx),
             plant ? " --plant " : "", plant ? plant : "");
  } else {
    const char *backend = problem->ptx ? "ptx" : "simt";
    snprintf(run->replay, sizeof run->replay,
             "SLUICE_SEED=%" PRIu64 " SLUICE_SEEDS=1 test-%s-kernels-tiny --filter '%s_kernels/%s'",
             problem->seed, backend, backend, name);
  }
}

/* What a message of the equivalence gate says behind kernel, case and shape. */
static const char *behind_shape(const char *message, const char *shape) {
  const char *at = strstr(message, shape);
  return at ? at + strlen(shape) + strlen(": ") : message;
}

/* A launch that was never run; else the first finding, and the bits where they differ too. A
 * finding that ended the kernel is the message of the comparison as well: it is said once. */
static sl_status report(const sl_simulated *run, sl_status status, sl_error *err) {
  char finding[400], bits[400];
  const char *failure = sl_simulation_failure();
  if (failure) return sl_fail(err, SL_ERR_INPUT, "%s", failure);
  snprintf(bits, sizeof bits, "%.399s",
           status ? behind_shape(err->message, run->shape) : "the bits are those of plain");
  if (!run->findings) return status ? sl_fail(err, status, "%s", bits) : SL_OK;
  sl_simulation_describe(0, finding, sizeof finding);
  if (strstr(bits, finding)) return sl_fail(err, SL_ERR_MISMATCH, "%s", finding);
  return sl_fail(err, SL_ERR_MISMATCH, "%s\n%s", finding, bits);
}

/* Every second seed runs in a stream of the caller's, on another device than the thread's. */
static void lend_stream(sl_context_options *options, const sl_simulated_problem *problem) {
  if (problem->ptx || problem->seed % 2) return;
  options->device = 1;
  sl_simulation_set_device(options->device);
  options->stream = sl_simulation_stream();
  sl_simulation_set_device(0);
}

static sl_status check(sl_simulated *run, sl_equiv_trial *trial,
                       const sl_simulated_problem *problem, sl_error *err) {
  sl_context *ctx;
  sl_context_options options = {.backend = problem->ptx ? "ptx" : "simt", .threads = 1};
  if (problem->ptx) sl_ptx_architecture(problem->ptx);
  sl_simulation_begin(problem->seed);
  lend_stream(&options, problem);
  sl_status status = sl_context_create(&ctx, &options, err);
  if (status) return status;
  sl_simt_smallest_tiles(ctx, problem->smallest_tiles);
  status = sl_equiv_check(trial, ctx, err);
  run->accesses = sl_simulation_accesses(), run->findings = sl_simulation_findings();
  run->instructions = sl_ptx_instructions();
  status = report(run, status, err);
  sl_context_destroy(ctx);
  return status;
}

sl_status sl_simulated_run(sl_simulated *run, const sl_simulated_problem *problem, sl_error *err) {
  sl_context *golden;
  sl_equiv_trial *trial = NULL;
  memset(run, 0, sizeof *run);
  describe(run, problem);
  sl_backend_add(sl_simt_backend());
  sl_backend_add(sl_ptx_backend());
  sl_status status =
      sl_context_create(&golden, &(sl_context_options){.backend = "plain", .threads = 1}, err);
  if (status) return status;
  status =
      sl_equiv_begin_small(&trial, problem->kernel, problem->problem, problem->shrink, golden, err);
  if (!status) {
    snprintf(run->shape, sizeof run->shape, "%s", sl_equiv_shape(trial));
    status = check(run, trial, problem, err);
  }
  sl_equiv_end(trial);
  sl_context_destroy(golden);
  return status;
}
