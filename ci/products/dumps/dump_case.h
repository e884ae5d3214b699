/* A dump as a case of an op (spec E6): inputs, outputs, conventions. */
#ifndef SLUICE_DUMPS_DUMP_CASE_H
#define SLUICE_DUMPS_DUMP_CASE_H

#include "layout.h"

#include "reference/contract/expression.h"

/* What the command line says; it holds before the metadata. */
typedef struct {
  const char *op, *contract, *gate; /* NULL: not given; gate: a built-in's name or a file */
  const char *setting[SL_OP_SETTINGS];
  size_t settings;
} sl_dump_request;

/* An output that the dump has; in the op's order of axes. */
typedef struct {
  double *got;
  size_t count;
  sl_format type;
  sl_tensor_type stored;
} sl_dump_output;

typedef struct {
  sl_op_case c; /* its contract's `out` is the type of the first output that there is */
  double *input[SL_OP_INPUTS];
  sl_tensor_type given[SL_OP_INPUTS];
  sl_dump_output output[SL_OP_OUTPUTS]; /* got is NULL where there is none */
  int has_out;                          /* the contract says `out` */
  sl_gate_form *form;                   /* of a gate file */
} sl_dump_case;

/* The op that the request or the metadata names. SL_ERR_USAGE, SL_ERR_INPUT. */
sl_status sl_dump_op(const sl_op **op, const sl_dump *dump, const sl_dump_request *request,
                     sl_error *err);

/* Settings and contract of the metadata, then of the request. SL_ERR_INPUT for a key that begins
 * with sluice. and is none. */
sl_status sl_dump_conventions(sl_dump_case *d, const sl_op *op, const sl_dump *dump,
                              const sl_dump_request *request, sl_error *err);

/* 1 if a contract's text, or NULL, gives the type of the output. */
int sl_dump_says_out(const char *text);

/* A gate file in place of the setting `gate`; the case owns it. */
sl_status sl_dump_gate(sl_dump_case *d, const char *gate, sl_error *err);

/* Reads everything and checks it; ended by the caller, on error too. Messages begin with the file.
 */
sl_status sl_dump_case_read(sl_dump_case *d, sl_dump *dump, const sl_dump_request *request,
                            sl_error *err);

/* The same without an output: of those that there are, the type is taken. */
sl_status sl_dump_inputs_read(sl_dump_case *d, sl_dump *dump, const sl_dump_request *request,
                              sl_error *err);

/* Compares the shapes of those inputs, or outputs, that the dump has with the sizes of a case;
 * reads no element. *absent: numbers of the drawn inputs that it lacks, at most SIZE_MAX. */
sl_status sl_dump_inputs_fit(const sl_op_case *c, const sl_dump *dump, size_t *absent,
                             sl_error *err);
sl_status sl_dump_outputs_fit(const sl_op_case *c, const sl_dump *dump, sl_error *err);

/* Outputs must be stored in a type that holds every number of `type`. */
sl_status sl_dump_outputs_hold(const sl_op_case *c, sl_format type, const sl_dump *dump,
                               sl_error *err);

/* The outputs alone, for the case that is there. */
sl_status sl_dump_outputs_read(sl_dump_case *d, sl_dump *dump, sl_error *err);

void sl_dump_case_end(sl_dump_case *d);

/* The contract for an output: `out` as the case has it, `result` is the output's type. */
sl_contract sl_dump_contract(const sl_dump_case *d, size_t out);

#endif
