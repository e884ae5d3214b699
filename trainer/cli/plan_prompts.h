/* The prompts in what `train --dry-run` prints. */
#ifndef SLUICE_PLAN_PROMPTS_H
#define SLUICE_PLAN_PROMPTS_H

#include "trainer/run/run_state.h"

#include <stdio.h>

/* A line: the template, the longest prompt and the first one, in tokens. */
void sl_plan_prompts_print(const sl_run_state *run, FILE *out);
/* The same as a member of an object, behind another one, with the ids of the first prompt. */
void sl_plan_prompts_json(const sl_run_state *run, FILE *out);

#endif
