/* The kernels of spec/kernels.def behind one context: backend, instruction set, threads, workspace.
 * Each sl_NAME below has the parameters of its row; it checks the environment (spec N1.2) and its arguments, then runs the
 * backend's kernel. All return SL_OK, or fill ctx's error (sl_context_error) and leave outputs untouched. */
#ifndef SLUICE_KERNELS_H
#define SLUICE_KERNELS_H

#include <sluice/status.h>
#include <sluice/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Named constants of spec N1.8; a test build overrides them. Storage is F32 (spec N1.1). */
#ifndef SL_DOT_CHUNK
#define SL_DOT_CHUNK 256
#endif
#ifndef SL_SUM_CHUNK
#define SL_SUM_CHUNK 1024
#endif
#define SL_SUM_LANES 32

typedef struct sl_context sl_context;

typedef enum { SL_ISA_BEST, SL_ISA_AVX2, SL_ISA_AVX512 } sl_isa;

typedef struct {
  const char *backend; /* "plain" or "cpu"; later "cuda", "simt" */
  sl_isa isa;          /* of the cpu backend */
  int threads;         /* 0: all that the system offers */
} sl_context_options;

/* SL_ERR_UNAVAILABLE for a backend or ISA that is not there (spec N1.6). The context owns a workspace that grows to the
 * largest need and is reused: no allocation in a training step after the first. Not for use by two threads at once. */
sl_status sl_context_create(sl_context **out, const sl_context_options *options, sl_error *err);
void sl_context_destroy(sl_context *ctx);
const sl_error *sl_context_error(const sl_context *ctx);
const char *sl_context_backend(const sl_context *ctx); /* "plain", "cpu/avx2", "cpu/avx512" */
int sl_context_threads(const sl_context *ctx);

/* Bytes that linear_pack fills for w (n, k); 0: this backend does not pack, pass NULL. */
size_t sl_linear_pack_bytes(const sl_context *ctx, size_t n, size_t k, sl_pack_kind kind);

#define SL_UNPAREN(...) __VA_ARGS__
#define SL_KERNEL(name, params, args, storage, clause, bound) sl_status sl_##name(sl_context *ctx, SL_UNPAREN params);
#include <sluice/kernels.def>
#undef SL_KERNEL

typedef enum {
#define SL_KERNEL(name, params, args, storage, clause, bound) SL_KERNEL_##name,
#include <sluice/kernels.def>
#undef SL_KERNEL
  SL_KERNEL_COUNT
} sl_kernel_id;

#ifdef __cplusplus
}
#endif
#endif
