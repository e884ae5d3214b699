/* Inputs made from a seed, for a kernel to answer (spec E9). */
#ifndef SLUICE_DUMPS_GENERATED_H
#define SLUICE_DUMPS_GENERATED_H

#include "dump_case.h"

#include "ci/products/judge/op_problem.h"

/* Changes when the same seed gives other inputs. */
#define SL_DUMP_GENERATOR 1

typedef struct {
  const char *op, *shape; /* shape NULL: the op's own */
  const char *type, *kind;
  const char *contract, *gate;
  const char *setting[SL_OP_SETTINGS];
  size_t settings;
  uint64_t seed;
} sl_generated_request;

/* Writes the inputs with what makes them again (spec E9.1). SL_ERR_USAGE, SL_ERR_IO, SL_ERR_MEMORY.
 */
sl_status sl_generated_write(const char *path, const sl_generated_request *request, sl_error *err);

/* Makes the inputs again by the texts of `texts` (the outputs' own file, or that of the inputs),
 * and reads the outputs (spec E9.2). SL_ERR_INPUT for another generator. */
sl_status sl_generated_read(sl_dump_case *d, sl_dump *outputs, const sl_dump *texts,
                            const sl_dump_request *request, sl_error *err);

#endif
