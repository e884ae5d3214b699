/* The first line of ledger.jsonl (spec F4.4), read for a report. */
#ifndef SLUICE_LEDGER_HEAD_H
#define SLUICE_LEDGER_HEAD_H

/* The versions of the ledger and of the numerics, at most 1000; 0 where there is no ledger or its
 * first line does not say one. */
typedef struct {
  int version, numerics;
} sl_ledger_head;
sl_ledger_head sl_ledger_head_read(const char *path);

#endif
