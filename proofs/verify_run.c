/* Verifying one gate (see verify_run.h). */
#include "verify_run.h"

#include "kernels/core/nearest.h"
#include "kernels/support/cli.h"
#include "kernels/support/shortest_decimal.h"
#include "proofs/prover/region.h"
#include "verify_progress.h"
#include "verify_two.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FAST = 64 }; /* --fast: one block of 4096 neighbours in 64 */

static sl_status leaves_range(const sl_gate_definition *def, int i, const char *setting,
                              sl_error *err) {
  char low[48], high[48];
  sl_decimal_print(low, sizeof low, def->param[i].low);
  sl_decimal_print(high, sizeof high, def->param[i].high);
  return sl_fail(err, SL_ERR_INPUT, "%s: parameter %s: the file declares [%s, %s], found '%s'",
                 def->file, def->param[i].name, low, high, setting);
}

static sl_status fail_parameter(const char *option, const sl_gate_definition *def, const char *name,
                                sl_error *err) {
  char meant[SL_MEANT];
  sl_nearest nearest = {.word = name, .length = strlen(name)};
  for (int k = 0; k < def->param_count; k++) sl_nearest_offer(&nearest, def->param[k].name);
  return sl_fail(err, SL_ERR_USAGE, "%s: gate %s has no parameter '%s'%s", option, def->name, name,
                 sl_nearest_meant(meant, &nearest));
}

/* What is not asked for at one value is drawn at the default, or at the range's end next to it. */
static void keep_within(sl_gate_declared *d, sl_decimal low, sl_decimal high) {
  for (int s = 0; s < 2; s++) {
    if (sl_decimal_cmp(d->value[s], low) < 0) d->value[s] = low;
    if (sl_decimal_cmp(d->value[s], high) > 0) d->value[s] = high;
  }
}

/* "NAME=V" or "NAME=A:B" into the definition and the ranges. *given: bit i, parameter i has one. */
static sl_status apply_setting(sl_gate_definition *def, sl_verify_options *v, unsigned *given,
                               const char *origin, const char *setting, sl_error *err) {
  char text[96], *value, *colon;
  if ((size_t)snprintf(text, sizeof text, "%s", setting) >= sizeof text)
    return sl_fail(err, SL_ERR_USAGE, "%s: '%s' is too long", origin, setting);
  if (!(value = strchr(text, '=')))
    return sl_fail(err, SL_ERR_USAGE, "%s: expected NAME=VALUE or NAME=LOW:HIGH, found '%s'",
                   origin, setting);
  *value++ = '\0';
  int i = 0;
  while (i < def->param_count && strcmp(def->param[i].name, text) != 0) i++;
  if (i == def->param_count) return fail_parameter(origin, def, text, err);
  if (i == def->old)
    return sl_fail(err, SL_ERR_USAGE, "%s: %s is the gate's second argument, all of (0, 1]", origin,
                   text);
  if (*given >> i & 1) return sl_fail(err, SL_ERR_USAGE, "%s: %s is given twice", origin, text);
  *given |= 1u << i;
  if ((colon = strchr(value, ':'))) *colon++ = '\0';
  sl_decimal low, high;
  if (!sl_decimal_parse(value, &low) || !sl_decimal_parse(colon ? colon : value, &high))
    return sl_fail(err, SL_ERR_USAGE, "%s: expected numbers of at most 18 digits, found '%s'",
                   origin, setting);
  if (sl_decimal_cmp(low, high) > 0)
    return sl_fail(err, SL_ERR_USAGE, "%s: expected low <= high, found '%s'", origin, setting);
  if (sl_decimal_cmp(low, def->param[i].low) < 0 || sl_decimal_cmp(high, def->param[i].high) > 0)
    return leaves_range(def, i, setting, err);
  if (colon) {
    v->ranged |= 1u << i;
    v->low[i] = low, v->high[i] = high;
    keep_within(&def->param[i], low, high);
  } else {
    def->param[i].value[0] = def->param[i].value[1] = low;
  }
  return SL_OK;
}

sl_status sl_verify_load(sl_verified *out, const sl_verify_request *request, sl_error *err) {
  sl_verify_options o = {.seconds = request->seconds, .boxes = request->boxes};
  unsigned given = 0;
  sl_status status = sl_gate_load_any(&out->gate, &out->def, out->name, NULL, 0, err);
  for (int i = 0; i < request->settings && status == SL_OK; i++)
    status = apply_setting(out->def, &o, &given, request->origin ? request->origin : "--param",
                           request->setting[i], err);
  if (status == SL_OK && request->settings)
    status = sl_gate_definition_bind(&out->gate, out->def, err);
  out->options[0] = out->options[1] = o;
  if (status == SL_OK) return SL_OK;
  sl_gate_definition_free(out->def);
  out->def = NULL;
  return status;
}

/* Both signs have one expression and equal values of the parameters that are not ranges. */
static int same_sides(const sl_gate_definition *def, unsigned ranged) {
  if (def->f[0] != def->f[1] || def->w[0] != def->w[1]) return 0;
  for (int i = 0; i < def->param_count; i++)
    if (!(ranged >> i & 1) && sl_decimal_cmp(def->param[i].value[0], def->param[i].value[1]) != 0)
      return 0;
  return def->kernel[0] == def->kernel[1] && def->kernel[0] != SL_GATE_CLIP;
}

static void run_floats(sl_report *r, const sl_verify_request *request) {
  for (int s = 0; s < 2; s++) {
    if (!(r->sides >> s & 1)) continue;
    const sl_float_options o = {r->stride, request->threads,
                                r->side[s].property[SL_P4W].verdict == SL_PROVED, INFINITY};
    sl_watch watch;
    sl_watch_begin(&watch, r->def->name, sl_side_name(r, s), 0);
    sl_float_check(&r->binary32[s], r->gate, r->def, s, &o, sl_watch_share, &watch);
    sl_watch_end(&watch);
  }
  r->floats = 1;
}

static sl_status run_reals(sl_report *r, const sl_verify_request *request,
                           sl_certificate *certificate) {
  for (int s = 1; s >= 0; s--) {
    if (!(r->sides >> s & 1)) continue;
    sl_watch watch;
    sl_watch_begin(&watch, r->def->name, sl_side_name(r, s), request->seconds);
    sl_verify_side(&r->side[s], r->def, s, &r->options[s], certificate);
    sl_watch_end(&watch);
  }
  return SL_OK;
}

sl_status sl_verified_at(sl_verified *at, const sl_verified *v, sl_decimal p, sl_error *err) {
  *at = (sl_verified){.name = v->name};
  SL_TRY(sl_gate_load_any(&at->gate, &at->def, v->name, NULL, 0, err));
  memcpy(at->def->param, v->def->param, sizeof at->def->param);
  for (int s = 0; s < 2; s++) at->def->param[v->def->old].value[s] = p;
  const sl_status status = sl_gate_definition_bind(&at->gate, at->def, err);
  if (status == SL_OK) return SL_OK;
  sl_gate_definition_free(at->def);
  at->def = NULL;
  return status;
}

/* The largest binary32 number r with r p <= 1. */
static float most_ratio(sl_decimal p) {
  const double old = sl_decimal_to_double(p);
  const float r = (float)(1 / old);
  return (double)r * old > 1 ? nextafterf(r, 0) : r;
}

/* spec G5.3: at each listed p every ratio up to 1/p. */
static sl_status test_floats(sl_verified *v, const sl_verify_request *request, int s,
                             sl_error *err) {
  sl_report *r = &v->report;
  sl_float_report *all = &r->binary32[s];
  sl_watch watch;
  sl_status status = SL_OK;
  *all = (sl_float_report){.at_one = 1};
  sl_watch_begin(&watch, r->def->name, sl_side_name(r, s), 0);
  for (int i = 0; i < SL_OLD_VALUES && status == SL_OK; i++) {
    const sl_float_options o = {r->stride, request->threads, 0, most_ratio(sl_old_value(i))};
    sl_verified at;
    sl_float_report part;
    if ((status = sl_verified_at(&at, v, sl_old_value(i), err)) != SL_OK) break;
    sl_float_check(&part, &at.gate, at.def, s, &o, NULL, NULL);
    for (int k = 0; k < SL_FLOAT_KINDS; k++) part.violation[k].old = i;
    sl_float_add(all, &part);
    all->seconds += part.seconds;
    if (part.at_one != 1) all->at_one = part.at_one;
    sl_watch_share(&watch, (i + 1.0) / SL_OLD_VALUES);
    sl_gate_definition_free(at.def);
  }
  sl_watch_end(&watch);
  return status;
}

/* p becomes a range for whoever reads the report. */
static sl_status run_two(sl_verified *v, const sl_verify_request *request,
                         sl_certificate *certificate, sl_error *err) {
  sl_report *r = &v->report;
  const int old = v->def->old;
  for (int s = 1; s >= 0; s--) {
    if (!(r->sides >> s & 1)) continue;
    sl_watch watch;
    sl_watch_begin(&watch, r->def->name, sl_side_name(r, s), request->seconds);
    sl_verify_two(&r->side[s], r->def, s, &v->options[s], certificate);
    sl_watch_end(&watch);
    const int ranged = v->options[s].ranged != 0;
    v->options[s].ranged |= 1u << old;
    v->options[s].low[old] = (sl_decimal){0, 0}, v->options[s].high[old] = (sl_decimal){1, 0};
    if (request->no_float || ranged) continue;
    SL_TRY(test_floats(v, request, s, err));
    r->floats = SL_OLD_VALUES;
  }
  return SL_OK;
}

/* The side is then proved over what was found; where nothing was, at the default. */
static void find_largest(sl_verified *v, int s, int parameter) {
  sl_largest *l = &v->largest[s];
  sl_verify_options *o = &v->options[s];
  sl_watch watch;
  sl_watch_begin(&watch, "the largest interval", sl_side_name(&v->report, s), o->seconds);
  sl_largest_find(l, v->def, s, parameter, o);
  sl_watch_end(&watch);
  if (!l->found) return;
  o->ranged |= 1u << parameter;
  o->low[parameter] = l->low, o->high[parameter] = l->high;
}

/* Signs that differ in the default of this parameter alone share an interval that holds both. */
static void find_both(sl_verified *v, int parameter) {
  sl_report *r = &v->report;
  const sl_largest *l = &v->largest[1];
  const sl_decimal other = v->def->param[parameter].value[0];
  const int same = r->same_sides;
  r->same_sides = same_sides(v->def, v->options[0].ranged | 1u << parameter);
  r->largest = v->largest;
  find_largest(v, 1, parameter);
  if (r->same_sides && !same)
    r->same_sides =
        l->found && sl_decimal_cmp(l->low, other) <= 0 && sl_decimal_cmp(other, l->high) <= 0;
  if (!r->same_sides) find_largest(v, 0, parameter);
}

/* Is the decimal a binary32 number, and what it stands for so no other? It is where the odd part of
 * m 5^e has 24 bits: below 10^18 2^24 and, with at most 25 binary places, normal. */
static int is_binary32(sl_decimal x) {
  enum { LIMIT = 1 << 24 };
  int64_t m = x.m < 0 ? -x.m : x.m;
  int32_t e = x.e;
  for (; e < 0; e++, m /= 5)
    if (m % 5) return 0;
  while (m && m % 2 == 0) m /= 2;
  for (; e > 0 && m < LIMIT; e--) m *= 5;
  return e == 0 && m < LIMIT;
}

/* A decimal beyond the binary32 number that stands for `end`, or `end` itself where that is one. */
static sl_decimal beyond(sl_decimal end, float direction) {
  float next = (float)sl_decimal_to_double(end);
  char text[SL_DECIMAL_SIZE];
  sl_decimal out = end;
  if (is_binary32(end)) return end;
  next = nextafterf(nextafterf(next, direction), direction);
  sl_shortest_float(text, next);
  return sl_decimal_parse(text, &out) ? out : end;
}

/* spec G6.2 */
static void widen(sl_verified *v) {
  for (int s = 0; s < 2; s++)
    for (int i = 0; i < v->def->param_count; i++) {
      sl_verify_options *o = &v->options[s];
      const int ranged = o->ranged >> i & 1;
      const sl_decimal value = v->def->param[i].value[s], low = ranged ? o->low[i] : value,
                       high = ranged ? o->high[i] : value;
      if (i == v->def->old) continue;
      o->low[i] = beyond(low, -INFINITY), o->high[i] = beyond(high, INFINITY);
      if (sl_decimal_cmp(o->low[i], o->high[i]) < 0) o->ranged |= 1u << i;
    }
}

static sl_status parameter_index(const sl_verified *v, const char *name, int *out, sl_error *err) {
  for (*out = 0; *out < v->def->param_count; ++*out)
    if (v->def->old >= 0)
      return sl_fail(err, SL_ERR_USAGE, "--largest: a gate of two arguments has no such search");
    else if (strcmp(v->def->param[*out].name, name) == 0)
      return v->options[0].ranged >> *out & 1
                 ? sl_fail(err, SL_ERR_USAGE, "--largest %s: it has a range already", name)
                 : SL_OK;
  return fail_parameter("--largest", v->def, name, err);
}

static sl_status run(sl_verified *v, const sl_verify_request *request, sl_error *err) {
  sl_report *r = &v->report;
  sl_certificate *certificate = NULL;
  SL_TRY(sl_verify_load(v, request, err));
  r->gate = &v->gate, r->def = v->def, r->options = v->options;
  r->stride = request->fast ? FAST : 1;
  r->certificate = request->certificate;
  int parameter = 0;
  if (request->largest) SL_TRY(parameter_index(v, request->largest, &parameter, err));
  const unsigned ranged = v->options[0].ranged;
  r->same_sides = same_sides(v->def, ranged);
  if (request->for_run) widen(v);
  if (request->certificate)
    SL_TRY(sl_certificate_open(&certificate, request->certificate, v->def, err));
  if (request->largest) find_both(v, parameter);
  r->sides = r->same_sides ? 2 : 3;
  const sl_status status =
      v->def->old < 0 ? run_reals(r, request, certificate) : run_two(v, request, certificate, err);
  sl_error closing;
  const sl_status sealed = sl_certificate_close(certificate, &closing);
  SL_TRY(status);
  if (sealed) {
    *err = closing;
    return sealed;
  }
  if (v->def->old < 0 && !request->no_float && !v->options[0].ranged && !v->options[1].ranged)
    run_floats(r, request);
  return SL_OK;
}

void sl_verify_run(sl_verified *out, const sl_verify_request *request) {
  const double start = sl_clock_s();
  out->code = run(out, request, &out->err) ? sl_cli_fail("sluice verify", &out->err) : SL_EXIT_OK;
  out->seconds = sl_clock_s() - start;
}

void sl_verified_clear(sl_verified *v) {
  for (int s = 0; s < 2; s++)
    if (v->report.sides >> s & 1) sl_side_report_clear(&v->report.side[s]);
  sl_gate_definition_free(v->def);
  v->def = NULL;
}
