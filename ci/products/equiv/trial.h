/* Internals of a trial, for the files that run and compare it. */
#ifndef SLUICE_EQUIV_TRIAL_H
#define SLUICE_EQUIV_TRIAL_H

#include "equiv.h"
#include "problem.h"

/* Copies of a problem's arrays for one run. */
typedef struct {
  unsigned char *memory;
  unsigned char *at[SL_ARRAYS_MAX]; /* NULL for an absent array */
} sl_copies;

struct sl_equiv_trial {
  sl_kernel_id kernel;
  uint64_t seed;
  sl_problem problem;
  sl_copies golden, other, again; /* again: a second run, for invariance */
  unsigned runs;
};

#define SL_TRIAL_SHIFTS \
  16u /* alignments that are tried: multiples of 8 bytes, or of 4 where the type allows */

/* Bytes before and after each array that nobody may write. */
#define SL_GUARD_BYTES 256u
unsigned char sl_guard_byte(const sl_array *a);

size_t sl_array_bytes(const sl_array *a);

/* Runs the problem in ctx on copies whose alignment and poison belong to `layout`. */
sl_status sl_trial_run(sl_equiv_trial *t, sl_copies *c, sl_context *ctx, unsigned layout);
/* Memory for the third set of copies; SL_ERR_MEMORY. */
sl_status sl_trial_again(sl_equiv_trial *t);

/* Says where two arrays part, as tensor[index] with both patterns. */
void sl_trial_describe(char *text, size_t size, const sl_array *array, const unsigned char *got,
                       const unsigned char *want);
/* A run of the same problem in the third set of copies, with that layout: SL_ERR_MISMATCH, and what
 * differs from the run in `other`, as text. */
sl_status sl_trial_repeat(char *text, size_t size, sl_equiv_trial *t, sl_context *ctx,
                          unsigned layout);
/* SL_ERR_MISMATCH with kernel, seed, shape and context before the text. */
sl_status sl_trial_fail(sl_error *err, const sl_equiv_trial *t, const sl_context *ctx,
                        const char *text);

#endif
