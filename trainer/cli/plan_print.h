/* What `train --dry-run` prints. */
#ifndef SLUICE_PLAN_PRINT_H
#define SLUICE_PLAN_PRINT_H

#include "trainer/run/run_state.h"

#include <stdio.h>

/* Prints the plan of a run of extent SL_EXTENT_PLAN: as lines for people, or as one JSON object. */
void sl_plan_print(const sl_run_state *run, FILE *out);
void sl_plan_print_json(const sl_run_state *run, FILE *out);

#endif
