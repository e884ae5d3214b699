/* sluice bench gemm: the products of a linear layer against OpenBLAS's sgemm, interleaved, on one
 * and two threads.
 *
 * OpenBLAS chooses kernels for the CPU's name, not always the fastest that run on it, and reads
 * OPENBLAS_CORETYPE when it is loaded. So this program runs itself: once for each core type, to
 * time and check it, and then with the fastest for the measurement. */
#include "bench.h"
#include "bench_machine.h"
#include "gemm_product.h"

#include <sluice/kernels.h>

#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAIRS 7
#define SECONDS 0.05 /* a timing lasts at least this long, or one product */

/* What a run of this program by itself is for; read from the environment variable ROLE. */
#define ROLE "SLUICE_BENCH_OPENBLAS"
#define ROLE_PROBE "probe"
#define ROLE_MEASURE "measure"

/* t, n, k; the last two are Qwen2.5-0.5B's feed-forward layer */
static const size_t shapes[][3] = {
    {256, 256, 256}, {1024, 1024, 1024}, {2048, 4864, 896}, {2048, 896, 4864}};
enum { SHAPES = sizeof shapes / sizeof *shapes, SQUARE = 1 };

enum { BLAS, OURS, PACKED, WAYS };

/* GFLOP/s of `repeats` products. */
static double rate(const sl_gemm_pass *pass, int way, sl_context *ctx, const sl_gemm_product *p,
                   size_t repeats) {
  const double begin = sl_bench_now();
  for (size_t i = 0; i < repeats; i++) {
    if (way == BLAS)
      pass->blas(p);
    else
      pass->ours(ctx, p, way == PACKED);
  }
  return 2e-9 * (double)(p->t * p->n * p->k) * (double)repeats / (sl_bench_now() - begin);
}

static size_t repeats_for(const sl_gemm_product *p, double gflops) {
  return 1 + (size_t)(SECONDS * gflops * 1e9 / (2.0 * (double)(p->t * p->n * p->k)));
}

/* Prints the core type's name and rate, if its result is right. */
static sl_status probe(sl_error *err) {
  sl_gemm_product p;
  SL_TRY(sl_gemm_product_new(&p, NULL, shapes[SQUARE], err));
  const sl_gemm_pass *forward = sl_gemm_pass_at(0);
  openblas_set_num_threads(1);
  forward->blas(&p);
  const int right = forward->right(&p);
  double rates[PAIRS];
  for (size_t i = 0; i < PAIRS; i++) rates[i] = rate(forward, BLAS, NULL, &p, 1);
  if (right) printf("%s %.3f\n", openblas_get_corename(), sl_bench_median(rates, PAIRS));
  sl_gemm_product_free(&p);
  return right ? SL_OK : sl_fail(err, SL_ERR_MISMATCH, "a wrong product");
}

static const char *const core_types[] = {"Haswell", "Zen", "SkylakeX", "Cooperlake",
                                         "Sapphirerapids"};
#define CORE_TYPES (sizeof core_types / sizeof *core_types)

static void become_probe(int out, const char *core) {
  dup2(out, STDOUT_FILENO);
  setenv("OPENBLAS_CORETYPE", core, 1);
  setenv("OPENBLAS_NUM_THREADS", "1", 1);
  setenv(ROLE, ROLE_PROBE, 1);
  execl("/proc/self/exe", "sluice-bench", "gemm", (char *)NULL);
  _exit(127);
}

/* The rate in a probe's line, 0 if the line is not of this core type. */
static double rate_in(const char *line, const char *core) {
  const size_t n = strcspn(line, " ");
  return n == strlen(core) && strncasecmp(line, core, n) == 0 ? strtod(line + n, NULL) : 0.0;
}

/* The rate of a core type, 0 if it does not run here (an instruction that the CPU lacks ends the
 * child) or gives a wrong result. */
static double core_rate(const char *core) {
  int ends[2];
  if (pipe(ends)) return 0.0;
  const pid_t child = fork();
  if (child == 0) become_probe(ends[1], core);
  close(ends[1]);
  char line[128] = "";
  FILE *f = fdopen(ends[0], "r");
  if (f && !fgets(line, sizeof line, f)) line[0] = '\0';
  if (f) fclose(f);
  int status = 0;
  if (child > 0) waitpid(child, &status, 0);
  return child < 0 || status ? 0.0 : rate_in(line, core);
}

static const char *best_core(int talk) {
  const char *best = NULL;
  double most = 0.0;
  for (size_t i = 0; i < CORE_TYPES; i++) {
    const double gflops = core_rate(core_types[i]);
    if (talk && gflops > 0.0)
      printf("OpenBLAS as %s: %.1f GFLOP/s at 1024^3 on one thread\n", core_types[i], gflops);
    if (talk && gflops == 0.0) printf("OpenBLAS as %s: not here\n", core_types[i]);
    if (gflops > most) most = gflops, best = core_types[i];
  }
  return best;
}

typedef struct {
  double gflops[WAYS], ratio; /* ratio: ours to BLAS, both packing w each time */
} result;

/* 1 if both give the right product. */
static int products_right(const sl_gemm_pass *pass, sl_context *ctx, const sl_gemm_product *p) {
  for (int way = 0; way < WAYS; way++) {
    memset(p->dw, 0, p->n * p->k * sizeof *p->dw); /* what weight gradients add to */
    rate(pass, way, ctx, p, 1);
    if (!pass->right(p)) return 0;
  }
  return 1;
}

static result measure_pass(const sl_gemm_pass *pass, sl_context *ctx, const sl_gemm_product *p) {
  double gflops[WAYS][PAIRS], ratio[PAIRS];
  const size_t repeats = repeats_for(p, rate(pass, PACKED, ctx, p, 1));
  result r;
  for (size_t i = 0; i < PAIRS; i++) {
    for (int way = 0; way < WAYS; way++) gflops[way][i] = rate(pass, way, ctx, p, repeats);
    ratio[i] = gflops[OURS][i] / gflops[BLAS][i];
  }
  for (int way = 0; way < WAYS; way++) r.gflops[way] = sl_bench_median(gflops[way], PAIRS);
  r.ratio = sl_bench_median(ratio, PAIRS);
  return r;
}

static void print_result(const result *r, const sl_gemm_pass *pass, const size_t s[3], int threads,
                         int json, int first) {
  const double *g = r->gflops;
  char packed[64] = "";
  if (pass->packs)
    snprintf(packed, sizeof packed, json ? "\"gflops_packed\": %.2f, " : " (%.1f with w packed)",
             g[PACKED]);
  if (json)
    printf(
        "%s{\"pass\": \"%s\", \"t\": %zu, \"n\": %zu, \"k\": %zu, \"threads\": %d, "
        "\"gflops\": %.2f, %s\"gflops_openblas\": %.2f, \"ratio\": %.3f}",
        first ? "" : ", ", pass->name, s[0], s[1], s[2], threads, g[OURS], packed, g[BLAS],
        r->ratio);
  else
    printf("%-15s %4zu x %4zu x %4zu, %d thread%s: %7.1f GFLOP/s%s, OpenBLAS %.1f, ratio %.3f\n",
           pass->name, s[0], s[1], s[2], threads, threads == 1 ? "" : "s", g[OURS], packed, g[BLAS],
           r->ratio);
  fflush(stdout);
}

/* All passes of a shape; *square: GFLOP/s of the forward one with w packed. */
static sl_status measure_shape(sl_context *ctx, const size_t shape[3], int json, int first,
                               double *square, sl_error *err) {
  sl_gemm_product p;
  SL_TRY(sl_gemm_product_new(&p, ctx, shape, err));
  sl_status status = SL_OK;
  for (size_t i = 0; !status && i < SL_GEMM_PASSES; i++) {
    const sl_gemm_pass *pass = sl_gemm_pass_at(i);
    if (!products_right(pass, ctx, &p)) {
      status = sl_fail(err, SL_ERR_MISMATCH, "%s of %zu x %zu x %zu: a wrong product", pass->name,
                       shape[0], shape[1], shape[2]);
      break;
    }
    const result r = measure_pass(pass, ctx, &p);
    print_result(&r, pass, shape, sl_context_threads(ctx), json, first && i == 0);
    if (i == 0) *square = r.gflops[PACKED];
  }
  sl_gemm_product_free(&p);
  return status;
}

static sl_status measure_threads(const sl_context_options *options, int json, int threads,
                                 double *square_rate, int first, sl_error *err) {
  sl_context *ctx = NULL;
  const sl_context_options with_threads = {
      .backend = options->backend, .isa = options->isa, .threads = threads};
  sl_status status = sl_context_create(&ctx, &with_threads, err);
  if (status) return status;
  openblas_set_num_threads(threads);
  if (first) {
    const char *format = json ? "{\"cpu\": \"%s\", \"backend\": \"%s\", \"compiler\": \"%s\", "
                                "\"openblas\": \"%s\", \"results\": ["
                              : "%s, %s, %s, OpenBLAS as %s\n";
    printf(format, sl_bench_cpu(), sl_context_backend(ctx), SLUICE_COMPILER,
           openblas_get_corename());
  }
  for (size_t i = 0; !status && i < SHAPES; i++) {
    double rate_of_shape = 0.0;
    status = measure_shape(ctx, shapes[i], json, first && i == 0, &rate_of_shape, err);
    if (i == SQUARE) *square_rate = rate_of_shape;
  }
  sl_context_destroy(ctx);
  return status;
}

static sl_status measure(const sl_context_options *options, int json, sl_error *err) {
  double one = 0.0, two = 0.0;
  const double load = sl_bench_load();
  sl_status status =
      measure_threads(options, json, options->threads ? options->threads : 1, &one, 1, err);
  if (!status && !options->threads) status = measure_threads(options, json, 2, &two, 0, err);
  if (status) return status;
  if (json) {
    printf("], \"load_before\": %.2f, \"load_after\": %.2f}\n", load, sl_bench_load());
    return SL_OK;
  }
  if (!options->threads) printf("two threads: %.2f times one at 1024^3\n", two / one);
  printf("load of the machine: %.2f before, %.2f after\n", load, sl_bench_load());
  return SL_OK;
}

/* This program again with the same options and the fastest core type. */
static sl_status run_again(const sl_context_options *options, int json, const char *core,
                           sl_error *err) {
  static char bench[] = "sluice-bench", gemm[] = "gemm", avx2[] = "--isa=avx2",
              avx512[] = "--isa=avx512", as_json[] = "--json";
  char threads[24], *again[8] = {bench, gemm};
  int n = 2;
  snprintf(threads, sizeof threads, "--threads=%d", options->threads);
  if (options->threads) again[n++] = threads;
  if (options->isa != SL_ISA_BEST) again[n++] = options->isa == SL_ISA_AVX2 ? avx2 : avx512;
  if (json) again[n++] = as_json;
  fflush(stdout);
  setenv("OPENBLAS_CORETYPE", core, 1);
  setenv(ROLE, ROLE_MEASURE, 1);
  execv("/proc/self/exe", again);
  return sl_fail(err, SL_ERR_IO, "cannot run itself again");
}

sl_status sl_bench_gemm(const sl_context_options *context, const sl_bench_options *options,
                        sl_error *err) {
  const char *role = getenv(ROLE);
  if (role && strcmp(role, ROLE_PROBE) == 0) return probe(err);
  if (role && strcmp(role, ROLE_MEASURE) == 0) return measure(context, options->json, err);
  if (strcmp(context->backend, "cpu") != 0)
    return sl_fail(err, SL_ERR_USAGE, "bench gemm is of the cpu backend");
  const char *core = best_core(!options->json);
  if (!core) return sl_fail(err, SL_ERR_UNAVAILABLE, "no core type of OpenBLAS runs here");
  return run_again(context, options->json, core, err);
}
