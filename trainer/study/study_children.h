/* Runs as child processes: `sluice train` and `sluice resume` of this very program. */
#ifndef SLUICE_STUDY_CHILDREN_H
#define SLUICE_STUDY_CHILDREN_H

#include "study_table.h"

/* Starts a run that is fresh, begun or stopped; its output is appended to its log. The child ends,
 * with a checkpoint, when this process does. SL_ERR_IO. */
sl_status sl_study_start(const sl_study_table *table, sl_study_run *run, sl_error *err);
/* 1 if a running run has ended: its state and problem are set. */
int sl_study_has_ended(sl_study_run *run);

/* Starts `sluice ARGUMENTS...` (NULL-terminated, argv[0] first) with its output appended to log
 * (NULL: dropped). A process id, or -1 and errno. */
pid_t sl_study_spawn(char *const *argv, const char *log);

/* Why a program failed, from what it wrote behind the first `begin` bytes of its log: its last
 * error, or else its last line. */
void sl_study_read_problem(char *out, size_t size, const char *log, uint64_t begin);

#endif
