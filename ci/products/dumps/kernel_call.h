/* The call of a kernel in a shared library (spec E10): its tensors, sizes and settings, and what it
 * has left there. */
#ifndef SLUICE_DUMPS_KERNEL_CALL_H
#define SLUICE_DUMPS_KERNEL_CALL_H

#include "dump_case.h"
#include "guarded.h"

#include "ci/products/judge/op_problem.h"

#include <sluice/kernel.h>

enum { SL_HAPPENED = 256, SL_CHOICE_TEXT = 64 };

/* What happened in place of an answer; empty: there is an answer. */
typedef char sl_happened[SL_HAPPENED];

/* Holds pointers into itself. */
typedef struct {
  sl_call call;
  sl_call_tensor in[SL_OP_INPUTS], out[SL_OP_OUTPUTS];
  sl_guarded in_memory[SL_OP_INPUTS], out_memory[SL_OP_OUTPUTS];
  unsigned char *given[SL_OP_INPUTS]; /* what the inputs were */
  sl_guarded answer[SL_OP_OUTPUTS];   /* what the outputs were when the kernel returned */
  uint64_t in_shape[SL_OP_INPUTS][SL_TENSOR_RANK_MAX], out_shape[SL_OP_OUTPUTS][SL_TENSOR_RANK_MAX];
  sl_call_size size[SL_OP_LETTERS];
  sl_call_setting setting[SL_OP_SETTINGS];
  char choice[SL_OP_SETTINGS][SL_CHOICE_TEXT];
} sl_kernel_call;

/* The call for a problem; outputs are of the type of the case's contract. Ended by the caller, on
 * error too. SL_ERR_MEMORY. */
sl_status sl_kernel_call_make(sl_kernel_call *k, const sl_op_problem *p, sl_error *err);
void sl_kernel_call_end(sl_kernel_call *k);

/* Keeps what the outputs are: the answer. Called by the kernel's process, as the kernel returns. */
void sl_kernel_call_keep(sl_kernel_call *k);

/* Bytes of all tensors with their pages, and of the answer. */
size_t sl_kernel_call_bytes(const sl_kernel_call *k);

/* Where an address is, if it has to do with a tensor: "byte 64 of y, which has 48". Else empty. */
void sl_kernel_call_place(sl_happened place, const sl_kernel_call *k, uintptr_t address);

/* The answer, after the kernel's process has ended; or what was written elsewhere, an input for
 * one, after the return or not at all (spec E10.4). An optional output of which nothing is written
 * is absent. SL_ERR_MEMORY. */
sl_status sl_kernel_call_read(sl_dump_case *d, sl_happened happened, const sl_kernel_call *k,
                              sl_error *err);

#endif
