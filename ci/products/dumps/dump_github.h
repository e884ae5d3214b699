/* What GitHub shows of a judged dump: an annotation, and a row on the page of the run. */
#ifndef SLUICE_DUMPS_DUMP_GITHUB_H
#define SLUICE_DUMPS_DUMP_GITHUB_H

#include "dump_report.h"

/* Where GITHUB_ACTIONS is true a line to `out`, unless the dump is equal; where
 * GITHUB_STEP_SUMMARY names a file, a table is added to it. A page that cannot be written is left:
 * it is no part of the verdict. */
void sl_dump_github(FILE *out, const sl_dump_report *r);

#endif
