/* The command, as `sluice equiv` and as `sluice-device equiv`. */
#ifndef SLUICE_RELATIONS_COMMAND_H
#define SLUICE_RELATIONS_COMMAND_H

#include "ci/products/judge/op_problem.h"
#include "reference/contract/expression.h"

/* program: what usage, errors and the lines that repeat a problem begin with. backend: the default;
 * NULL: all that are here. Exit codes are those of spec E5.1. */
int sl_equiv_command(int argc, char **argv, const char *program, const char *backend);

/* What `--dump` of a tolerance says beside the file's own texts. */
typedef struct {
  const char *path, *op, *contract, *gate; /* NULL: not given, but path */
  const char *const *setting;
  size_t settings;
} sl_tolerance_file;
/* Reads a file's inputs and conventions as a problem, and its gate file, all of them the caller's,
 * on error too. */
typedef sl_status sl_tolerance_reader(sl_op_problem *p, sl_gate_form **form,
                                      const sl_tolerance_file *file, sl_error *err);

/* `sluice equiv tolerance`: argv[0] is the whole name. reader: NULL where this build has none. */
int sl_tolerance_command(int argc, char **argv, sl_tolerance_reader *reader);

#endif
