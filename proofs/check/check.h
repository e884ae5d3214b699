/* Reads a certificate and checks all of it. */
#ifndef SLUICE_CHECK_CHECK_H
#define SLUICE_CHECK_CHECK_H

#include <stddef.h>
#include <stdio.h>

typedef struct {
  int accepted;
  int line; /* where it was refused */
  char why[200];
  int sides; /* that were read: bit 0 neg, bit 1 pos */
  /* What was verified: gate, side, expression, parameters, verdicts; to be freed. */
  char *statement;
  char *facts; /* the same as records (spec G6.3), complete where accepted; NULL: not asked for */
} check_result;

/* text is NUL-terminated, size bytes. Never exits; any input gives a verdict. */
void slc_check_certificate(check_result *out, const char *text, size_t size);
/* The same with out->facts, to be freed. */
void slc_check_facts(check_result *out, const char *text, size_t size);

#endif
