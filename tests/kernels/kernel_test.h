/* What the kernel tests share: contexts of every backend, instruction set and thread count, seeded
 * inputs, and the one comparison: bit equality. */
#ifndef SLUICE_KERNEL_TEST_H
#define SLUICE_KERNEL_TEST_H

#include <sluice/kernels.h>

#include <stddef.h>
#include <stdint.h>

/* The plain context, which defines the bits, and the contexts whose bits must equal its own:
 * cpu with AVX2 and AVX-512 where this machine has it (an absent one is printed), threads 1, 2
 * and 5. */
sl_context *plain_context(void);
size_t cpu_contexts(sl_context *const **list);

/* Inputs: splitmix64 from a seed that is printed with every failure. */
typedef struct {
  uint64_t state, seed;
} source;
source seeded(uint64_t seed);
uint64_t next_u64(source *s);
uint32_t next_below(source *s, uint32_t n);

/* Kinds of numbers: usual ones; a mix of magnitudes, zeros of both signs and subnormals; one
 * value everywhere. */
typedef enum { USUAL, MIXED, CONSTANT, KINDS } kind;
/* n floats, from malloc, at an odd multiple of 4 bytes (alignment must not affect a result);
 * release with free_floats. */
float *new_floats(source *s, kind k, size_t n);
float *zero_floats(size_t n);
void free_floats(float *x);

/* Offsets of n_seq sequences of the given lengths, or of lengths below `longest` that include 0 and
 * 1; n_seq + 1 entries, from malloc. */
uint32_t *new_seq(const uint32_t *length, size_t n_seq);
uint32_t *random_seq(source *s, size_t n_seq, uint32_t longest);

/* 1 if n bytes agree; else says where they part, as floats if n is a multiple of 4. */
int same_bits(const char *what, const void *got, const void *want, size_t n);

/* Runs `run` in the plain context and in each cpu context on outputs of `floats` floats that start
 * as copies of `initial` (zeros where NULL) and stand before a guard; 1 if every context gives the
 * plain bits each time, leaves the guard, and takes no memory in the end. */
typedef sl_status (*kernel_run)(sl_context *ctx, void *arg, float *out);
int all_contexts_agree(const char *what, kernel_run run, void *arg, const float *initial,
                       size_t floats);
/* 1 if the two give the same bits in the plain context: what a planted failure must fail. */
int runs_agree(const char *what, kernel_run a, kernel_run b, void *arg, const float *initial,
               size_t floats);

#endif
