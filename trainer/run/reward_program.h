/* Rewards from a program of the user's (spec F3.10): a pool of processes, each of which is asked
 * one line and answers one line at a time. */
#ifndef SLUICE_REWARD_PROGRAM_H
#define SLUICE_REWARD_PROGRAM_H

#include <sluice/status.h>

#include <stddef.h>

typedef struct sl_reward_program sl_reward_program;

/* The first answer of a process may take so many times as long as the others, and so many seconds
 * at least (spec F3.10). */
#define SL_REWARD_FIRST_FACTOR 10.0
#define SL_REWARD_FIRST_SECONDS 10.0

/* A pool for `sh -c command`, started in `folder` ("": the current one); no process is started
 * before it is asked. seconds is the time that an answer may take, but for the first of a
 * process. */
sl_status sl_reward_program_create(sl_reward_program **out, const char *command, const char *folder,
                                   size_t processes, double seconds, sl_error *err);
/* Ends the processes: each reads the end of its input, and is killed if it does not leave. */
void sl_reward_program_destroy(sl_reward_program *program);

/* line: a JSON object with "id": its index, without a newline. reward is finite; 0 where the answer
 * took too long. */
typedef struct {
  const char *line;
  double reward;
  int timed_out;
} sl_reward_request;

/* Asks all. A process that takes too long is killed; so is the group of its own children. One that
 * ends before its answer is started anew and asked once more. SL_ERR_INPUT, with *failed the
 * request, for a second such end and for an answer that is not one line {"id": N, "reward": NUMBER}
 * with the request's id; SL_ERR_IO if no process can be started. */
sl_status sl_reward_program_ask(sl_reward_program *program, sl_reward_request *requests, size_t n,
                                size_t *failed, sl_error *err);

#endif
