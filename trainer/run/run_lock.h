/* One process at a time writes a run's folder (spec F4.7). */
#ifndef SLUICE_RUN_LOCK_H
#define SLUICE_RUN_LOCK_H

#include <sluice/status.h>

/* Locks a run's folder until the descriptor *out is closed or the process ends, however it ends.
 * SL_ERR_USAGE, which names the process that holds the lock. On a file system without locks the
 * folder stays unlocked and *unlocked is the errno: the caller must warn the user. Otherwise
 * *unlocked is 0. */
sl_status sl_run_lock(int *out, int *unlocked, const char *run, sl_error *err);

/* Removes what killed writers left behind (spec F1.1): temporary copies of the checkpoints, of the
 * models and of the configuration. The lock must be held, so that no live writer can own them. */
sl_status sl_run_clean(const char *run, sl_error *err);

#endif
