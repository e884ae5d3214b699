/* Verifying one gate, by name or path, as `sluice verify` was asked to (spec G2, G5). */
#ifndef SLUICE_VERIFY_RUN_H
#define SLUICE_VERIFY_RUN_H

#include "verify_report.h"

typedef struct {
  const char *setting[SL_GATE_PARAMETER_LIMIT]; /* NAME=V or NAME=A:B */
  const char *origin; /* what gave the settings, for messages; NULL: --param */
  int settings;
  const char *certificate; /* a file, or NULL */
  const char *largest;     /* a parameter, whose largest interval is looked for; or NULL */
  int for_run;             /* ranges hold the binary32 numbers that stand for their ends */
  int no_float, fast, threads;
  double seconds;
  long boxes;
} sl_verify_request;

/* Fills *out, which is zero but for its name. An error is said on standard error. */
void sl_verify_run(sl_verified *out, const sl_verify_request *request);
void sl_verified_clear(sl_verified *v);

/* Loads the gate with the settings applied: fixed values into the definition, ranges into options.
 * On error the definition is freed and NULL. */
sl_status sl_verify_load(sl_verified *out, const sl_verify_request *request, sl_error *err);

/* The gate again, which is of two arguments, with p as one more parameter that is fixed; its
 * definition is the caller's to free. */
sl_status sl_verified_at(sl_verified *at, const sl_verified *v, sl_decimal p, sl_error *err);

/* Makes memory that runs out end the program with SL_EXIT_SYSTEM and a message. */
void sl_verify_guard_memory(void);

#endif
