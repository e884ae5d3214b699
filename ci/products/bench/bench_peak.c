/* sluice bench peak: what this machine does at most, of which floors are made: multiply-adds in
 * registers, and copying memory. */
#include "bench.h"
#include "bench_machine.h"
#include "on_request.h"
#include "peak.h"

#include "kernels/core/context.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 7, PIECES = 16, COPIES = 64, CHAIN_ROUNDS = 20000 };
#define COPIED ((size_t)16 << 20) /* floats: more than a cache holds */

/* A thread that wakes late finds less to do: the work lies in PIECES for each. */
typedef struct {
  sl_context *ctx;
  sl_peak_chains *chains;
  sl_peak_copy *copy;
  float *from, *to;
  size_t fmas; /* of a round */
  float sink[PIECES * 1024];
} peak;

static void run_chains(void *arg, size_t begin, size_t end, int thread) {
  peak *p = arg;
  size_t fmas;
  (void)thread;
  for (size_t i = begin; i < end; i++)
    p->sink[i % (sizeof p->sink / sizeof *p->sink)] = p->chains(CHAIN_ROUNDS, &fmas);
}

static void run_copy(void *arg, size_t begin, size_t end, int thread) {
  peak *p = arg;
  const size_t piece = COPIED / COPIES;
  (void)thread;
  for (size_t i = begin; i < end; i++) p->copy(p->to + i * piece, p->from + i * piece, piece);
}

typedef struct {
  double gflops, gbytes; /* a second; bytes are counted where they are read and where written */
} rates;

static sl_status measure(peak *p, rates *r, sl_error *err) {
  const size_t pieces = (size_t)sl_context_threads(p->ctx) * PIECES;
  const double begin = sl_bench_now();
  sl_status status = sl_parallel_for(p->ctx, pieces, 1, run_chains, p);
  const double middle = sl_bench_now();
  if (!status) status = sl_parallel_for(p->ctx, COPIES, 1, run_copy, p);
  const double end = sl_bench_now();
  if (status) return sl_fail(err, status, "%s", sl_context_error(p->ctx)->message);
  r->gflops = 2e-9 * (double)(pieces * CHAIN_ROUNDS * p->fmas) / (middle - begin);
  r->gbytes = 2e-9 * (double)(COPIED * sizeof(float)) / (end - middle);
  return SL_OK;
}

static sl_status answer(void *user, char *text, size_t room, sl_error *err) {
  rates r;
  const sl_status status = measure(user, &r, err);
  if (!status) snprintf(text, room, "{\"gflops\":%.3f,\"gbytes\":%.3f}", r.gflops, r.gbytes);
  return status;
}

static sl_status print_medians(peak *p, int json, sl_error *err) {
  double gflops[ROUNDS], gbytes[ROUNDS];
  for (int i = 0; i < ROUNDS; i++) {
    rates r;
    const sl_status status = measure(p, &r, err);
    if (status) return status;
    gflops[i] = r.gflops, gbytes[i] = r.gbytes;
  }
  const int threads = sl_context_threads(p->ctx);
  printf(json ? "{\"cpu\": \"%s\", \"backend\": \"%s\", \"threads\": %d, \"gflops\": %.1f, "
                "\"gbytes\": %.1f}\n"
              : "%s, %s, threads: %d; at most %.1f GFLOP/s in registers, copy %.1f GB/s\n",
         sl_bench_cpu(), sl_context_backend(p->ctx), threads, sl_bench_median(gflops, ROUNDS),
         sl_bench_median(gbytes, ROUNDS));
  return SL_OK;
}

static sl_status open_peak(peak *p, const sl_context_options *context, sl_error *err) {
  sl_status status = sl_context_create(&p->ctx, context, err);
  if (status) return status;
  const int wide = strcmp(sl_context_backend(p->ctx), "cpu/avx512") == 0;
  p->chains = wide ? sl_avx512_peak_chains : sl_avx2_peak_chains;
  p->copy = wide ? sl_avx512_peak_copy : sl_avx2_peak_copy;
  p->from = sl_bench_numbers(COPIED, 1, 1.0f), p->to = sl_bench_numbers(COPIED, 2, 1.0f);
  if (!p->from || !p->to) return sl_fail(err, SL_ERR_MEMORY, "no memory for two arrays of 64 MiB");
  p->chains(1, &p->fmas);
  return SL_OK;
}

sl_status sl_bench_peak(const sl_context_options *context, const sl_bench_options *options,
                        sl_error *err) {
  if (strcmp(context->backend, "cpu") != 0)
    return sl_fail(err, SL_ERR_USAGE, "bench peak is of the cpu backend");
  peak *p = calloc(1, sizeof *p);
  if (!p) return sl_fail(err, SL_ERR_MEMORY, "no memory for a bench");
  sl_status status = open_peak(p, context, err);
  if (!status && options->on_request) {
    printf("{\"backend\":\"%s\",\"threads\":%d}\n", sl_context_backend(p->ctx),
           sl_context_threads(p->ctx));
    status = sl_on_request(answer, p, err);
  } else if (!status) {
    status = print_medians(p, options->json, err);
  }
  free(p->from), free(p->to);
  sl_context_destroy(p->ctx);
  free(p);
  return status;
}
