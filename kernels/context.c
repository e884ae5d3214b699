/* Contexts: which backend and instruction set, and how many threads (spec N1.2, N1.6). */
#include "kernels/core/context.h"
#include "kernels/core/nearest.h"
#include "kernels/core/processors.h"

#include "kernels/core/processor.h"

#include <sluice/abi.h>

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if FLT_EVAL_METHOD != 0
#error "Sluice needs FLT_EVAL_METHOD 0 (spec N1.2)"
#endif

sl_status sl_cpu_open(sl_context *ctx, sl_isa isa, sl_error *err) {
  if ((int)isa < SL_ISA_BEST || isa > SL_ISA_AVX512)
    return sl_fail(err, SL_ERR_USAGE, "there is no instruction set number %d", (int)isa);
  if (isa == SL_ISA_BEST) isa = sl_processor_has_avx512() ? SL_ISA_AVX512 : SL_ISA_AVX2;
  if (isa == SL_ISA_AVX512) {
    if (!sl_processor_has_avx512())
      return sl_fail(err, SL_ERR_UNAVAILABLE, "this CPU has no AVX-512 (F, DQ, BW, VL)");
    ctx->backend = "cpu/avx512";
    sl_avx512_table(&ctx->table);
  } else {
    ctx->backend = "cpu/avx2";
    sl_avx2_table(&ctx->table);
  }
  return SL_OK;
}

#define BACKENDS_MAX 8
static const sl_backend *added[BACKENDS_MAX];

void sl_backend_add(const sl_backend *backend) {
  size_t i = 0;
  while (i < BACKENDS_MAX && added[i] && added[i] != backend) i++;
  if (i < BACKENDS_MAX) added[i] = backend;
}

static sl_status choose_added(sl_context *ctx, const sl_context_options *options, sl_error *err) {
  const char *name = options->backend;
  char known[160] = "plain, cpu", meant[SL_MEANT];
  sl_nearest nearest = {.word = name, .length = strlen(name)};
  sl_nearest_offer(&nearest, "plain"), sl_nearest_offer(&nearest, "cpu");
  for (size_t i = 0; i < BACKENDS_MAX && added[i]; i++) {
    if (strcmp(name, added[i]->name) == 0) {
      ctx->backend = added[i]->name, ctx->own = added[i];
      return added[i]->open(ctx, options, err);
    }
    const size_t used = strlen(known);
    snprintf(known + used, sizeof known - used, ", %s", added[i]->name);
    sl_nearest_offer(&nearest, added[i]->name);
  }
  return sl_fail(err, SL_ERR_UNAVAILABLE, "backend '%s' is not in this build; there are: %s%s",
                 name, known, sl_nearest_meant(meant, &nearest));
}

static sl_status choose_backend(sl_context *ctx, const sl_context_options *options, sl_error *err) {
  if (!sl_environment_ok())
    return sl_fail(err, SL_ERR_ENVIRONMENT,
                   "this thread does not round to nearest or flushes subnormals (spec N1.2)");
  sl_plain_table(&ctx->table);
  if (strcmp(options->backend, "plain") == 0) {
    ctx->backend = "plain";
    return SL_OK;
  }
  if (strcmp(options->backend, "cpu") == 0) return sl_cpu_open(ctx, options->isa, err);
  return choose_added(ctx, options, err);
}

/* The backend and its threads; what fails leaves nothing behind. */
static sl_status open_context(sl_context *ctx, const sl_context_options *options, sl_error *err) {
  SL_TRY(choose_backend(ctx, options, err));
  sl_status status = SL_OK;
  if (sl_context_on_device(ctx)) {
    ctx->threads = 1; /* its kernels run elsewhere */
    if (options->parallel)
      status = sl_fail(err, SL_ERR_USAGE,
                       "the backend '%s' computes on a device: it takes no threads of the host",
                       options->backend);
  } else if (options->device || options->stream) {
    status = sl_fail(err, SL_ERR_USAGE,
                     "the backend '%s' computes on the host: it takes no device and no stream",
                     options->backend);
  }
  if (!status) status = sl_team_create(&ctx->team, ctx->threads, options->parallel, err);
  if (status && ctx->own) ctx->own->close(ctx);
  return status;
}

sl_status sl_context_create(sl_context **out, const sl_context_options *options, sl_error *err) {
  SL_TRY(sl_abi_check_processor(err)); /* first: what follows may be compiled for more */
  if (!out || !options || !options->backend)
    return sl_fail(err, SL_ERR_USAGE, "a context needs options that name a backend");
  if (options->threads < 0)
    return sl_fail(err, SL_ERR_USAGE, "threads must be 0 (all) or more, not %d", options->threads);
  sl_context *ctx = calloc(1, sizeof *ctx);
  if (!ctx) return sl_fail(err, SL_ERR_MEMORY, "no memory for a context");
  ctx->memory = &sl_host_memory;
  ctx->threads = options->threads ? options->threads : sl_processors();
  ctx->l2_bytes = sl_l2_bytes();
  const sl_status status = open_context(ctx, options, err);
  if (status) {
    free(ctx);
    return status;
  }
  *out = ctx;
  return SL_OK;
}

void sl_context_destroy(sl_context *ctx) {
  if (!ctx) return;
  if (ctx->own) ctx->own->close(ctx);
  sl_team_destroy(ctx->team);
  free(ctx->workspace);
  free(ctx);
}

const sl_error *sl_context_error(const sl_context *ctx) { return &ctx->error; }
const char *sl_context_backend(const sl_context *ctx) { return ctx->backend; }
int sl_context_threads(const sl_context *ctx) { return ctx->threads; }

size_t sl_linear_pack_bytes(const sl_context *ctx, size_t n, size_t k, sl_pack_kind kind) {
  return ctx->table.linear_pack_bytes(n, k, kind);
}
