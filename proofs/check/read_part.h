/* Reading a part of a certificate, and having it checked. */
#ifndef SLUICE_CHECK_READ_PART_H
#define SLUICE_CHECK_READ_PART_H

#include "part.h"
#include "reader.h"

/* The side that is being read. */
typedef struct {
  expr_t e;
  int f, w;
  int ranged[MAX_PARAMS];
  long cells;           /* read so far, of the whole certificate */
  int seen[4][3], weak; /* verdicts of the parts read so far */
} gate_side_t;

/* After the word "part". Keeps the part's box of parameters in *box, to be freed. */
int slc_read_part(reader_t *r, gate_side_t *side, cell_t *box);
void slc_free_box(mpfi_t *box);

#endif
