/* A pool of worker threads (spec N1.2, N1.4). Internal.
 *
 * The caller splits a job into ranges and works on them too. A worker that wakes late finds the job
 * closed, so nobody waits for it: on idle cores a job gets its share of all threads, on a busy
 * machine it costs no more than on one. */
#ifndef SLUICE_TEAM_H
#define SLUICE_TEAM_H

#include <sluice/status.h>

#include <stddef.h>

typedef struct sl_team sl_team;

/* Calls for indices [begin, end) on thread 0 (the caller) ... threads - 1. */
typedef void (*sl_parallel_body)(void *arg, size_t begin, size_t end, int thread);

/* Threads that are lent (sl_context_options.parallel). */
typedef void sl_thread_pool(void (*body)(void *data), void *data, unsigned threads, unsigned flags);

/* threads - 1 workers, with the floating-point environment of the caller, all signals blocked; none
 * where there is a pool, which runs the jobs then. */
sl_status sl_team_create(sl_team **out, int threads, sl_thread_pool *pool, sl_error *err);
/* In a child of fork the memory of a team that the parent made, whose workers live there. */
void sl_team_destroy(sl_team *team);

/* Before each job: in a child of the process that made the team, makes its workers anew, also in
 * place of a pool, whose threads the child has not. SL_ERR_MEMORY as in sl_team_create; the next
 * call tries again. */
sl_status sl_team_renew(sl_team *team, sl_error *err);

/* Calls body for disjoint ranges of at most `grain` indices (at least 1) that cover [0, n); returns
 * when all are done. 0 if a worker's floating-point environment is wrong: then nothing was called,
 * or a range of this job changed it. A thread of a pool with a wrong one takes no part. */
int sl_team_run(sl_team *team, size_t n, size_t grain, sl_parallel_body body, void *arg);

#endif
