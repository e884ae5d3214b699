/* What the subcommands share: exit codes, error printing, JSON texts. */
#include "cli.h"

#include "utf8.h"
#include "version.h"

#include <sluice/kernels.h>

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

int sl_exit_code(sl_status status) {
  switch (status) {
    case SL_OK:
      return SL_EXIT_OK;
    case SL_ERR_USAGE:
    case SL_ERR_UNAVAILABLE:
      return SL_EXIT_USAGE;
    case SL_ERR_INPUT:
    case SL_ERR_NONFINITE:
      return SL_EXIT_INPUT;
    case SL_ERR_MISMATCH:
      return SL_EXIT_FAILED;
    case SL_ERR_IO:
    case SL_ERR_MEMORY:
    case SL_ERR_ENVIRONMENT:
      return SL_EXIT_SYSTEM;
  }
  return SL_EXIT_SYSTEM;
}

/* Memory that cannot be had is mostly a limit that somebody set. */
static void add_limit(void) {
  struct rlimit space;
  if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY)
    fprintf(stderr, " (address space is limited to %.1f MiB: ulimit -v)",
            (double)space.rlim_cur / 1048576.0);
}

/* What a file holds may be part of a message: a control character, which a terminal would obey, is
 * shown as '?'. */
static void print_plainly(const char *text) {
  for (; *text; text++) {
    const unsigned char c = (unsigned char)*text;
    fputc((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f ? '?' : c, stderr);
  }
}

int sl_cli_fail(const char *command, const sl_error *err) {
  fflush(stdout); /* so that earlier output appears before the error */
  fprintf(stderr, "%s: error: ", command);
  print_plainly(err->message);
  if (err->status == SL_ERR_MEMORY) add_limit();
  fputc('\n', stderr);
  return sl_exit_code(err->status);
}

int sl_cli_fail_memory(const char *command) {
  sl_error err;
  sl_fail(&err, SL_ERR_MEMORY, "not enough memory");
  return sl_cli_fail(command, &err);
}

/* --version of every command, and -h for --help, which argp does not have. */
static void add_common_options(int argc, char **argv) {
  static char version[64];
  snprintf(version, sizeof version, "sluice %s, numerics version %d", sl_version(),
           SL_NUMERICS_VERSION);
  argp_program_version = version;
  argp_err_exit_status = SL_EXIT_USAGE;
  for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
    static char help[] = "--help";
    if (strcmp(argv[i], "-h") == 0) argv[i] = help;
  }
}

static char shown[64];    /* the command that runs */
static int output_failed; /* and that was said */

static void flush_output(void) {
  if (output_failed || (fflush(stdout) == 0 && !ferror(stdout))) return;
  output_failed = 1;
  fprintf(stderr, "%s: error: standard output: %s\n", shown, strerror(errno));
}

/* argp ends the program itself after --help, with exit code 0. */
static void flush_at_exit(void) {
  if (output_failed) return;
  flush_output();
  if (output_failed) _exit(SL_EXIT_SYSTEM);
}

int sl_cli_run(const char *name, sl_command *run, int argc, char **argv) {
  add_common_options(argc, argv);
  snprintf(shown, sizeof shown, "sluice%s%s", *name ? " " : "", name);
  if (atexit(flush_at_exit) != 0) return sl_cli_fail_memory(shown);
  argv[0] = shown;
  const int code = run(argc, argv);
  flush_output();
  return output_failed && code == SL_EXIT_OK ? SL_EXIT_SYSTEM : code;
}

void sl_cli_json_text(FILE *out, const char *text) {
  fputc('"', out);
  for (size_t left = strlen(text), n; left; text += n, left -= n) {
    uint32_t point;
    n = sl_utf8_decode(text, left, &point);
    if (n == 0)
      fputs("\\ufffd", out), n = 1; /* JSON is UTF-8 */
    else if (*text == '"' || *text == '\\')
      fprintf(out, "\\%c", *text);
    else if (point < 0x20)
      fprintf(out, "\\u%04x", (unsigned)point);
    else
      fwrite(text, 1, n, out);
  }
  fputc('"', out);
}
