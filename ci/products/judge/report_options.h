/* The options that every form of `sluice equiv` has (spec E5.1, E10.2), as a child parser of argp:
 * --json, --junit, --timeout. */
#ifndef SLUICE_JUDGE_REPORT_OPTIONS_H
#define SLUICE_JUDGE_REPORT_OPTIONS_H

#include <argp.h>

typedef struct {
  const char *json, *junit; /* NULL: not asked for; json "-": standard output */
  unsigned timeout_s, least_timeout_s;
  int has_timeout; /* 1: it was given */
} sl_report_options;

extern const struct argp sl_report_argp;

/* 1 if standard output is for the JSON alone. */
int sl_report_is_quiet(const sl_report_options *o);

#endif
