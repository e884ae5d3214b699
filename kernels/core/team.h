/* A team of threads that share the ranges of a job (spec N1.2, N1.4). Not public.
 *
 * Nobody waits for a thread that has not begun: the caller hands out ranges, takes them itself too,
 * and closes the job when none is left; a worker that comes later finds it closed. So where other
 * programs hold the cores a job takes what one thread takes, and where the cores are idle, its
 * share. */
#ifndef SLUICE_TEAM_H
#define SLUICE_TEAM_H

#include <sluice/status.h>

#include <stddef.h>

typedef struct sl_team sl_team;

/* Calls for indices [begin, end) on thread 0 (the caller) ... threads - 1. */
typedef void (*sl_parallel_body)(void *arg, size_t begin, size_t end, int thread);

/* threads - 1 workers, with the floating-point environment of the caller, all signals blocked. */
sl_status sl_team_create(sl_team **out, int threads, sl_error *err);
void sl_team_destroy(sl_team *team);

/* Calls body for disjoint ranges of at most `grain` indices (at least 1) that cover [0, n); returns
 * when all are done. 0 if a worker's environment is no longer right: then nothing was called, or a
 * range of this job has spoiled it. */
int sl_team_run(sl_team *team, size_t n, size_t grain, sl_parallel_body body, void *arg);

#endif
