/* Progress of `sluice verify` on standard error: a thread of its own says every now and then how
 * long a side has taken, so that no method of the prover has to. Quick work says nothing. */
#ifndef SLUICE_VERIFY_PROGRESS_H
#define SLUICE_VERIFY_PROGRESS_H

#include "kernels/support/progress.h"

#include <pthread.h>

typedef struct {
  const char *gate, *side;
  double limit_s, start_s; /* limit 0: work over binary32, whose share is known */
  double share;            /* under lock */
  int done;                /* under lock */
  int has_thread;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  sl_progress line;
} sl_watch;

/* The texts live until sl_watch_end, and so does the watch. */
void sl_watch_begin(sl_watch *watch, const char *gate, const char *side, double limit_s);
void sl_watch_share(void *watch, double share); /* an sl_float_progress */
void sl_watch_end(sl_watch *watch);

#endif
