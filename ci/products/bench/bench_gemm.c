/* sluice bench gemm: linear_forward against OpenBLAS's sgemm, interleaved, on one and two threads.
 *
 * OpenBLAS chooses kernels for the CPU's name, not always the fastest that run on it, and reads
 * OPENBLAS_CORETYPE when it is loaded. So this program runs itself: once for each core type, to
 * time and check it, and then with the fastest for the measurement. */
#include "bench.h"
#include "bench_machine.h"
#include "bench_product.h"

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

/* One product: y (t, n) = x (t, k) w (n, k)'. */
typedef struct {
  size_t t, n, k;
  float *x, *w, *y;
  void *packed;
} product;

static const size_t shapes[][3] = {{256, 256, 256}, {1024, 1024, 1024}, {2048, 896, 4864}};
#define SHAPES (sizeof shapes / sizeof *shapes)

static float *new_matrix(size_t n, uint32_t seed) {
  float *x = aligned_alloc(64, (n * sizeof *x / 64 + 1) * 64);
  for (size_t i = 0; x && i < n; i++) {
    seed = seed * 1664525u + 1013904223u;
    x[i] = (float)(int32_t)seed * 0x1p-31f;
  }
  return x;
}

static void product_free(product *p) { free(p->x), free(p->w), free(p->y), free(p->packed); }

static sl_status product_new(product *p, const size_t shape[3], sl_error *err) {
  *p = (product){.t = shape[0], .n = shape[1], .k = shape[2]};
  p->x = new_matrix(p->t * p->k, 1), p->w = new_matrix(p->n * p->k, 2),
  p->y = new_matrix(p->t * p->n, 3);
  if (p->x && p->w && p->y) return SL_OK;
  product_free(p);
  return sl_fail(err, SL_ERR_MEMORY, "no memory for matrices of %zu, %zu, %zu", p->t, p->n, p->k);
}

static sl_status run_blas(sl_context *ctx, const product *p) {
  (void)ctx;
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)p->t, (int)p->n, (int)p->k, 1.0f, p->x,
              (int)p->k, p->w, (int)p->k, 0.0f, p->y, (int)p->n);
  return SL_OK;
}

static sl_status run_unpacked(sl_context *ctx, const product *p) {
  return sl_linear_forward(ctx, p->y, p->x, p->w, NULL, NULL, p->t, p->n, p->k);
}

static sl_status run_packed(sl_context *ctx, const product *p) {
  return sl_linear_forward(ctx, p->y, p->x, p->w, p->packed, NULL, p->t, p->n, p->k);
}

typedef sl_status (*run_product)(sl_context *ctx, const product *p);

static int product_right(const product *p) {
  return sl_bench_product_right(p->y, p->x, p->w, p->t, p->n, p->k);
}

/* GFLOP/s of `repeats` products. */
static double rate(run_product run, sl_context *ctx, const product *p, size_t repeats) {
  const double begin = sl_bench_now();
  for (size_t i = 0; i < repeats; i++) run(ctx, p);
  return 2e-9 * (double)(p->t * p->n * p->k) * (double)repeats / (sl_bench_now() - begin);
}

static size_t repeats_for(const product *p, double gflops) {
  return 1 + (size_t)(SECONDS * gflops * 1e9 / (2.0 * (double)(p->t * p->n * p->k)));
}

/* Prints the core type's name and rate, if its result is right. */
static sl_status probe(sl_error *err) {
  product p;
  const sl_status status = product_new(&p, shapes[1], err);
  if (status) return status;
  openblas_set_num_threads(1);
  run_blas(NULL, &p);
  const int right = product_right(&p);
  double rates[PAIRS];
  for (size_t i = 0; i < PAIRS; i++) rates[i] = rate(run_blas, NULL, &p, 1);
  if (right) printf("%s %.3f\n", openblas_get_corename(), sl_bench_median(rates, PAIRS));
  product_free(&p);
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
  execl("/proc/self/exe", "sluice", "bench", "gemm", (char *)NULL);
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
  double ours, packed, blas, ratio;
} result;

static sl_status pack(sl_context *ctx, product *p) {
  const size_t bytes = sl_linear_pack_bytes(ctx, p->n, p->k, SL_PACK_FORWARD);
  p->packed = aligned_alloc(64, (bytes / 64 + 1) * 64);
  return p->packed ? sl_linear_pack(ctx, p->packed, p->w, p->n, p->k, SL_PACK_FORWARD)
                   : SL_ERR_MEMORY;
}

static sl_status measure_shape(result *r, sl_context *ctx, const size_t shape[3], sl_error *err) {
  product p;
  sl_status status = product_new(&p, shape, err);
  if (status) return status;
  status = pack(ctx, &p);
  if (!status) status = run_unpacked(ctx, &p);
  if (!status && !product_right(&p)) status = SL_ERR_MISMATCH;
  if (status) {
    product_free(&p);
    return sl_fail(err, status, "%zu x %zu x %zu: wrong product, or none", shape[0], shape[1],
                   shape[2]);
  }
  double ours[PAIRS], packed[PAIRS], blas[PAIRS], ratio[PAIRS];
  const size_t repeats = repeats_for(&p, rate(run_packed, ctx, &p, 1));
  for (size_t i = 0; i < PAIRS; i++) {
    ours[i] = rate(run_unpacked, ctx, &p, repeats);
    blas[i] = rate(run_blas, ctx, &p, repeats);
    packed[i] = rate(run_packed, ctx, &p, repeats);
    ratio[i] = ours[i] / blas[i];
  }
  product_free(&p);
  *r = (result){sl_bench_median(ours, PAIRS), sl_bench_median(packed, PAIRS),
                sl_bench_median(blas, PAIRS), sl_bench_median(ratio, PAIRS)};
  return SL_OK;
}

static void print_result(const result *r, const size_t s[3], int threads, int json, int first) {
  if (json)
    printf(
        "%s{\"t\": %zu, \"n\": %zu, \"k\": %zu, \"threads\": %d, \"gflops\": %.2f, "
        "\"gflops_packed\": %.2f, \"gflops_openblas\": %.2f, "
        "\"ratio\": %.3f}",
        first ? "" : ", ", s[0], s[1], s[2], threads, r->ours, r->packed, r->blas, r->ratio);
  else
    printf(
        "%4zu x %4zu x %4zu, %d thread%s: %7.1f GFLOP/s (%7.1f with w packed), OpenBLAS %7.1f, "
        "ratio %.3f\n",
        s[0], s[1], s[2], threads, threads == 1 ? " " : "s", r->ours, r->packed, r->blas, r->ratio);
  fflush(stdout);
}

static sl_status measure_threads(const sl_context_options *options, int json, int threads,
                                 double *square_rate, int first, sl_error *err) {
  sl_context *ctx = NULL;
  const sl_context_options with_threads = {options->backend, options->isa, threads};
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
    result r = {0};
    status = measure_shape(&r, ctx, shapes[i], err);
    if (status) break;
    print_result(&r, shapes[i], threads, json, first && i == 0);
    if (i == 1) *square_rate = r.packed;
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
  static char sluice[] = "sluice", bench[] = "bench", gemm[] = "gemm", avx2[] = "--isa=avx2",
              avx512[] = "--isa=avx512", as_json[] = "--json";
  char threads[24], *again[8] = {sluice, bench, gemm};
  int n = 3;
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
