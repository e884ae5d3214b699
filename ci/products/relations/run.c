/* Runs of the relations: backends, kernels, problems. */
#include "run_row.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MORE = 8 }; /* problems beyond those that were asked for (spec E4.2) */

/* A backend that is here, in a context for each number of threads. */
typedef struct {
  char name[48];
  sl_context *ctx[SL_ROW_CONTEXTS];
  size_t contexts, shrink;
} backend;

typedef struct {
  sl_context *golden;
  backend list[SL_RUN_BACKENDS];
  size_t n, skipped;
} house;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int begins_with(const char *text, const char *prefix) {
  return strncmp(text, prefix, strlen(prefix)) == 0;
}

static int simulated(const char *name) {
  return begins_with(name, "simt") || begins_with(name, "ptx");
}

/* Where every access costs, problems are smaller and threads are simulated anyway. */
static sl_status open_backend(house *h, const char *name, sl_isa isa, size_t shrink,
                              sl_error *err) {
  static const int threads[SL_ROW_CONTEXTS] = {1, 2, 5};
  backend *b = &h->list[h->n];
  *b = (backend){.shrink = shrink ? shrink : simulated(name) ? 32 : 1};
  const size_t contexts = simulated(name) ? 1 : SL_ROW_CONTEXTS;
  for (; b->contexts < contexts; b->contexts++) {
    const sl_context_options options = {
        .backend = name, .isa = isa, .threads = threads[b->contexts]};
    const sl_status status = sl_context_create(&b->ctx[b->contexts], &options, err);
    if (status) return status;
    if (sl_context_on_device(b->ctx[b->contexts])) { /* one context per device is enough */
      b->contexts++;
      break;
    }
  }
  snprintf(b->name, sizeof b->name, "%s", sl_context_backend(b->ctx[0]));
  h->n++;
  return SL_OK;
}

/* Backends that a build may have. ptx is slow: it runs where it is asked for. */
static const struct {
  const char *name;
  sl_isa isa;
  int asked;
} known[] = {{"plain", SL_ISA_BEST, 0},    {"cpu", SL_ISA_AVX2, 0},   {"cpu", SL_ISA_AVX512, 0},
             {"simt", SL_ISA_BEST, 0},     {"ptx", SL_ISA_BEST, 1},   {"cuda", SL_ISA_BEST, 0},
             {"openblas", SL_ISA_BEST, 0}, {"cublas", SL_ISA_BEST, 0}};

static int is_wanted(const sl_run_request *r, size_t i) {
  if (!r->backend) return !known[i].asked;
  return strcmp(r->backend, known[i].name) == 0 &&
         (r->isa == SL_ISA_BEST || r->isa == known[i].isa);
}

/* Those that are wanted and here; one that nobody knows may have been added by a test. */
static sl_status open_house(house *h, const sl_run_request *r, sl_error *err) {
  size_t found = 0;
  SL_TRY(
      sl_context_create(&h->golden, &(sl_context_options){.backend = "plain", .threads = 1}, err));
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    if (!is_wanted(r, i)) continue;
    found++;
    const sl_status status = open_backend(h, known[i].name, known[i].isa, r->shrink, err);
    if (status == SL_ERR_UNAVAILABLE)
      h->skipped++;
    else if (status)
      return status;
  }
  return found ? SL_OK : open_backend(h, r->backend, r->isa, r->shrink, err);
}

static void close_house(house *h) {
  for (size_t b = 0; b < SL_RUN_BACKENDS; b++)
    for (size_t i = 0; i < SL_ROW_CONTEXTS; i++) sl_context_destroy(h->list[b].ctx[i]);
  sl_context_destroy(h->golden);
}

static int differs(const sl_row_state *s) {
  return sl_outcome_of_op(&s->row.outcomes) == SL_OUTCOME_DIFFERENT;
}

/* On some problems a control is right within the bound (a sample that is certain has the log-prob
 * 0): of a kind that has no other, the next ones are tried too (spec E4.2). */
static sl_status find_power(sl_row_state *s, const house *h, const backend *b, size_t cases,
                            sl_error *err) {
  size_t number = cases;
  for (size_t more = 0; more < MORE && !differs(s); more++) {
    const size_t kind = sl_row_powerless(s);
    if (kind == SL_RUN_KINDS) break;
    while ((s->row.seed + number) % SL_RUN_KINDS != kind) number++;
    SL_TRY(sl_row_problem(s, number++, h->golden, b->ctx, b->contexts, b->shrink, err));
  }
  return SL_OK;
}

/* Problems of one kernel on one backend: until one differs, all are done, or the time is up (but
 * one is done always). */
static sl_status run_kernel(const sl_run_request *r, const house *h, const backend *b,
                            sl_kernel_id kernel, double seconds, sl_run_visitor *each, void *arg,
                            sl_error *err) {
  const double begin = now();
  sl_row_state state;
  sl_row_begin(&state, r, kernel, b->name);
  sl_status status = SL_OK;
  size_t done = 0;
  for (; !status && !differs(&state); done++) {
    if (seconds > 0.0 ? done > 0 && now() - begin >= seconds : done >= r->cases) break;
    status = sl_row_problem(&state, done, h->golden, b->ctx, b->contexts, b->shrink, err);
  }
  if (!status) status = find_power(&state, h, b, done, err);
  sl_row_finish(&state);
  state.row.seconds = now() - begin;
  if (!status) each(arg, &state.row);
  sl_row_end(&state);
  return status;
}

sl_status sl_run(const sl_run_request *r, sl_run_visitor *each, void *arg, size_t *skipped,
                 sl_error *err) {
  house h = {0};
  sl_status status = open_house(&h, r, err);
  size_t kernels = 0;
  for (int k = 0; k < SL_KERNEL_COUNT; k++) kernels += !r->some || r->wanted[k];
  const double share = h.n ? r->seconds / (double)(kernels * h.n) : 0.0;
  for (int k = 0; !status && k < SL_KERNEL_COUNT; k++)
    for (size_t b = 0; !status && b < h.n; b++)
      if (!r->some || r->wanted[k])
        status = run_kernel(r, &h, &h.list[b], (sl_kernel_id)k, share, each, arg, err);
  *skipped = h.skipped;
  close_house(&h);
  return status;
}
