/* The key/value cache: storing tokens and forking prompts (spec T3.3). Copies only; floor: memory.
 *
 * Threads split kv heads, components, keys and values, and each walks the tokens (or forks) in
 * order: what is written twice ends as the later one says, whatever the number of threads
 * (spec N1.4). */
#include "cpu.h"
#include "lanes.h"

typedef struct {
  float *k_cache, *v_cache;
  const float *k, *v;
  const uint32_t *slot, *position;
  size_t n, width, d, capacity, slots; /* width = kv_heads * d */
} store_job;

/* By vectors: these copies are too short for memcpy's call. */
static inline void copy_floats(float *to, const float *from, size_t n) {
  for (size_t i = 0; i < n; i += SL_VW) v_store_n(to + i, n - i, v_load_n(from + i, n - i));
}

static void store_range(void *arg, size_t begin, size_t end, int thread) {
  const store_job *j = arg;
  const size_t first_head = begin / j->d;
  (void)thread;
  for (size_t i = 0; i < j->n; i++) {
    const size_t slot = j->slot[i] * j->width * j->capacity, position = j->position[i];
    const float *k = j->k + i * j->width, *v = j->v + i * j->width;
    SL_VERIFY(j->slot[i] < j->slots && position < j->capacity);
    for (size_t c = begin; c < end; c++) j->k_cache[slot + c * j->capacity + position] = k[c];
    for (size_t c = begin, head = first_head, stop; c < end; c = stop, head++) {
      stop = smaller(end, (head + 1) * j->d);
      copy_floats(j->v_cache + slot + (head * (j->capacity - 1) + position) * j->d + c, v + c,
                  stop - c);
    }
  }
}

/* Ranges of n units: one if the whole is short, else one a thread. */
static size_t units_grain(const sl_context *ctx, size_t n, size_t ns) {
  const size_t threads = (size_t)ctx->threads;
  return ns < 2 * SL_RANGE_NS ? n : (n + threads - 1) / threads;
}

sl_status SL_ISA_NAME(kv_store)(sl_context *ctx, float *k_cache, float *v_cache, const float *k,
                                const float *v, const uint32_t *slot, const uint32_t *position,
                                size_t t, size_t kv_heads, size_t d, size_t capacity,
                                size_t slots) {
  store_job j = {k_cache, v_cache, k, v, slot, position, t, kv_heads * d, d, capacity, slots};
  return sl_parallel_for(ctx, j.width, units_grain(ctx, j.width, t * j.width), store_range, &j);
}

typedef struct {
  float *k_cache, *v_cache;
  const uint32_t *to, *from, *length;
  size_t n, kv_heads, d, capacity, slots;
} fork_job;

/* Unit 2 g is the keys of kv head g, unit 2 g + 1 its values. */
static void fork_range(void *arg, size_t begin, size_t end, int thread) {
  const fork_job *j = arg;
  const size_t head = j->d * j->capacity, slot = j->kv_heads * head;
  (void)thread;
  for (size_t i = 0; i < j->n; i++) {
    SL_VERIFY(j->to[i] < j->slots && j->from[i] < j->slots && j->length[i] <= j->capacity);
    if (j->to[i] == j->from[i]) continue;
    for (size_t u = begin; u < end; u++) {
      const size_t to = j->to[i] * slot + u / 2 * head, from = j->from[i] * slot + u / 2 * head,
                   length = j->length[i];
      if (u % 2)
        copy_floats(j->v_cache + to, j->v_cache + from, length * j->d);
      else
        for (size_t c = 0; c < j->d; c++)
          copy_floats(j->k_cache + to + c * j->capacity, j->k_cache + from + c * j->capacity,
                      length);
    }
  }
}

sl_status SL_ISA_NAME(kv_fork)(sl_context *ctx, float *k_cache, float *v_cache, const uint32_t *to,
                               const uint32_t *from, const uint32_t *length, size_t n,
                               size_t kv_heads, size_t d, size_t capacity, size_t slots) {
  fork_job j = {k_cache, v_cache, to, from, length, n, kv_heads, d, capacity, slots};
  size_t floats = 0;
  for (size_t i = 0; i < n; i++) floats += length[i] + 16;
  return sl_parallel_for(ctx, 2 * kv_heads,
                         units_grain(ctx, 2 * kv_heads, floats * kv_heads * d / 4), fork_range, &j);
}
