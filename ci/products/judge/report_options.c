/* --json, --junit, --timeout. */
#include "report_options.h"

#include "kernels/support/cli_options.h"

#include <string.h>

enum { OPTION_JUNIT = 0x7100, OPTION_TIMEOUT, DAY_S = 86400 };

static error_t parse(int key, char *arg, struct argp_state *state) {
  sl_report_options *o = state->input;
  switch (key) {
    case 'j':
      o->json = arg ? arg : "-";
      return 0;
    case OPTION_JUNIT:
      o->junit = arg;
      return 0;
    case OPTION_TIMEOUT:
      o->timeout_s = (unsigned)sl_argp_integer(state, "timeout", arg, o->least_timeout_s, DAY_S);
      o->has_timeout = 1;
      return 0;
    default:
      return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_option rows[] = {
    {"json", 'j', "FILE", OPTION_ARG_OPTIONAL, "the report as JSON, on standard output or in FILE",
     0},
    {"junit", OPTION_JUNIT, "FILE", 0, "the report as JUnit XML", 0},
    {"timeout", OPTION_TIMEOUT, "SECONDS", 0,
     "a kernel that takes longer for one problem is different (default 600, 0 for no limit; of "
     "--so "
     "60)",
     0},
    {0}};
const struct argp sl_report_argp = {rows, parse, NULL, NULL, NULL, NULL, NULL};

int sl_report_is_quiet(const sl_report_options *o) { return o->json && strcmp(o->json, "-") == 0; }
