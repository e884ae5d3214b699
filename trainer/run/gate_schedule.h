/* tau over a run: over its rollouts, or held where the gate lets a share through (spec L3.11). */
#ifndef SLUICE_GATE_SCHEDULE_H
#define SLUICE_GATE_SCHEDULE_H

#include "gate_certificate.h"
#include "run_state.h"

/* Once the gate is loaded: keeps its tau as the one that is scaled. Refuses, at the key, a schedule
 * for a gate that is not a kernel with tau for either sign, or one whose tau would leave O1.3. */
sl_status sl_gate_schedule_begin(sl_run_state *run, sl_error *err);

/* The gate with all that the schedule lets tau be. */
sl_bound_gate sl_gate_schedule_bounds(const sl_run_state *run);

/* Once a checkpoint is read: the multiplier is there where the schedule has one, and in its bounds.
 */
void sl_gate_schedule_resume(sl_run_state *run);

/* Before a rollout's updates: tau becomes what it is for them, and the report says so. */
void sl_gate_schedule_set(sl_run_state *run, sl_step_report *report);

/* After them: moves the multiplier by what they let through. */
void sl_gate_schedule_move(sl_run_state *run, sl_step_report *report);

#endif
