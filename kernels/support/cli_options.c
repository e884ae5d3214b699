/* Options that several subcommands share. */
#include "cli_options.h"

#include "kernels/core/nearest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

double sl_argp_number(struct argp_state *state, const char *name, const char *arg, double low,
                      double high) {
  char *end;
  const double x = strtod(arg, &end);
  if (*end || end == arg || !(x >= low && x <= high))
    argp_error(state, "--%s: expected a number from %.16g to %.16g, found '%s'", name, low, high,
               arg);
  return x;
}

double sl_argp_integer(struct argp_state *state, const char *name, const char *arg, double low,
                       double high) {
  const double x = sl_argp_number(state, name, arg, low, high);
  if (x != floor(x)) argp_error(state, "--%s: expected a whole number, found '%s'", name, arg);
  return x;
}

size_t sl_argp_word(struct argp_state *state, const char *name, const char *arg,
                    const char *const *words, size_t n) {
  char list[200] = "", meant[SL_MEANT];
  size_t used = 0;
  for (size_t i = 0; i < n; i++) {
    if (strcmp(words[i], arg) == 0) return i;
    used += (size_t)snprintf(list + used, sizeof list - used, "%s%s",
                             i == 0       ? ""
                             : i + 1 == n ? " or "
                                          : ", ",
                             words[i]);
  }
  argp_error(state, "--%s: expected %s, found '%s'%s", name, list, arg,
             sl_meant_of(meant, arg, words, n));
  return 0;
}

static const char *const isa_words[] = {"best", "avx2", "avx512"};
static const sl_isa isas[] = {SL_ISA_BEST, SL_ISA_AVX2, SL_ISA_AVX512};

static error_t parse_backend(int key, char *arg, struct argp_state *state) {
  sl_backend_options *o = state->input;
  switch (key) {
    case ARGP_KEY_INIT:
      if (!o->backend) o->backend = "cpu";
      return 0;
    case 'b':
      o->backend = arg;
      return 0;
    case 'i':
      o->isa = isas[sl_argp_word(state, "isa", arg, isa_words, 3)];
      return 0;
    case 't':
      o->threads = (int)sl_argp_integer(state, "threads", arg, 0, 4096);
      return 0;
    default:
      return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_option backend_rows[] = {
    {"backend", 'b', "NAME", 0,
     "plain, cpu (default), cuda, simt or ptx; with other bits, where built: openblas, cublas", 0},
    {"isa", 'i', "NAME", 0, "best, avx2 or avx512, of the cpu backend", 0},
    {"threads", 't', "N", 0, "0 (default): all that the system offers", 0},
    {0}};
const struct argp sl_backend_argp = {backend_rows, parse_backend, NULL, NULL, NULL, NULL, NULL};

static error_t parse_set(int key, char *arg, struct argp_state *state) {
  sl_set_options *o = state->input;
  if (key != 's') return ARGP_ERR_UNKNOWN;
  if (o->n == SL_SETS_MAX) argp_error(state, "at most %d --set", SL_SETS_MAX);
  o->items[o->n++] = arg;
  return 0;
}

static const struct argp_option set_rows[] = {
    {"set", 's', "SECTION.KEY=VALUE", 0, "overrides one key of the configuration; may be repeated",
     0},
    {0}};
const struct argp sl_set_argp = {set_rows, parse_set, NULL, NULL, NULL, NULL, NULL};

error_t sl_argp_take(const sl_option_value *values, size_t n, int key, char *arg,
                     struct argp_state *state) {
  for (size_t i = 0; i < n; i++) {
    const sl_option_value *v = &values[i];
    if (v->key != key) continue;
    if (v->text) *v->text = arg;
    if (v->number) *v->number = (size_t)sl_argp_integer(state, v->name, arg, 1, (double)v->most);
    return 0;
  }
  if (key != ARGP_KEY_ARG) return ARGP_ERR_UNKNOWN;
  argp_error(state, "no argument is expected, found '%s'", arg);
  return 0;
}
