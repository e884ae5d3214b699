/* Internals of a context: backend table, workspace, error (spec N1.2, N1.6). Internal. */
#ifndef SLUICE_CONTEXT_H
#define SLUICE_CONTEXT_H

#include "environment.h"
#include "repeat.h"
#include "team.h"

#include <sluice/kernels.h>

/* One function pointer for each row of spec/kernels.def. A table is filled with the plain kernels
 * and then overridden by those that a backend has, so that no entry is ever null. */
typedef struct {
#define SL_KERNEL(name, params, args, storage, clause, bound) \
  sl_status (*name)(sl_context * ctx, SL_UNPAREN params);
#include <sluice/kernels.def>
#undef SL_KERNEL
  size_t (*linear_pack_bytes)(size_t n, size_t k, sl_pack_kind kind);
} sl_kernel_table;

/* Memory of a context, where its kernels read and write; errors go to the context's. */
typedef struct {
  sl_status (*allocate)(sl_context *ctx, void **out, size_t bytes); /* bytes > 0 */
  void (*release)(sl_context *ctx, void *memory);
  sl_status (*write)(sl_context *ctx, void *to, const void *from_host, size_t bytes);
  sl_status (*read)(sl_context *ctx, void *to_host, const void *from, size_t bytes);
  sl_status (*copy)(sl_context *ctx, void *to, const void *from, size_t bytes);
  sl_status (*zero)(sl_context *ctx, void *to, size_t bytes);
  sl_status (*synchronize)(sl_context *ctx);
} sl_memory;
extern const sl_memory sl_host_memory;

/* A backend that is a library of its own. open fills table, memory and device, or fails and leaves
 * nothing behind. */
struct sl_backend {
  const char *name;
  sl_status (*open)(sl_context *ctx, const sl_context_options *options, sl_error *err);
  void (*close)(sl_context *ctx);
};

typedef struct sl_device sl_device; /* kernels/cuda/cuda.h */

struct sl_context {
  sl_kernel_table table;
  const char *backend;
  int threads;
  size_t l2_bytes; /* of a core, for blocking; never part of a result */
  sl_team *team;
  const sl_memory *memory;
  const sl_backend *own; /* NULL for plain and cpu */
  /* NULL on a host. On a device the backend checks the contents of arrays itself. */
  sl_device *device;
  /* NULL: the backend records no launches. */
  sl_status (*repeat)(sl_context *ctx, const sl_repeat_key *key, sl_repeated_calls *calls,
                      void *arg);
  int repeat_off;
  unsigned char *workspace;
  size_t workspace_bytes, workspace_used;
  sl_error error;
};

/* Memory for the duration of one kernel call, 64-byte aligned; NULL (with the context's error set)
 * if there is none. The dispatcher releases it all when the kernel returns. */
void *sl_workspace(sl_context *ctx, size_t bytes);

/* Calls body(arg, begin, end, thread) for disjoint ranges of at most `grain` indices that cover [0,
 * n), on the context's threads, in no particular order. SL_ERR_ENVIRONMENT if the floating-point
 * environment of a thread is wrong; no call was then made, unless a call of this job changed it. */
sl_status sl_parallel_for(sl_context *ctx, size_t n, size_t grain, sl_parallel_body body,
                          void *arg);

/* Sets ctx's table and name to those of the cpu backend. SL_ERR_UNAVAILABLE for an instruction set
 * that this CPU lacks. */
sl_status sl_cpu_open(sl_context *ctx, sl_isa isa, sl_error *err);

/* The backends: each overrides the entries of *table that it has. */
void sl_plain_table(sl_kernel_table *table);
void sl_avx2_table(sl_kernel_table *table);
void sl_avx512_table(sl_kernel_table *table);

#endif
