/* What the subcommands share: exit codes, error printing, progress. */
#include "cli.h"

#include <argp.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
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

int sl_cli_fail(const char *command, const sl_error *err) {
  fprintf(stderr, "%s: error: %s\n", command, err->message);
  return sl_exit_code(err->status);
}

int sl_cli_run(const char *name, sl_command *run, int argc, char **argv) {
  char shown[64];
  argp_err_exit_status = SL_EXIT_USAGE;
  snprintf(shown, sizeof shown, "sluice %s", name);
  argv[0] = shown;
  const int code = run(argc, argv);
  if (fflush(stdout) == 0 && !ferror(stdout)) return code;
  fprintf(stderr, "%s: error: standard output: %s\n", shown, strerror(errno));
  return code == SL_EXIT_OK ? SL_EXIT_SYSTEM : code;
}

void sl_cli_json_text(FILE *out, const char *text) {
  fputc('"', out);
  for (; *text; text++) {
    if (*text == '"' || *text == '\\')
      fprintf(out, "\\%c", *text);
    else if ((unsigned char)*text < 0x20)
      fprintf(out, "\\u%04x", (unsigned)*text);
    else
      fputc(*text, out);
  }
  fputc('"', out);
}

static int64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void sl_progress_start(sl_progress *progress) {
  const char *forced = getenv("SLUICE_PROGRESS");
  progress->active = forced ? strcmp(forced, "0") != 0 : isatty(STDERR_FILENO);
  progress->last_ms = 0;
}

void sl_progress_line(sl_progress *progress, const char *format, ...) {
  if (!progress->active) return;
  const int64_t now = now_ms();
  if (now - progress->last_ms < 100) return;
  progress->last_ms = now;
  va_list args;
  va_start(args, format);
  fputs("\r\033[K", stderr);
  vfprintf(stderr, format, args);
  va_end(args);
  fflush(stderr);
}

void sl_progress_end(sl_progress *progress) {
  if (progress->active && progress->last_ms) fputs("\r\033[K", stderr);
}
