/* What a user should know of the problems that a command works on. */
#ifndef SLUICE_TASK_NOTES_H
#define SLUICE_TASK_NOTES_H

#include "trainer/config/config.h"

/* Lines on standard error, each "COMMAND: note: ...": contradicting answers, gold answers that are
 * compared as texts, prompts that were dropped or cut. */
void sl_task_notes_print(const sl_task *task, const sl_config *config, const char *command);

#endif
