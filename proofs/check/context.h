/* What the claims of a part are checked against. */
#ifndef SLUICE_CHECK_CONTEXT_H
#define SLUICE_CHECK_CONTEXT_H

#include "part.h"

/* The side's expression, to be parsed again at a witness's parameters. */
typedef struct {
  const char *text;
  int weight; /* it is f' alone */
  char names[MAX_PARAMS][NAME_SIZE];
  int params;
  int ranged[MAX_PARAMS];
  mpq_t value[MAX_PARAMS]; /* of the others */
} source_t;

typedef struct {
  const part_t *part;
  pieces_t *pieces;
  const source_t *source;
} context_t;

#endif
