/* What the subcommands share: exit codes, error printing, JSON texts. */
#ifndef SLUICE_CLI_H
#define SLUICE_CLI_H

#include <sluice/status.h>

#include <stddef.h>
#include <stdio.h>

/* Exit codes, documented in docs/using.md: */
enum {
  SL_EXIT_OK = 0,
  SL_EXIT_FAILED = 1,      /* a check failed, a gate is refuted */
  SL_EXIT_USAGE = 2,       /* command line or unavailable backend */
  SL_EXIT_INPUT = 3,       /* bad input file */
  SL_EXIT_UNDECIDED = 4,   /* the prover could not decide */
  SL_EXIT_SYSTEM = 5,      /* I/O, memory, environment */
  SL_EXIT_INTERRUPTED = 6, /* stopped by a signal after writing a checkpoint */
  SL_EXIT_REQUIREMENT = 7  /* an admissible gate, and a requirement that is not proved */
};

/* The exit code that belongs to a status. */
int sl_exit_code(sl_status status);

/* Prints "sluice NAME: error: message" to stderr, with the limit on address space where memory was
 * short and there is one, and returns the exit code of the status. */
int sl_cli_fail(const char *command, const sl_error *err);
/* The same where memory is short. */
int sl_cli_fail_memory(const char *command);

/* A text as a JSON string, with its quotes; a byte that is not UTF-8 becomes U+FFFD. */
void sl_cli_json_text(FILE *out, const char *text);

/* A subcommand: argv[0] is "sluice NAME"; returns the exit code. */
typedef int sl_command(int argc, char **argv);

/* Runs it as `sluice NAME`, argv[0] being whatever, with -h and --version; its exit code, or
 * SL_EXIT_SYSTEM where standard output could not be written, also by a help that ends the program.
 * To be called once. */
int sl_cli_run(const char *name, sl_command *run, int argc, char **argv);

#endif
