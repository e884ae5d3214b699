/* What to verify of a gate, and for how long. */
#ifndef SLUICE_PROOFS_OPTIONS_H
#define SLUICE_PROOFS_OPTIONS_H

#include "field.h"

typedef struct {
  unsigned ranged; /* bit i: parameter i has the range low[i] to high[i] */
  sl_decimal low[SL_FIELD_PARAMETERS], high[SL_FIELD_PARAMETERS];
  double seconds;  /* for each side */
  long boxes;      /* for each side */
  int no_measures; /* bounds and suprema are not asked for */
} sl_verify_options;

#endif
