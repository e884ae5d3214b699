/* Inputs made from a seed, for a kernel to answer (spec E9). */
#ifndef SLUICE_DUMPS_GENERATED_H
#define SLUICE_DUMPS_GENERATED_H

#include "dump_case.h"

#include "ci/products/judge/op_problem.h"

/* Inputs that are made again without their file to compare sizes with: so many numbers at most. */
#define SL_GENERATED_UNSEEN ((size_t)1 << 24)

/* Changes when the same seed gives other inputs. */
#define SL_DUMP_GENERATOR 4

typedef struct {
  const char *op, *shape; /* shape NULL: the op's own */
  const char *type, *kind;
  const char *contract, *gate;
  const char *setting[SL_OP_SETTINGS];
  size_t settings;
  uint64_t seed;
} sl_generated_request;

/* The problem of a request with its conventions in d; both ended by the caller, on error too, p =
 * {0} before. SL_ERR_USAGE, SL_ERR_INPUT, SL_ERR_MEMORY. */
sl_status sl_generated_make(sl_dump_case *d, sl_op_problem *p, const sl_generated_request *request,
                            sl_error *err);
/* The problem's inputs become the case's. */
void sl_generated_take(sl_dump_case *d, sl_op_problem *p);

/* The type of a tensor's elements where real numbers are `given`; name, shape and count of a
 * tensor; an input of a problem with its data, which the caller frees. SL_ERR_MEMORY. */
sl_tensor_type sl_generated_type(const sl_op_tensor *tensor, sl_format given);
sl_tensor_view sl_generated_shape(const sl_op_case *c, const sl_op_tensor *tensor);
sl_status sl_generated_view(sl_tensor_view *view, const sl_op_problem *p, size_t input);

/* The type of results where the contract says no `out`: that of real inputs, or acc (spec E10.1).
 */
sl_format sl_generated_out(const sl_op_case *c, sl_format given);

/* Writes the inputs with what makes them again (spec E9.1). SL_ERR_USAGE, SL_ERR_IO, SL_ERR_MEMORY.
 */
sl_status sl_generated_write(const char *path, const sl_generated_request *request, sl_error *err);

/* Makes the inputs again by the texts of `texts` (the outputs' own file, or that of the inputs),
 * and reads the outputs (spec E9.2). SL_ERR_INPUT for another generator. */
sl_status sl_generated_read(sl_dump_case *d, sl_dump *outputs, const sl_dump *texts,
                            const sl_dump_request *request, sl_error *err);

#endif
