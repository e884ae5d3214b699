/* Which known wrong formulas explain a dump that A rejects (spec E8). */
#ifndef SLUICE_DUMPS_DUMP_CAUSES_H
#define SLUICE_DUMPS_DUMP_CAUSES_H

#include "dump_judge.h"

#include "reference/contract/cause.h"

enum { SL_DUMP_CAUSES = 16 };
/* Numbers of all inputs up to which pairs are tried where an element costs a pass over them. */
#define SL_DUMP_PAIRS_MOST ((size_t)1 << 18)

/* One formula, or two together. */
typedef struct {
  sl_cause first, second; /* second may be SL_CAUSE_NONE */
} sl_dump_cause;

typedef struct {
  sl_dump_cause found[SL_DUMP_CAUSES];
  size_t n;     /* above SL_DUMP_CAUSES where there are more */
  int no_pairs; /* 1: none was found, and pairs were not tried, for the inputs are large */
} sl_dump_causes;

/* None where the verdict is not that the dump is different. SL_ERR_MEMORY. */
sl_status sl_dump_causes_find(sl_dump_causes *causes, const sl_dump_case *d,
                              const sl_dump_verdict *v, sl_error *err);

/* What is said of a cause. Coarser arithmetic is no formula: the error would be within its own. */
enum { SL_DUMP_CAUSE = 320 };
void sl_dump_cause_text(char out[SL_DUMP_CAUSE], sl_dump_cause cause);

#endif
