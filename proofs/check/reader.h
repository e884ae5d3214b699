/* The records of a certificate as text: one a line, fields separated by one space (spec G4.1). */
#ifndef SLUICE_CHECK_READER_H
#define SLUICE_CHECK_READER_H

#include "expr.h"

#include <mpfi.h>

#include <stddef.h>

enum { LINE_MAX_SIZE = 24000 };

typedef struct {
  const char *at, *end, *start; /* start: of the line read last */
  int line;
  char *text, *token; /* the line, and the rest of it that was not read */
  int refused_line;   /* where and why the certificate was refused first */
  char why[200];
} reader_t;

/* Keeps the first refusal. Always 0, so that a reading function returns it. */
int slc_refuse(reader_t *r, const char *why);
int slc_next_line(reader_t *r);
/* Makes the line read last the next one again. */
void slc_give_back(reader_t *r);
/* The next field, or NULL. */
char *slc_field(reader_t *r);
int slc_word(reader_t *r, const char *want);
/* Was that the line's last field? */
int slc_done(const reader_t *r);
/* The same, and says so where it was not. */
int slc_line_ends(reader_t *r);
int slc_integer(reader_t *r, long low, long high, long *out);
/* "m e": m 2^e, m odd or both 0, exact in the target's precision. */
int slc_dyadic(reader_t *r, mpfr_t x);
/* The same, or "inf 0". */
int slc_dyadic_or_inf(reader_t *r, mpfr_t x);
int slc_interval(reader_t *r, mpfi_t x);
/* A decimal in its one spelling (spec G4.1), exactly. */
int slc_decimal_text(mpq_t x, const char *text);
int slc_decimal(reader_t *r, mpq_t x);
/* Copies a text that fits; 0 for one that does not. */
int slc_keep(char *out, size_t size, const char *text);

#endif
