/* Reading a part of a certificate, and having it checked. */
#ifndef SLUICE_CHECK_READ_PART_H
#define SLUICE_CHECK_READ_PART_H

#include "context.h"
#include "reader.h"

/* The side that is being read. */
typedef struct {
  expr_t e;
  int f, w;
  source_t source;
  long cells;                    /* read so far, of the whole certificate */
  int seen[PROPERTIES][3], weak; /* verdicts of the parts read so far */
  unsigned inside; /* properties with a witness in the region of a gate of two arguments */
} gate_side_t;

typedef struct {
  mpq_t low[MAX_PARAMS], high[MAX_PARAMS];
} ranges_t;

/* After the word "part". Initialises *ranges to the part's. */
int slc_read_part(reader_t *r, gate_side_t *side, ranges_t *ranges);

#endif
