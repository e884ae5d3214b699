/* What the claims of a part are checked against. */
#ifndef SLUICE_CHECK_CONTEXT_H
#define SLUICE_CHECK_CONTEXT_H

#include "part.h"

/* The side's expression, to be parsed again at a witness's parameters. */
typedef struct {
  const char *text;
  int weight; /* it is f' alone */
  /* Of a requirement left <= right: what stands for w is then left - right. Else NULL. */
  const char *left, *right;
  mpq_t r_low, r_high; /* its range of r */
  int endless;         /* r_high is none */
  char names[MAX_PARAMS][NAME_SIZE];
  int params;
  int old; /* of a gate of two arguments, its second one: a range over [0, 1]; else -1 */
  int ranged[MAX_PARAMS];
  mpq_t value[MAX_PARAMS]; /* of the others */
} source_t;

typedef struct {
  const part_t *part;
  pieces_t *pieces;
  const source_t *source;
} context_t;

/* Parses it, with the ranged parameters at the given values, or kept where at is NULL. Initialises
 * the expression; f is -1 where there is none. 0 where the text is no expression. */
int slc_source_parse(const source_t *source, const mpq_t *at, expr_t *e, int *f, int *w);
/* The text as a node of e, which is initialised; with the parameters in the same way. -1: none. */
int slc_source_term(const source_t *source, const mpq_t *at, expr_t *e, const char *text);

#endif
