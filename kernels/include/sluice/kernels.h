/* The kernels of spec/kernels.def behind one context: backend, instruction set, threads, workspace.
 *
 * Each sl_NAME below has the parameters of its row in <sluice/kernels.def>, where shapes stand. It
 * checks the environment (spec N1.2) and its arguments, then runs the backend's kernel. All return
 * SL_OK, or fill ctx's error (sl_context_error) and leave outputs untouched; what a device can
 * report only later is described under "Errors of a device" below. `spec` is the specification,
 * installed in share/doc/sluice/spec. */
#ifndef SLUICE_KERNELS_H
#define SLUICE_KERNELS_H

#include <sluice/status.h>
#include <sluice/types.h>

#if defined(__GNUC__)
#pragma GCC visibility push(default) /* what libsluice.so exports */
#endif
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
#ifndef SL_KEY_CHUNK
#define SL_KEY_CHUNK 64
#endif
#define SL_SUM_LANES 32

/* Version of the numerics that this build follows; 0 for a test build with other chunks
 * (spec N1.8). */
#if SL_DOT_CHUNK == 256 && SL_SUM_CHUNK == 1024 && SL_KEY_CHUNK == 64
#define SL_NUMERICS_VERSION 2
#else
#define SL_NUMERICS_VERSION 0
#endif

typedef struct sl_context sl_context;

typedef enum { SL_ISA_BEST, SL_ISA_AVX2, SL_ISA_AVX512 } sl_isa;

typedef struct {
  const char *backend; /* "plain" or "cpu"; or one that sl_backend_add has added */
  sl_isa isa;          /* of the cpu backend */
  int threads;         /* 0: all that the system offers */
  int device;          /* of a backend on devices: which one, as CUDA numbers them */
  /* Of a backend on devices: a cudaStream_t of the caller's, on that device, which holds all
   * kernels and copies of the context (spec N1.10) and outlives it. NULL: one of the context's own.
   * CUDA's default stream is cudaStreamLegacy; cudaStreamPerThread is another one in each thread,
   * so wait before another thread uses the context. */
  void *stream;
  /* On the host: lends threads that the program has already. Runs body(data) on `threads` of them
   * at once, the calling one among them, and returns when all have ended, as GOMP_parallel of an
   * OpenMP runtime does (flags are 0). NULL: the context makes threads of its own, as it does in a
   * child of fork in any case. */
  void (*parallel)(void (*body)(void *data), void *data, unsigned threads, unsigned flags);
} sl_context_options;

/* SL_ERR_UNAVAILABLE for a backend or ISA that this build or machine lacks (spec N1.6), and for a
 * processor older than x86-64-v3: no other function looks, so a program for any machine makes a
 * context before all else. SL_ERR_USAGE for options that are no options, for a stream of
 * another device, and for one that is being captured into a graph (spec N1.10).
 *
 * The context owns a workspace that grows to the largest need and is reused: no allocation in a
 * training step after the first. Not for use by two threads at once. A child of fork may go on with
 * a context of the parent that no other thread was using: it makes its own threads. On a device
 * it may not, nor destroy it: CUDA does not outlive a fork. */
sl_status sl_context_create(sl_context **out, const sl_context_options *options, sl_error *err);
void sl_context_destroy(sl_context *ctx);
const sl_error *sl_context_error(const sl_context *ctx);
/* "plain", "cpu/avx2", "cpu/avx512", "simt", "ptx", "cuda"; with a vendor's: "cublas+cuda". */
const char *sl_context_backend(const sl_context *ctx);
int sl_context_threads(const sl_context *ctx);

/* Backends that are libraries of their own: cuda (libsluice_cuda, which needs the static
 * libsluice), simt, the same sources on a simulator, and ptx, what nvcc made of them on the
 * simulator. A context can be made with one's name once it is added; adding it again does nothing.
 * Not for use by two threads at once. */
typedef struct sl_backend sl_backend;
void sl_backend_add(const sl_backend *backend);
const sl_backend *sl_cuda_backend(void);
const sl_backend *sl_simt_backend(void);
const sl_backend *sl_ptx_backend(void);

/* Memory of a context: host memory for plain and cpu; where sl_context_on_device is 1 the device's,
 * which the host must not touch. All arrays of a kernel lie there except the offsets `seq` and the
 * structures that a kernel takes by pointer, which are always host memory. Kernels and copies of
 * one context run in the order of the calls. Aligned to 64 bytes; contents are undefined at first;
 * 0 bytes are allowed.
 *
 * Errors of a device. A kernel may still run when its call returns. The call itself checks shapes,
 * scalars and pointers. The kernel checks the contents of arrays (ids, positions, slots, numbers
 * that are not finite); if it refuses them, the next sl_memory_read or sl_context_synchronize,
 * which wait, return the error. So trust no result before such a wait returns SL_OK: the output of
 * a refused call is unwritten or meaningless, and later kernels may have read it.
 *
 * Such an error (SL_ERR_INPUT, SL_ERR_NONFINITE, with kernel and index) is reported once, by the
 * first wait; of several errors, that of the kernel that comes first in kernels.def. The context
 * can then be used again. After SL_ERR_IO, a failure of the driver or the device, the contents of
 * device memory are lost: free it and destroy the context. */
int sl_context_on_device(const sl_context *ctx);
sl_status sl_memory_alloc(sl_context *ctx, void **out, size_t bytes);
/* NULL is allowed. This and sl_context_destroy wait for the calls of the context; not where its
 * stream is being captured, which nobody can wait for: synchronize before. */
void sl_memory_free(sl_context *ctx, void *memory);
/* from_host may be reused at once. */
sl_status sl_memory_write(sl_context *ctx, void *to, const void *from_host, size_t bytes);
sl_status sl_memory_read(sl_context *ctx, void *to_host, const void *from, size_t bytes);
/* Both are the context's, and disjoint. */
sl_status sl_memory_copy(sl_context *ctx, void *to, const void *from, size_t bytes);
sl_status sl_memory_zero(sl_context *ctx, void *to, size_t bytes);
sl_status sl_context_synchronize(sl_context *ctx);

/* Bytes that linear_pack fills for w (n, k). 0: this backend does not pack; pass NULL as the pack.
 */
size_t sl_linear_pack_bytes(const sl_context *ctx, size_t n, size_t k, sl_pack_kind kind);

#define SL_UNPAREN(...) __VA_ARGS__
#define SL_KERNEL(name, params, args, storage, clause, bound) \
  sl_status sl_##name(sl_context *ctx, SL_UNPAREN params);
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
#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#endif
