/* sluice sweep NAME|all: proves functions correctly rounded by exhaustion (spec N2.3). */
#include "kernels/support/cli.h"
#include "kernels/support/cli_options.h"
#include "kernels/support/progress.h"

#include "kernels/core/nearest.h"

#include "ci/products/bench/function_speed.h"
#include "sweep.h"
#include "sweep_table.h"
#include "function_vectors.h"

#include <sluice/kernels.h>

#include <argp.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  const char *name, *isa, *check;
  uint64_t stride;
  int threads, json, vectors, table, digest_only;
} options;

static const char *const isas[] = {"scalar", "avx2", "avx512"};

static error_t parse_option(int key, char *arg, struct argp_state *state) {
  options *o = state->input;
  switch (key) {
    case 's':
      o->stride = (uint64_t)sl_argp_integer(state, "stride", arg, 1, (double)SL_SWEEP_INPUTS);
      return 0;
    case 't':
      o->threads = (int)sl_argp_integer(state, "threads", arg, 1, 1024);
      return 0;
    case 'i':
      o->isa = isas[sl_argp_word(state, "isa", arg, isas, sizeof isas / sizeof *isas)];
      return 0;
    case 'c':
      o->check = arg;
      return 0;
    case 'd':
      o->digest_only = 1;
      return 0;
    case 'j':
      o->json = 1;
      return 0;
    case 'v':
      o->vectors = 1;
      return 0;
    case 'T':
      o->table = 1;
      return 0;
    case ARGP_KEY_ARG:
      if (o->name) argp_error(state, "expected one function or 'all'");
      o->name = arg;
      return 0;
    case ARGP_KEY_NO_ARGS:
      argp_usage(state);
      return 0;
    default:
      return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_option option_rows[] = {
    {"isa", 'i', "ISA", 0, "the implementation: scalar (default), avx2 or avx512", 0},
    {"stride", 's', "N", 0, "every N-th pattern only (default 1: the proof)", 0},
    {"threads", 't', "N", 0, "threads (default: all)", 0},
    {"check", 'c', "FILE", 0, "compare the digests with those of FILE (spec/vectors/functions.txt)",
     0},
    {"digest-only", 'd', 0, 0, "no comparison with MPFR, the digest alone", 0},
    {"json", 'j', 0, 0, "print one JSON object", 0},
    {"vectors", 'v', 0, 0, "print a file of spec/vectors", 0},
    {"table", 'T', 0, 0,
     "print a table in Markdown: the proofs, and digests and speed of each vector implementation",
     0},
    {0}};
static const struct argp parser = {option_rows,
                                   parse_option,
                                   "NAME|all",
                                   "Compares a function with MPFR on all 2^32 inputs: a proof that "
                                   "it is correctly rounded. Exit code 1 if an "
                                   "input is misrounded or a digest differs.",
                                   NULL,
                                   NULL,
                                   NULL};

/* The maps of an instruction set that this machine has. */
static sl_status choose_maps(const sl_function_map **maps, const char *isa, sl_error *err) {
  if (strcmp(isa, "scalar") == 0) {
    *maps = sl_plain_function_maps;
    return SL_OK;
  }
  const int wide = strcmp(isa, "avx512") == 0;
  return sl_function_maps_of(maps, NULL, wide ? SL_ISA_AVX512 : SL_ISA_AVX2, err);
}

typedef struct {
  sl_progress line;
  const char *name;
} progress;

static void show_progress(void *arg, double done) {
  progress *p = arg;
  sl_progress_line(&p->line, "%s: %.1f %%", p->name, 100 * done);
}

static void print_witnesses(const sl_sweep_result *r) {
  for (uint64_t i = 0; i < r->misrounded && i < SL_SWEEP_WITNESSES; i++) {
    const sl_sweep_witness w = r->witness[i];
    float x, got, want;
    memcpy(&x, &w.x, sizeof x);
    memcpy(&got, &w.got, sizeof got);
    memcpy(&want, &w.want, sizeof want);
    printf("    x = %a (0x%08" PRIx32 "): got %a, right is %a\n", (double)x, w.x, (double)got,
           (double)want);
  }
}

static void print_text(const options *o, sl_function_id f, const sl_sweep_result *r) {
  printf("%-9s %-7s %11" PRIu64, sl_function_name(f), o->isa, r->inputs);
  if (o->digest_only)
    printf(" %11s %10s", "-", "-");
  else
    printf(" %11" PRIu64 " %10" PRIu64, r->misrounded, r->fallbacks);
  printf(" %8.1f  %016" PRIx64 "%016" PRIx64 "\n", r->seconds, r->digest.high, r->digest.low);
  print_witnesses(r);
  fflush(stdout);
}

static void print_json(const options *o, sl_function_id f, const sl_sweep_result *r, int first) {
  printf("%s\n  {\"function\": \"%s\", \"isa\": \"%s\", \"inputs\": %" PRIu64 ", ",
         first ? "" : ",", sl_function_name(f), o->isa, r->inputs);
  if (!o->digest_only)
    printf("\"misrounded\": %" PRIu64 ", \"fallbacks\": %" PRIu64 ", ", r->misrounded,
           r->fallbacks);
  printf("\"seconds\": %.1f, \"digest\": \"%016" PRIx64 "%016" PRIx64 "\"}", r->seconds,
         r->digest.high, r->digest.low);
}

static void print_result(const options *o, sl_function_id f, const sl_sweep_result *r, int first) {
  if (o->json)
    print_json(o, f, r, first);
  else if (o->vectors)
    sl_sweep_vectors_row(stdout, f, r);
  else
    print_text(o, f, r);
}

static void print_header(const options *o) {
  if (o->json)
    printf("[");
  else if (o->table)
    sl_sweep_table_header(stdout);
  else if (o->vectors)
    sl_sweep_vectors_header(stdout, "sluice " SLUICE_VERSION ", " SLUICE_COMPILER,
                            "sluice sweep all --vectors");
  else
    printf("%-9s %-7s %11s %11s %10s %8s  %s\n", "function", "isa", "inputs", "misrounded",
           "fallbacks", "seconds", "digest");
}

/* 1 if the digest is the recorded one. */
static int digest_agrees(const sl_sweep_vectors *v, sl_function_id f, const sl_sweep_result *r,
                         const char *path) {
  const char *name = sl_function_name(f);
  if (v->known[f] && v->digest[f].low == r->digest.low && v->digest[f].high == r->digest.high)
    return 1;
  if (v->known[f])
    fprintf(stderr,
            "sluice sweep: %s: digest differs from %s, which has %016" PRIx64 "%016" PRIx64 "\n",
            name, path, v->digest[f].high, v->digest[f].low);
  else
    fprintf(stderr, "sluice sweep: %s: not in %s\n", name, path);
  return 0;
}

/* One function: its sweep, printed. *code becomes that of a failure if an input is misrounded or a
 * digest differs. */
static sl_status run_one(const options *o, sl_function_id f, sl_function_map map,
                         const sl_sweep_vectors *recorded, int first, int *code, sl_error *err) {
  progress p = {.name = sl_function_name(f)};
  sl_progress_start(&p.line);
  const sl_sweep_options sweep = {f, map, o->stride, o->threads, o->digest_only, show_progress, &p};
  sl_sweep_result r;
  sl_sweep_row row = {.equal = 1};
  sl_status status = sl_sweep_run(&r, &sweep, err);
  if (status == SL_OK && o->table) status = sl_sweep_table_measure(&row, &sweep, &r, err);
  if (status) return status;
  sl_progress_end(&p.line);
  if (o->table)
    sl_sweep_table_row(stdout, f, &r, &row);
  else
    print_result(o, f, &r, first);
  if (r.misrounded || !row.equal || (recorded && !digest_agrees(recorded, f, &r, o->check)))
    *code = SL_EXIT_FAILED;
  return SL_OK;
}

static int run_all(const options *o, const sl_function_map *maps,
                   const sl_sweep_vectors *recorded) {
  const sl_function_id only = sl_sweep_function(o->name);
  int code = SL_EXIT_OK, first = 1;
  sl_error err;
  print_header(o);
  for (int f = 0; f < SL_FUNCTION_COUNT; f++) {
    if (only != SL_FUNCTION_COUNT && only != (sl_function_id)f) continue;
    if (run_one(o, (sl_function_id)f, maps[f], recorded, first, &code, &err))
      return sl_cli_fail("sluice sweep", &err);
    first = 0;
  }
  if (o->json) printf("\n]\n");
  return code;
}

static sl_status fail_function(const char *name, sl_error *err) {
  static const char *const names[] = {
#define SL_FUNCTION(function, ...) #function,
#include <sluice/functions.def>
#undef SL_FUNCTION
      "all"};
  const size_t n = sizeof names / sizeof *names;
  char meant[SL_MEANT], list[400] = "";
  for (size_t i = 0, used = 0; i < n && used < sizeof list; i++)
    used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", names[i]);
  return sl_fail(err, SL_ERR_USAGE, "there is no function '%s': expected one of %s%s", name, list,
                 sl_meant_of(meant, name, names, n));
}

sl_command sl_cmd_sweep;
int sl_cmd_sweep(int argc, char **argv) {
  options o = {.isa = "scalar", .stride = 1};
  sl_argp_parse(&parser, argc, argv, &o);
  sl_error err;
  const sl_function_map *maps = NULL;
  sl_sweep_vectors recorded, *check = NULL;
  sl_status status = SL_OK;
  if (strcmp(o.name, "all") != 0 && sl_sweep_function(o.name) == SL_FUNCTION_COUNT)
    status = fail_function(o.name, &err);
  else if (o.check && o.stride != 1)
    status = sl_fail(&err, SL_ERR_USAGE,
                     "--check compares digests of all inputs: it goes with no --stride");
  else if (o.vectors && (o.stride != 1 || o.digest_only || strcmp(o.name, "all") != 0 ||
                         strcmp(o.isa, "scalar") != 0))
    status = sl_fail(&err, SL_ERR_USAGE,
                     "--vectors records proofs of all scalar functions: it goes with no --stride, "
                     "--digest-only, --isa or NAME");
  else if (o.table && (o.json || o.vectors || o.digest_only || strcmp(o.isa, "scalar") != 0))
    status = sl_fail(&err, SL_ERR_USAGE,
                     "--table holds proof, digests and speed of every implementation: it goes with "
                     "no --json, --vectors, "
                     "--digest-only or --isa");
  else if (o.check)
    status = sl_sweep_vectors_read(check = &recorded, o.check, &err);
  if (status == SL_OK) status = choose_maps(&maps, o.isa, &err);
  if (status) return sl_cli_fail("sluice sweep", &err);
  return run_all(&o, maps, check);
}
