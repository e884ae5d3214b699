/* Internals of the equivalence gate: problems and how cases make them. */
#ifndef SLUICE_EQUIV_PROBLEM_H
#define SLUICE_EQUIV_PROBLEM_H

#include <sluice/kernels.h>

#include <stddef.h>
#include <stdint.h>

/* Random numbers: splitmix64 (Steele, Lea, Flood 2014). */
typedef struct {
  uint64_t state;
} sl_source;
uint64_t sl_source_u64(sl_source *s);
uint32_t sl_source_below(sl_source *s, uint32_t n);
double sl_source_unit(sl_source *s); /* in [-1, 1) */

typedef enum { SL_F32, SL_F64, SL_U32, SL_U8, SL_SUMS, SL_U64 } sl_element;
size_t sl_element_bytes(sl_element type);

/* What a kernel may do with an array: read it, write all of it, or both. */
typedef enum { SL_IN, SL_OUT, SL_INOUT } sl_role;

typedef struct {
  const char *name;
  sl_element type;
  sl_role role;
  size_t count;
  void *data;    /* what it holds before the call */
  int host_only; /* offsets: host memory in every context */
} sl_array;

#define SL_ARRAYS_MAX 20
#define SL_SIZES_MAX 8

/* What the floats of a problem are: drawn by array, or of one kind (spec E4.1). */
typedef enum {
  SL_VALUES_DRAWN,
  SL_VALUES_USUAL,
  SL_VALUES_WIDE,
  SL_VALUES_TIES, /* one value in each array */
  SL_VALUES_CANCELLING,
  SL_VALUES_SUBNORMAL,
  SL_VALUES_WHOLE, /* small whole numbers */
  SL_VALUES_KINDS
} sl_values_kind;

/* Sizes that a problem is asked to have, by name; those that it has were `taken`. */
enum { SL_WANTED_MAX = 8, SL_WANTED_NAME = 12 };
typedef struct {
  size_t n;
  struct {
    char name[SL_WANTED_NAME];
    size_t size;
    int taken;
  } of[SL_WANTED_MAX];
} sl_wanted_sizes;

/* One call of a kernel: its arrays in the order that the case added them, and the arguments that
 * are no arrays. */
typedef struct sl_problem {
  sl_source source;
  int recorded; /* of a seed of spec/vectors/kernels.txt, whose problems stay as they are */
  sl_values_kind values;
  sl_context *golden; /* for cases whose inputs are another kernel's outputs */
  sl_array array[SL_ARRAYS_MAX];
  size_t arrays;
  size_t size[SL_SIZES_MAX];
  float scalar;
  sl_objective objective;
  const struct sl_gate_form *form; /* of an objective's gate that is an expression */
  sl_sampling sampling;
  sl_adamw adamw;
  sl_wanted_sizes wanted;
  char ranges[200], refused[80]; /* the sizes that it can have; the one wanted that it cannot */
  size_t shrink; /* budgets are divided by it where every access costs; 0 and 1: they are not */
  char shape[240];
  unsigned char *arena;
  size_t arena_bytes, arena_used;
} sl_problem;

/* A case: makes a problem, and calls the kernel with arrays at at[0], at[1], ... in place of
 * array[0].data, ... */
typedef struct {
  const char *name;
  void (*make)(sl_problem *p);
  sl_status (*run)(sl_context *ctx, const sl_problem *p, void *const *at);
} sl_case;

#define SL_KERNEL(name, params, args, storage, clause, bound) \
  void sl_make_##name(sl_problem *p);                         \
  sl_status sl_run_##name(sl_context *ctx, const sl_problem *p, void *const *at);
#include <sluice/kernels.def>
#undef SL_KERNEL

/* Says the problem's shape, for messages; returns its length. */
int sl_shape(sl_problem *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds an array of zeros. */
void *sl_add(sl_problem *p, const char *name, sl_element type, sl_role role, size_t count);
/* Adds an array of floats of a random kind: usual, mixed magnitudes with zeros of both signs and
 * subnormals, constant, cancelling pairs, powers of two, or mostly zeros. */
float *sl_add_floats(sl_problem *p, const char *name, sl_role role, size_t count);

/* A running total (SL_INOUT): floats without -0, which no total is (spec N3.1). */
float *sl_add_total(sl_problem *p, const char *name, size_t count);
/* Sets NULL for an optional array. */
void sl_drop(sl_problem *p);

/* What a case may spend on its sizes. */
size_t sl_budget(const sl_problem *p, size_t budget);

/* A size in [low, high] whose product with *budget's other users stays below it: often a boundary
 * of a vector, a chunk or a tile, or a prime. Divides *budget by it. One that is wanted by that
 * name may be anything in [low, high], and leaves the budget to the others, which then are not 0.
 */
size_t sl_size(sl_problem *p, const char *name, size_t low, size_t high, size_t *budget);
/* The size that was drawn, or the one in [low, high] that is wanted by that name. */
size_t sl_size_wanted(sl_problem *p, const char *name, size_t drawn, size_t low, size_t high);
int sl_is_wanted(const sl_problem *p, const char *name);

/* Offsets of up to 6 sequences with at most `tokens` tokens, lengths 0, 1 and chunk boundaries
 * among them; stores n_seq in *n_seq. Their number of tokens may be wanted as t. */
const uint32_t *sl_add_seq(sl_problem *p, size_t tokens, size_t *n_seq);
/* A mask: all, none, or random slots. */
const uint8_t *sl_add_mask(sl_problem *p, size_t t);
/* Ids below n; repeated ones are likely. */
uint32_t *sl_add_ids(sl_problem *p, const char *name, size_t t, size_t n);
/* What a masked slot may hold: NaN, infinity, 1e30. */
float sl_poison(sl_problem *p);

#endif
