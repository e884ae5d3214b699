/* Embedding rows and their gradient (spec T1.1, T1.2). Forward: 8 D bytes per token, no arithmetic.
 * Gradient: 4 T D bytes of dy, 8 U D of the U rows that occur, T D additions, and ids read T / 32
 * times a token from L2: 4 T^2 / 32 warp loads; floor: bytes / bandwidth while T D outweighs T^2
 * / 32. */
#include "cuda.h"
#include "vector.h"

using namespace sl;

static __global__ void embedding_forward_kernel(float *y, const float *table, const uint32_t *ids,
                                                size_t t, size_t d, size_t vocab, int vector,
                                                unsigned long long *faults) {
  for (size_t row = blockIdx.x; row < t; row += gridDim.x) {
    const size_t id = ids[row];
    if (id >= vocab) {
      if (threadIdx.x == 0) leave_fault(faults, SL_KERNEL_embedding_forward, SL_FAULT_id, row);
      continue;
    }
    for (size_t c = 4 * static_cast<size_t>(threadIdx.x); c < d; c += 4 * blockDim.x) {
      const bool aligned = vector && c + 4 <= d;
      store4(y + row * d, c, d, aligned, load4(table + id * d, c, d, aligned));
    }
  }
}

constexpr int columns = 4; /* of one lane */

/* The lanes whose token of [first, first + 32) has that id. */
static __device__ __forceinline__ unsigned tokens_with(const uint32_t *ids, size_t first,
                                                       size_t end, uint32_t id) {
  const size_t token = first + static_cast<size_t>(lane_of_thread());
  return __ballot_sync(all_lanes, token < end && ids[token] == id);
}

/* 1 if no token before i has its id. */
static __device__ __forceinline__ bool occurs_first(const uint32_t *ids, size_t i, uint32_t id) {
  for (size_t first = 0; first < i; first += lanes)
    if (tokens_with(ids, first, i, id)) return false;
  return true;
}

/* The warp of an id's first token has that row: it goes through the id's tokens in order, and ends
 * a chain where their chunk does. */
static __device__ void row_grad(float *total, const float *dy, const uint32_t *ids,
                                const uint32_t *chunk_begin, size_t t, size_t d, size_t token,
                                size_t column) {
  const uint32_t id = ids[token];
  float sum[columns], chain[columns];
  for (int q = 0; q < columns; q++) {
    const size_t c = column + static_cast<size_t>(q * lanes);
    sum[q] = c < d ? total[id * d + c] : 0.0f, chain[q] = 0.0f;
  }
  size_t chunk = 0;
  while (chunk_begin[chunk + 1] <= token) chunk++;
  size_t chunk_end = chunk_begin[chunk + 1];
  for (size_t first = token; first < t; first += lanes)
    for (unsigned found = tokens_with(ids, first, t, id); found; found &= found - 1) {
      const size_t at = first + static_cast<size_t>(__ffs(static_cast<int>(found)) - 1);
      if (at >= chunk_end) {
        for (int q = 0; q < columns; q++) sum[q] = __fadd_rn(sum[q], chain[q]), chain[q] = 0.0f;
        while (chunk_begin[chunk + 1] <= at) chunk++;
        chunk_end = chunk_begin[chunk + 1];
      }
      for (int q = 0; q < columns; q++) {
        const size_t c = column + static_cast<size_t>(q * lanes);
        if (c < d) chain[q] = __fmaf_rn(dy[at * d + c], 1.0f, chain[q]);
      }
    }
  for (int q = 0; q < columns; q++) {
    const size_t c = column + static_cast<size_t>(q * lanes);
    if (c < d) total[id * d + c] = __fadd_rn(sum[q], chain[q]);
  }
}

static __global__ void embedding_grad_kernel(float *total, const float *dy, const uint32_t *ids,
                                             const uint32_t *chunk_begin, size_t t, size_t d,
                                             size_t vocab, unsigned long long *faults) {
  for (size_t token = warp_of_grid(); token < t; token += warps_of_grid()) {
    const uint32_t id = ids[token];
    if (id >= vocab) {
      if (lane_of_thread() == 0 && blockIdx.y == 0)
        leave_fault(faults, SL_KERNEL_embedding_grad, SL_FAULT_id, token);
      continue;
    }
    if (!occurs_first(ids, token, id)) continue;
    for (size_t begin = static_cast<size_t>(blockIdx.y) * columns * lanes; begin < d;
         begin += static_cast<size_t>(gridDim.y) * columns * lanes)
      row_grad(total, dy, ids, chunk_begin, t, d, token,
               begin + static_cast<size_t>(lane_of_thread()));
  }
}

sl_status SL_DEVICE_NAME(embedding_forward)(sl_context *ctx, float *y, const float *table,
                                            const uint32_t *ids, size_t t, size_t d, size_t vocab) {
  const size_t quads = d ? (d + 3) / 4 : 1;
  const unsigned threads =
      quads >= 256 ? 256 : static_cast<unsigned>((quads + lanes - 1) / lanes * lanes);
  const int vector = vectors(y, table) && d % 4 == 0;
  if (t)
    SL_LAUNCH(embedding_forward_kernel, blocks_for(t, 1), threads, 0, ctx->device->stream, y, table,
              ids, t, d, vocab, vector, ctx->device->faults);
  return sl_device_status(ctx, "embedding_forward");
}

sl_status SL_DEVICE_NAME(embedding_grad)(sl_context *ctx, float *total, const float *dy,
                                         const uint32_t *ids, const uint32_t *seq, size_t n_seq,
                                         size_t d, size_t vocab) {
  SL_TRY(sl_device_offsets(ctx, seq, n_seq));
  const sl_device *device = ctx->device;
  const size_t t = n_seq ? seq[n_seq] : 0;
  const unsigned threads = 128;
  const dim3 grid(blocks_for(t, threads / lanes), blocks_for(d, columns * lanes), 1);
  if (t)
    SL_LAUNCH(embedding_grad_kernel, grid, threads, 0, device->stream, total, dy, ids,
              device->chunk_begin, t, d, vocab, device->faults);
  return sl_device_status(ctx, "embedding_grad");
}
