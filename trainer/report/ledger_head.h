/* The first line of ledger.jsonl (spec F4.4), read for a report. */
#ifndef SLUICE_LEDGER_HEAD_H
#define SLUICE_LEDGER_HEAD_H

#include <sluice/status.h>

/* The versions of the ledger and of the numerics, at most 1000; 0 where there is no ledger or its
 * first line does not say one. */
typedef struct {
  int version, numerics;
} sl_ledger_head;
/* SL_ERR_MEMORY is the only error. */
sl_status sl_ledger_head_read(sl_ledger_head *out, const char *path, sl_error *err);

#endif
