/* sluice gate compare GATE...: half-width of f', sup r f' and effective update ratio, side by side,
 * and the parameter at which one of them is that of the first gate. */
#include "kernels/support/cli.h"
#include "kernels/support/cli_options.h"
#include "kernels/support/output.h"

#include "compare.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>

enum {
  OPTION_MATCH = 256,
  OPTION_VARY,
  OPTION_SPREAD,
  OPTION_JSON,
  OPTION_SVG,
  OPTION_SECONDS,
};

typedef struct {
  sl_compare_request request;
  const char *gate[SL_COMPARED], *svg;
  size_t gates;
  int json;
} options;

static void take_spread(struct argp_state *state, sl_compare_request *q, const char *arg) {
  sl_argp_number(state, "spread", arg, 1e-3, 4);
  if (q->spreads == SL_SPREADS) argp_error(state, "at most %d --spread", SL_SPREADS);
  if (!sl_decimal_parse(arg, &q->spread[q->spreads++]))
    argp_error(state, "--spread: expected a number of at most 18 digits, found '%s'", arg);
}

static error_t parse_option(int key, char *arg, struct argp_state *state) {
  static const char *const matches[] = {"eur", "half-width", "sup"};
  options *o = state->input;
  sl_compare_request *q = &o->request;
  switch (key) {
    case 'n':
      q->positive = 0;
      return 0;
    case OPTION_MATCH:
      q->match = (sl_match)(SL_MATCH_EUR + (int)sl_argp_word(state, "match", arg, matches, 3));
      return 0;
    case OPTION_VARY:
      q->vary = arg;
      return 0;
    case OPTION_SPREAD:
      take_spread(state, q, arg);
      return 0;
    case OPTION_JSON:
      o->json = 1;
      return 0;
    case OPTION_SVG:
      o->svg = arg;
      return 0;
    case OPTION_SECONDS:
      q->seconds = sl_argp_number(state, "seconds", arg, 1e-6, 1e9);
      return 0;
    case ARGP_KEY_ARG:
      if (o->gates == SL_COMPARED) argp_error(state, "at most %d gates", SL_COMPARED);
      o->gate[o->gates++] = arg;
      return 0;
    case ARGP_KEY_NO_ARGS:
      argp_usage(state);
      return 0;
    default:
      return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_option option_rows[] = {
    {"match", OPTION_MATCH, "eur|half-width|sup", 0,
     "choose a parameter of each further gate so that this is as the first gate has it", 0},
    {"vary", OPTION_VARY, "NAME", 0, "the parameter to choose (default tau)", 0},
    {"spread", OPTION_SPREAD, "S", 0,
     "standard deviation of log r for EUR, up to four times; --match takes the first (default 0.1, "
     "0.3 and 1)",
     0},
    {"negative", 'n', 0, 0, "the gates of A <= 0 (default A > 0)", 0},
    {"json", OPTION_JSON, 0, 0, "as JSON on standard output", 0},
    {"svg", OPTION_SVG, "FILE", 0, "draw f', r f', and EUR by spread", 0},
    {"seconds", OPTION_SECONDS, "S", 0, "time for the proofs of each gate (default 30)", 0},
    {0}};
static const struct argp parser = {
    option_rows,
    parse_option,
    "GATE...",
    "Compares gates: where f' is 1/2, the supremum of r f' (the weight that multiplies the "
    "gradient "
    "of the log-prob), and EUR, the mean of f' over ratios with mean 1 whose logarithm is normal "
    "with mean -s^2/2 and standard deviation s. A number in the table is the proved value rounded "
    "to the digits that are shown, nine at most; a matched parameter is a decimal of the interval "
    "beside it, and the row is for that decimal.\v"
    "GATE is a built-in's name, or a path that holds a '/' or ends in .gate; parameters after "
    "commas: sigmoid,tau=2.\n"
    "Exit codes: 0 done, 1 a gate could not be matched, 2 usage, 3 bad input.",
    NULL,
    NULL,
    NULL};

static void default_spreads(sl_compare_request *q) {
  static const sl_decimal spreads[] = {{1, -1}, {3, -1}, {1, 0}};
  if (q->spreads) return;
  memcpy(q->spread, spreads, sizeof spreads);
  q->spreads = 3;
}

static int write_picture(const sl_compared *c, const options *o) {
  sl_output out;
  sl_error err;
  sl_status status = sl_output_begin(&out, o->svg, &err);
  if (!status) {
    sl_compare_svg(out.stream, c, o->gates, &o->request);
    status = sl_output_end(&out, &err);
  }
  return status ? sl_cli_fail("sluice gate compare", &err) : SL_EXIT_OK;
}

static int compare(sl_compared *c, const options *o) {
  sl_error err;
  int code = SL_EXIT_OK;
  if (sl_output_check(o->svg, &err)) return sl_cli_fail("sluice gate compare", &err);
  for (size_t i = 0; i < o->gates; i++)
    if (sl_compare_load(&c[i], o->gate[i], &err)) return sl_cli_fail("sluice gate compare", &err);
  sl_compare(c, o->gates, &o->request);
  if (!o->json)
    sl_compare_text(stdout, c, o->gates, &o->request);
  else if (sl_compare_json(stdout, c, o->gates, &o->request)) {
    sl_fail(&err, SL_ERR_MEMORY, "not enough memory for the report");
    return sl_cli_fail("sluice gate compare", &err);
  }
  if (o->svg && (code = write_picture(c, o)) != SL_EXIT_OK) return code;
  for (size_t i = 0; i < o->gates; i++)
    if (c[i].result > SL_MATCHED) code = SL_EXIT_FAILED;
  return code;
}

sl_command sl_cmd_compare;
int sl_cmd_compare(int argc, char **argv) {
  options o = {.request = {.positive = 1, .vary = "tau", .seconds = 30}};
  argp_err_exit_status = SL_EXIT_USAGE;
  sl_verify_guard_memory();
  sl_argp_parse(&parser, argc, argv, &o);
  default_spreads(&o.request);
  static sl_compared c[SL_COMPARED];
  for (size_t i = 0; i < o.gates; i++) sl_compared_init(&c[i]);
  const int code = compare(c, &o);
  for (size_t i = 0; i < o.gates; i++) sl_compared_clear(&c[i]);
  return code;
}
