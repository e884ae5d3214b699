/* Kinds of changes of a certificate that its checker must refuse. A changed certificate may be
 * accepted only for another statement (which then is true too) or where the change touches nothing
 * that a verdict rests on; those kinds are named. */
#ifndef SLUICE_TEST_CHANGES_H
#define SLUICE_TEST_CHANGES_H

#include "lines.h"

typedef struct {
  const char *name;
  int (*make)(lines_t *); /* 0 where it does not apply to the certificate */
  const char *equivalent; /* why an accepted one may mean the same; NULL: none may */
} certificate_change;

enum { CERTIFICATE_CHANGES = 53 };
extern const certificate_change certificate_changes[CERTIFICATE_CHANGES];

#endif
