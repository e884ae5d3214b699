/* The gate of a run's configuration, and the proof that the run is bound to (spec L1.7). */
#ifndef SLUICE_RUN_GATE_H
#define SLUICE_RUN_GATE_H

#include "run_state.h"

/* Reads the gate, with its file and its schedule, into run->objective; checks the certificate, but
 * for an evaluation. SL_ERR_INPUT: a file that is none, a name without a parameter, a gate without
 * a weight at a ratio of 1, a certificate of another gate. */
sl_status sl_run_gate_load(sl_run_state *run, sl_extent extent, sl_error *err);

#endif
