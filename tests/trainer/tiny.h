/* Trainers so small that a whole run takes a fraction of a second. */
#ifndef SLUICE_TESTS_TINY_H
#define SLUICE_TESTS_TINY_H

#include "trainer/run/run_state.h"

#define TINY_SETS_MAX 64

/* The tiny configuration as --set arguments, then `extra`, a NULL-terminated list of further ones;
 * returns how many. */
size_t tiny_sets(const char *out[TINY_SETS_MAX], const char *const *extra);

/* A run of the tiny configuration. NULL, and a printed line, if this build lacks the backend; any
 * other error fails the test. */
sl_run_state *tiny_trainer(const char *const *extra);

/* Steps of a phase; each must succeed. */
void tiny_sft(sl_run_state *run, int steps);
void tiny_begin_rl(sl_run_state *run); /* ends the warm start */
int tiny_rl(sl_run_state *run,
            int steps); /* how many of them had groups of unequal rewards and ratios off 1 */

/* The state hash (spec F4.2). */
const char *tiny_hash(const sl_run_state *run);

/* The hashes of a run: after the warm start, and after each rollout. */
enum { TINY_WARM_STEPS = 8, TINY_ROLLOUTS = 20 };
typedef struct {
  char after_warm_start[SL_DIGEST_TEXT], after[TINY_ROLLOUTS][SL_DIGEST_TEXT];
} tiny_hashes;

/* The run of a backend ("run.backend=cpu"): TINY_WARM_STEPS and up to TINY_ROLLOUTS; how many
 * rollouts taught, as tiny_rl counts them. */
int tiny_run(tiny_hashes *out, const char *backend, int rollouts);
void tiny_expect_hashes(const tiny_hashes *got, const tiny_hashes *cpu, int rollouts);

/* A seed that differs from run to run, or SLUICE_TEST_SEED; printed. */
uint64_t tiny_seed(const char *test);
#endif
