/* Kernels on problems that the equivalence gate does not draw, in plain and in a simulated context
 * of the backend FAMILIES_BACKEND ("simt" where it is not given): bits of plain, no finding. */
#ifndef SLUICE_TEST_FAMILIES_H
#define SLUICE_TEST_FAMILIES_H

#include "tests/kernels/kernel_test.h"

#include <sluice/gate.h>

#define HELD_MAX 32
#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Memory of one run in a context. odd: arrays begin 4 bytes after a multiple of 64. */
typedef struct {
  sl_context *ctx;
  void *held[HELD_MAX];
  size_t n;
  int odd;
} memory;
void *hold(memory *m, const void *initial, size_t bytes);
void *hold_zeros(memory *m, size_t bytes);
void release(memory *m);

sl_context *simulated(uint64_t seed, int smallest);
void expect_ok(sl_context *ctx, sl_status status);

/* Runs `run`, which gives `floats` results, in plain and in a simulated context. check: the seed is
 * `floats`. */
typedef void (*in_context)(memory *m, const void *problem, float *result);
void check(const char *what, in_context run, const void *problem, size_t floats, int smallest,
           int odd);
void check_seeded(const char *what, in_context run, const void *problem, size_t floats,
                  int smallest, int odd, uint64_t seed);

typedef struct {
  uint32_t length[4];
  size_t n_seq, heads, kv_heads, d;
} sequences;
/* Forward and backward; seed 0: that of check. */
void check_attention(sequences p, int smallest, int odd, uint64_t seed);

typedef struct {
  size_t b, heads, kv_heads, d, capacity;
  uint32_t position[4];
} decoding;
void run_decode(memory *m, const void *problem, float *result); /* b * heads * d floats */

typedef struct {
  sl_objective objective;
  uint32_t length[4];
  float new_at[2]; /* token and what its logp_new is; none where the token is negative */
  int by_token;    /* advantages of tokens; with 2 that of token 4 is NaN */
} loss;
enum { LOSS_SEQS = 4, SUMS_FLOATS = sizeof(sl_loss_sums) / sizeof(float) };
size_t loss_tokens(const loss *p);
sl_status loss_in(memory *m, const loss *p, float *d, float *e, sl_loss_sums *sums);
void run_loss(memory *m, const void *problem,
              float *result); /* 2 tokens + LOSS_SEQS * SUMS_FLOATS floats */

/* A gate in the loss, and one from a text with every function. */
void check_gate(const char *name, const sl_gate *gate);
void check_gate_of_every_function(void);

#endif
