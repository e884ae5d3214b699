/* The derivation of bounds, with their numbers put in. */
#ifndef SLUICE_DUMPS_DUMP_EXPLAIN_H
#define SLUICE_DUMPS_DUMP_EXPLAIN_H

#include "dump_report.h"

/* For each output the bound of its first wrong element, or of the one that takes the largest share
 * of its bound. SL_ERR_MEMORY. */
sl_status sl_dump_explain(FILE *out, const sl_dump_report *r, sl_error *err);

/* An element's place by its axes, in the op's order: "y[9,39]". */
enum { SL_DUMP_PLACE = 160 };
void sl_dump_place(char out[SL_DUMP_PLACE], const sl_op_case *c, const char *tensor, size_t index);

#endif
