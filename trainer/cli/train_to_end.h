/* What `train` and `resume` share: the training itself, and what is said at its end. */
#ifndef SLUICE_TRAIN_TO_END_H
#define SLUICE_TRAIN_TO_END_H

#include "trainer/run/run_phases.h"

/* Trains until the end or a signal and prints the summary, or the error; returns the exit code. */
int sl_train_to_end(const sl_train_options *options, const char *command, sl_run_state *run,
                    sl_run_files *files);

#endif
