/* spec/vectors/functions.txt: the recorded digest of each function (spec N2.3, F5.2). */
#ifndef SLUICE_FUNCTION_VECTORS_H
#define SLUICE_FUNCTION_VECTORS_H

#include "sweep.h"

#include <stdio.h>

typedef struct {
  sl_sweep_digest digest[SL_FUNCTION_COUNT];
  unsigned char known[SL_FUNCTION_COUNT];
} sl_sweep_vectors;

/* The function of that name, or SL_FUNCTION_COUNT. */
sl_function_id sl_sweep_function(const char *name);

/* SL_ERR_IO, or SL_ERR_INPUT with file:line. */
sl_status sl_sweep_vectors_read(sl_sweep_vectors *vectors, const char *path, sl_error *err);

void sl_sweep_vectors_header(FILE *out, const char *generator, const char *command);
void sl_sweep_vectors_row(FILE *out, sl_function_id function, const sl_sweep_result *result);

#endif
