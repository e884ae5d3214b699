/* sluice bench functions: each vector function against libmvec's of the same width, on one thread
 * and in the first-level cache. */
#include "bench.h"
#include "bench_machine.h"
#include "function_speed.h"

#include <stdio.h>
#include <string.h>

typedef struct {
  const char *name;
  sl_isa isa;
} instruction_set;
static const instruction_set sets[] = {{"avx2", SL_ISA_AVX2}, {"avx512", SL_ISA_AVX512}};

static void print_header(int json) {
  if (json)
    printf("{\"cpu\": \"%s\", \"compiler\": \"%s\", \"peer\": \"%s\", \"results\": [",
           sl_bench_cpu(), SLUICE_COMPILER, sl_libmvec_version());
  else
    printf("%s, %s, %s; one thread, medians of pairs\n%-9s %-7s %8s %8s %6s %5s  %s\n",
           sl_bench_cpu(), SLUICE_COMPILER, sl_libmvec_version(), "function", "isa", "ns",
           "peer ns", "ratio", "goal", "peer (ulps off), inputs");
}

static void print_text(sl_function_id f, const char *isa, const sl_function_speed *s) {
  const sl_function_peer *p = &sl_function_peers[f];
  printf("%-9s %-7s %8.3f %8.3f %6.2f %s%3.0f  %s (%u), [%g, %g]: %s\n", sl_function_name(f), isa,
         s->ns, s->peer_ns, s->ratio, s->ratio <= p->goal ? "<=" : " >", p->goal, p->peer,
         (unsigned)s->ulps, (double)p->low, (double)p->high, p->inputs);
}

static void print_json(sl_function_id f, const char *isa, const sl_function_speed *s, int first) {
  const sl_function_peer *p = &sl_function_peers[f];
  printf(
      "%s\n  {\"function\": \"%s\", \"isa\": \"%s\", \"ns\": %.4f, \"peer_ns\": %.4f, \"ratio\": "
      "%.3f, ",
      first ? "" : ",", sl_function_name(f), isa, s->ns, s->peer_ns, s->ratio);
  printf(
      "\"goal\": %g, \"met\": %s, \"peer\": \"%s\", \"peer_ulps\": %u, \"low\": %g, \"high\": %g}",
      p->goal, s->ratio <= p->goal ? "true" : "false", p->peer, (unsigned)s->ulps, (double)p->low,
      (double)p->high);
}

/* A missing instruction set or peer is reported; it is not an error. */
static void print_absent(const char *function, const char *isa, const sl_error *err, int json,
                         int first) {
  if (json)
    printf("%s\n  {\"function\": \"%s\", \"isa\": \"%s\", \"absent\": \"%s\"}", first ? "" : ",",
           function, isa, err->message);
  else
    printf("%-9s %-7s absent: %s\n", function, isa, err->message);
}

static sl_status measure_set(const instruction_set *set, int json, int *first, sl_error *err) {
  const sl_function_map *maps, *peers;
  sl_status status = sl_function_maps_of(&maps, &peers, set->isa, err);
  if (status == SL_ERR_UNAVAILABLE) print_absent("all", set->name, err, json, *first), *first = 0;
  if (status) return status;
  for (int i = 0; i < SL_FUNCTION_COUNT; i++) {
    const sl_function_id f = (sl_function_id)i;
    sl_function_speed s;
    status = sl_function_speed_measure(&s, f, maps[f], peers[f], err);
    if (status == SL_ERR_UNAVAILABLE)
      print_absent(sl_function_name(f), set->name, err, json, *first);
    else if (status)
      return status;
    else if (json)
      print_json(f, set->name, &s, *first);
    else
      print_text(f, set->name, &s);
    *first = 0;
    fflush(stdout);
  }
  return SL_OK;
}

sl_status sl_bench_functions(const sl_context_options *context, const sl_bench_options *options,
                             sl_error *err) {
  if (strcmp(context->backend, "cpu") != 0)
    return sl_fail(err, SL_ERR_USAGE, "bench functions is of the cpu backend");
  if (context->threads > 1) return sl_fail(err, SL_ERR_USAGE, "bench functions is of one thread");
  const double load = sl_bench_load();
  int first = 1;
  sl_status status = SL_OK;
  print_header(options->json);
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
    if (context->isa != SL_ISA_BEST && context->isa != sets[i].isa) continue;
    status = measure_set(&sets[i], options->json, &first, err);
    if (status && (status != SL_ERR_UNAVAILABLE || context->isa != SL_ISA_BEST)) return status;
  }
  printf(options->json ? "\n], \"load_before\": %.2f, \"load_after\": %.2f}\n"
                       : "load of the machine: %.2f before, %.2f after\n",
         load, sl_bench_load());
  return SL_OK;
}
