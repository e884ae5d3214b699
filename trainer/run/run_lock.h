/* One process at a time writes a run's folder (spec F4.7). */
#ifndef SLUICE_RUN_LOCK_H
#define SLUICE_RUN_LOCK_H

#include <sluice/status.h>

/* Locks a run's folder until the descriptor *out is closed or the process ends, however it ends.
 * SL_ERR_USAGE, which names the process that holds the lock. On a file system without locks
 * *unlocked is the errno that said so, the folder is not locked, and the caller has to tell the
 * user, whose care it then is; it is 0 elsewhere. */
sl_status sl_run_lock(int *out, int *unlocked, const char *run, sl_error *err);

/* Removes what killed writers left behind (spec F1.1): temporary copies of the checkpoints, of the
 * models and of the configuration. The lock must be held, so that no live writer can own them. */
sl_status sl_run_clean(const char *run, sl_error *err);

#endif
