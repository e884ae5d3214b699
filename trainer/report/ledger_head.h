/* The first line of ledger.jsonl (spec F4.4), read for a report. */
#ifndef SLUICE_LEDGER_HEAD_H
#define SLUICE_LEDGER_HEAD_H

/* The version of the numerics, at most 1000; 0 where there is no ledger or its first line does not
 * say one. */
int sl_ledger_numerics(const char *path);

#endif
