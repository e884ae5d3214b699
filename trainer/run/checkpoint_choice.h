/* Which checkpoint a run goes on from (spec F4.8). */
#ifndef SLUICE_CHECKPOINT_CHOICE_H
#define SLUICE_CHECKPOINT_CHOICE_H

#include <sluice/status.h>

/* The path of the newest checkpoint of a run, or of the one that `from` names, "best" among them;
 * freed by the caller. SL_ERR_USAGE for another name, SL_ERR_INPUT if the run has none. */
sl_status sl_checkpoint_choose(char **out, const char *run, const char *from, sl_error *err);

/* Adds to the message about the newest checkpoint, which is damaged, which is the newest intact
 * one. Nothing if there is none, or if the newest is intact and something else is wrong. */
void sl_checkpoint_name_intact(const char *run, sl_error *err);

#endif
