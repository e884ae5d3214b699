/* The cache of keys and values (spec T3.3): copies. 16 bytes per component that is stored, 16 a
 * component that is forked, no arithmetic; floor: bytes / bandwidth. Keys lie with positions
 * innermost: a tile of tokens and components is turned in shared memory, so that tokens of
 * neighbouring positions are written together. */
#include "cuda.h"

using namespace sl;

constexpr int side = 32, rows_a_step = 8; /* of the tile; a block has side * rows_a_step threads */

static __global__ void kv_store_kernel(float *k_cache, float *v_cache, const float *k,
                                       const float *v, const uint32_t *slot,
                                       const uint32_t *position, size_t t, size_t width, size_t d,
                                       size_t capacity, size_t slots, unsigned long long *faults) {
  SL_SHARED(float, tile, [side][side + 1]);
  constexpr int steps = side / rows_a_step;
  const size_t x = threadIdx.x % side, y = threadIdx.x / side;
  const size_t token0 = static_cast<size_t>(blockIdx.x) * side,
               component = static_cast<size_t>(blockIdx.y) * side + x;
  float keys[steps], values[steps];
  for (int s = 0; s < steps; s++) {
    const size_t own = token0 + y + static_cast<size_t>(s * rows_a_step);
    /* Beyond the end the last token is read, and nothing of it is kept. */
    const size_t at = (own < t ? own : t - 1) * width + (component < width ? component : width - 1);
    keys[s] = k[at], values[s] = v[at];
  }
  for (int s = 0; s < steps; s++) {
    const size_t r = y + static_cast<size_t>(s * rows_a_step), own = token0 + r,
                 p = own < t ? position[own] : capacity;
    tile[r][x] = keys[s];
    if (component < width && p < capacity && slot[own] < slots)
      v_cache[((slot[own] * (width / d) + component / d) * capacity + p) * d + component % d] =
          values[s];
  }
  if (!SL_PLANTED(dropped_barrier)) __syncthreads();
  const size_t token = token0 + x, p = token < t ? position[token] : 0;
  if (token >= t) return;
  if (p >= capacity || slot[token] >= slots) {
    if (y == 0 && blockIdx.y == 0)
      leave_fault(faults, SL_KERNEL_kv_store, p >= capacity ? SL_FAULT_position : SL_FAULT_slot,
                  token);
    return;
  }
  for (size_t r = y; r < side; r += rows_a_step) {
    const size_t c = static_cast<size_t>(blockIdx.y) * side + r;
    if (c < width) k_cache[(slot[token] * width + c) * capacity + p] = tile[x][r];
  }
}

/* One block per row of keys (one kv head's component) and as many values. */
static __global__ void kv_fork_kernel(float *k_cache, float *v_cache, const uint32_t *to,
                                      const uint32_t *from, const uint32_t *length, size_t n,
                                      size_t width, size_t d, size_t capacity, size_t slots,
                                      unsigned long long *faults) {
  for (size_t f = blockIdx.y; f < n; f += gridDim.y) {
    const size_t len = length[f], target = to[f] * width * capacity,
                 source = from[f] * width * capacity;
    if (len > capacity || to[f] >= slots || from[f] >= slots) {
      if (threadIdx.x == 0 && blockIdx.x == 0)
        leave_fault(faults, SL_KERNEL_kv_fork, len > capacity ? SL_FAULT_length : SL_FAULT_fork, f);
      continue;
    }
    for (size_t row = blockIdx.x; row < width; row += gridDim.x) {
      const size_t keys = row * capacity, values = row / d * d * capacity + row % d * len;
      for (size_t i = threadIdx.x; i < len; i += blockDim.x) {
        const float key = k_cache[source + keys + i], value = v_cache[source + values + i];
        k_cache[target + keys + i] = key;
        v_cache[target + values + i] = value;
      }
    }
  }
}

sl_status SL_DEVICE_NAME(kv_store)(sl_context *ctx, float *k_cache, float *v_cache, const float *k,
                                   const float *v, const uint32_t *slot, const uint32_t *position,
                                   size_t t, size_t kv_heads, size_t d, size_t capacity,
                                   size_t slots) {
  const size_t width = kv_heads * d, tiles_x = (t + side - 1) / side,
               tiles_y = (width + side - 1) / side;
  if (tiles_x > INT32_MAX || tiles_y > 65535)
    return sl_fail(&ctx->error, SL_ERR_USAGE, "kv_store: %zu tokens of %zu components", t, width);
  const dim3 grid(static_cast<unsigned>(tiles_x), static_cast<unsigned>(tiles_y), 1);
  if (t && width)
    SL_LAUNCH(kv_store_kernel, grid, side * rows_a_step, 0, ctx->device->stream, k_cache, v_cache,
              k, v, slot, position, t, width, d, capacity, slots, ctx->device->faults);
  return sl_device_status(ctx, "kv_store");
}

sl_status SL_DEVICE_NAME(kv_fork)(sl_context *ctx, float *k_cache, float *v_cache,
                                  const uint32_t *to, const uint32_t *from, const uint32_t *length,
                                  size_t n, size_t kv_heads, size_t d, size_t capacity,
                                  size_t slots) {
  const size_t width = kv_heads * d;
  const dim3 grid(blocks_for(width, 1), blocks_for(n, 1), 1);
  if (n && width)
    SL_LAUNCH(kv_fork_kernel, grid, 64, 0, ctx->device->stream, k_cache, v_cache, to, from, length,
              n, width, d, capacity, slots, ctx->device->faults);
  return sl_device_status(ctx, "kv_fork");
}
