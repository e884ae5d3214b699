/* The answers of reward.command (spec F4.10): recorded, so that a run repeats its steps, or another
 * run all of them, without the program. */
#ifndef SLUICE_REWARD_ANSWERS_H
#define SLUICE_REWARD_ANSWERS_H

#include "run_files.h"
#include "state_digest.h"

#include <sluice/status.h>

#include <stddef.h>
#include <stdint.h>

typedef struct sl_reward_answers sl_reward_answers;

/* One answer: rollout (from 1), sequence in it, digest of what was asked. */
typedef struct {
  uint64_t step, sequence;
  char request[SL_DIGEST_TEXT];
  double reward;
  int timed_out;
} sl_reward_answer;

/* Opens the file of a run's folder to append to, and reads what it holds of rollouts after
 * `finished`; a last line that is cut off goes. The files must outlive the answers. SL_ERR_INPUT
 * with the place of a line that is not as it should be. */
sl_status sl_reward_answers_open(sl_reward_answers **out, const sl_run_files *files,
                                 uint64_t finished, sl_error *err);
/* Reads a file of another run, to which nothing is appended. SL_ERR_INPUT also if it holds none. */
sl_status sl_reward_answers_read(sl_reward_answers **out, const char *path, sl_error *err);
void sl_reward_answers_close(sl_reward_answers *answers);

/* Fills in reward and timed_out of the answer to this request of this sequence. 0 if there is
 * none. */
int sl_reward_answers_find(const sl_reward_answers *answers, sl_reward_answer *wanted);
/* Appends one to the file. SL_ERR_IO also where the run's folder was moved or its lock replaced
 * (spec F4.7). */
sl_status sl_reward_answers_add(sl_reward_answers *answers, const sl_reward_answer *answer,
                                sl_error *err);
/* What was appended outlives a crash of the machine. */
sl_status sl_reward_answers_sync(const sl_reward_answers *answers, sl_error *err);

#endif
