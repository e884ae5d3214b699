/* The equivalence gate: every kernel of spec/kernels.def, on random and adversarial inputs, in a
 * context whose output must equal that of another one bit for bit (spec N1.4, N1.6). A trial is one
 * problem, made from a seed, with the golden context's outputs; any number of contexts is checked
 * against it, on a device too. Arrays stand between guard zones, at alignments that differ from run
 * to run; outputs start with poison that differs too. */
#ifndef SLUICE_EQUIV_H
#define SLUICE_EQUIV_H

#include <sluice/kernels.h>

#include <stddef.h>
#include <stdint.h>

typedef struct sl_equiv_trial sl_equiv_trial;

const char *sl_equiv_kernel_name(sl_kernel_id kernel);

/* spec/vectors/kernels.txt has digests of the problems of seeds 1 to this. */
enum { SL_RECORDED_SEEDS = 16 };

/* Makes the problem of that kernel and seed and runs it in `golden`. SL_ERR_MEMORY, or what the
 * kernel returned. */
sl_status sl_equiv_begin(sl_equiv_trial **out, sl_kernel_id kernel, uint64_t seed,
                         sl_context *golden, sl_error *err);
/* The same with a problem that is about `shrink` times smaller: for contexts in which every access
 * costs. */
sl_status sl_equiv_begin_small(sl_equiv_trial **out, sl_kernel_id kernel, uint64_t seed,
                               size_t shrink, sl_context *golden, sl_error *err);
/* The same with floats of one kind in every array (sl_values_kind of problem.h; 0: each array draws
 * its own), and with the sizes of `shape`, NAME=SIZE,...; NULL: all are drawn. SL_ERR_USAGE for a
 * size that the kernel lacks or cannot have, with those that it has. */
sl_status sl_equiv_begin_kind(sl_equiv_trial **out, sl_kernel_id kernel, uint64_t seed,
                              size_t shrink, int values, const char *shape, sl_context *golden,
                              sl_error *err);
void sl_equiv_end(sl_equiv_trial *trial);

/* The shape of the problem as text. */
const char *sl_equiv_shape(const sl_equiv_trial *trial);

/* One array of a problem: what it holds before the call and, NULL for an input, after the golden
 * run. */
typedef void sl_equiv_visitor(void *arg, const void *before, const void *after, size_t bytes);
void sl_equiv_visit(const sl_equiv_trial *trial, sl_equiv_visitor *visit, void *arg);

/* 1 if an output of the golden run holds anything but zeros: equality of empty or zero outputs
 * proves nothing. */
int sl_equiv_says_something(const sl_equiv_trial *trial);

/* Runs the problem in ctx. SL_ERR_MISMATCH where its status or an output bit differs, an input was
 * written or a guard was; the message names context, kernel, seed, shape and the first
 * tensor[index] with both bit patterns and the distance in ulps. A vendor's kernel
 * (kernels/vendor/vendor.h) runs twice: every output is to lie within the bound for any order of
 * its sum, and the bits are to repeat. */
sl_status sl_equiv_check(sl_equiv_trial *trial, sl_context *ctx, sl_error *err);

/* A run without a comparison: SL_ERR_MISMATCH where the kernel fails or writes what it must not. */
sl_status sl_equiv_run(sl_equiv_trial *trial, sl_context *ctx, sl_error *err);

/* Relation I (spec E3.1), after a check or a run in the same context: the problem again, in fresh
 * memory with other alignments (a vendor's kernel: with the same ones), and its rows in two parts
 * where the kernel's rows are independent. SL_ERR_MISMATCH as above. */
sl_status sl_equiv_check_again(sl_equiv_trial *trial, sl_context *ctx, sl_error *err);

/* The problem, and what the array with that index holds after the last run that was checked (after
 * the golden one, where none was). */
const struct sl_problem *sl_equiv_problem(const sl_equiv_trial *trial);
const void *sl_equiv_result(const sl_equiv_trial *trial, size_t array);

/* What it holds after the golden run. */
const void *sl_equiv_golden(const sl_equiv_trial *trial, size_t array);

/* Power (spec E4.3): runs the problem in ctx with the last element of an array of floats taken as
 * 0, which stands for a kernel that drops a term. SL_ERR_UNAVAILABLE where the array is no such
 * input, or holds a 0 there. */
sl_status sl_equiv_plant(sl_equiv_trial *trial, sl_context *ctx, size_t array);
/* The same with the edge of a mask, or the border of two sequences, shifted by one place. */
sl_status sl_equiv_plant_mask(sl_equiv_trial *trial, sl_context *ctx, size_t array);
/* What an array holds after it. */
const void *sl_equiv_planted(const sl_equiv_trial *trial, size_t array);

/* The contexts that are compared with plain. An absent one is not created: sl_context_create says
 * why. */
typedef struct {
  const char *name;
  sl_context_options options; /* threads 0 */
} sl_equiv_backend;
size_t sl_equiv_backends(const sl_equiv_backend **list);
/* Thread counts that each backend is tried with. */
size_t sl_equiv_thread_counts(const int **list);

#endif
