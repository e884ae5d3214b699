/* Examples of numerics version 2 for other implementations (spec F5.5): small calls of the plain
 * kernels and of the scalar functions, with every input and output written out. */
#ifndef SLUICE_EXAMPLES_H
#define SLUICE_EXAMPLES_H

#include <sluice/gate.h>
#include <sluice/kernels.h>
#include <sluice/objective.h>

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A file that is being written, and what its examples are made with. */
typedef struct {
  FILE *out;
  sl_context *plain;
  uint64_t source;  /* state of splitmix64 (Steele, Lea, Flood 2014) */
  void *owned[128]; /* arrays of the current example */
  size_t n_owned;
  int failed; /* a call or an allocation; sticky */
} sl_examples;

/* Up to four sizes; 0 ends them. {0} is a scalar. */
typedef struct {
  size_t size[4];
} sl_dims;
#define SL_DIMS(...) ((sl_dims){{__VA_ARGS__}})

/* Begins an example: what is called (names of spec F5.5, with blanks between), and what it shows,
 * which no other example of that call in the file does. */
void sl_example(sl_examples *x, const char *call, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Frees what the examples so far own. */
void sl_examples_forget(sl_examples *x);

/* Inputs: made, written as `in NAME ...`, owned by the example. Floats are uniform in [-scale,
 * scale) with 24 random bits. */
float *sl_example_floats(sl_examples *x, const char *name, sl_dims dims, double scale);
/* The same in [low, high). */
float *sl_example_between(sl_examples *x, const char *name, sl_dims dims, double low, double high);
/* Integers below `below`. */
uint32_t *sl_example_ids(sl_examples *x, const char *name, sl_dims dims, uint32_t below);
/* Memory for an output, zeroed; sl_example_put writes it as `out NAME ...` after the call. */
void *sl_example_room(sl_examples *x, size_t count, size_t bytes);

/* Writes an array or a scalar: way is "in" or "out". */
void sl_example_put_f32(sl_examples *x, const char *way, const char *name, sl_dims dims,
                        const float *values);
void sl_example_put_f64(sl_examples *x, const char *way, const char *name, sl_dims dims,
                        const double *values);
void sl_example_put_u32(sl_examples *x, const char *way, const char *name, sl_dims dims,
                        const uint32_t *values);
void sl_example_put_u64(sl_examples *x, const char *way, const char *name, sl_dims dims,
                        const uint64_t *values);
void sl_example_put_mask(sl_examples *x, const char *name, size_t n, const uint8_t *values);
void sl_example_number(sl_examples *x, const char *name, double value); /* binary64 */
void sl_example_single(sl_examples *x, const char *name, float value);
void sl_example_count(sl_examples *x, const char *name, uint64_t value);
void sl_example_word(sl_examples *x, const char *name, const char *value);
/* Remembers and prints a call that failed. */
void sl_example_check(sl_examples *x, sl_status status, const sl_error *err);

/* The files: each function writes the examples of one. SL_EXAMPLES(name, subject, clauses). */
#define SL_EXAMPLES(name, clauses) void sl_examples_##name(sl_examples *x);
#include "examples.def"
#undef SL_EXAMPLES

#endif
