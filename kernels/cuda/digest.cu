/* The digest of a tensor's bits (spec F5.3): sums of integers, which any split gives. A launch for
 * a tensor of one block, else two. Bytes and operations per element: 4, and some 30 of 32 bits for
 * two 64-bit multiplications, shifts and sums. Floor: bytes / bandwidth; where a chip reads faster
 * than 1 element for 30 integer operations, those. */
#include "kernels/core/mix64.h"

#include "cuda.h"
#include "vector.h"

using namespace sl;

namespace {

/* Of mix64 over elements: the sum modulo 2^64, and that of the high halves. */
struct half_sums {
  unsigned long long all, high;
};

constexpr int digest_threads = 256, blocks_max = 2048;

}  // namespace

static __device__ __forceinline__ void add_element(half_sums &s, size_t i, float x) {
  const unsigned long long z = sl_mix64(static_cast<uint32_t>(i), __float_as_uint(x));
  s.all += z, s.high += z >> 32;
}

static __device__ __forceinline__ half_sums warp_halves(half_sums s) {
  for (int h = lanes / 2; h > 0; h /= 2)
    s.all += __shfl_down_sync(all_lanes, s.all, h),
        s.high += __shfl_down_sync(all_lanes, s.high, h);
  return s;
}

/* The sums of the block's threads, in thread 0. */
static __device__ __forceinline__ half_sums block_halves(half_sums s) {
  constexpr int warps = digest_threads / lanes;
  SL_SHARED(unsigned long long, all, [warps]);
  SL_SHARED(unsigned long long, high, [warps]);
  const int warp = static_cast<int>(threadIdx.x) / lanes;
  s = warp_halves(s);
  if (lane_of_thread() == 0) all[warp] = s.all, high[warp] = s.high;
  if (!SL_PLANTED(digest_no_barrier)) __syncthreads();
  if (threadIdx.x == 0)
    for (int w = 1; w < warps; w++) s.all += all[w], s.high += high[w];
  return s;
}

/* parts: (2, blocks), or NULL where there is one block. */
static __global__ void __launch_bounds__(digest_threads)
    digest_kernel(uint64_t *digest, unsigned long long *parts, const float *x, size_t n,
                  int vector) {
  half_sums s = {0, 0};
  each4(n, vector, [&](size_t i, bool aligned) {
    const four f = load4(x, i, n, aligned);
    for (size_t k = 0; k < 4; k++)
      if (aligned || (!SL_PLANTED(digest_tail) && i + k < n)) add_element(s, i + k, f.v[k]);
  });
  s = block_halves(s);
  if (threadIdx.x) return;
  if (parts)
    parts[blockIdx.x] = s.all, parts[gridDim.x + blockIdx.x] = s.high;
  else
    sl_mix64_digest(digest, s.all, s.high);
}

static __global__ void __launch_bounds__(digest_threads)
    digest_parts_kernel(uint64_t *digest, const unsigned long long *parts, size_t n) {
  half_sums s = {0, 0};
  for (size_t i = threadIdx.x; i < n; i += digest_threads)
    s.all += parts[i], s.high += parts[n + i];
  s = block_halves(s);
  if (threadIdx.x == 0) sl_mix64_digest(digest, s.all, s.high);
}

sl_status SL_DEVICE_NAME(tensor_digest)(sl_context *ctx, uint64_t *digest, const float *x,
                                        size_t n) {
  const unsigned wanted = blocks_for(n, 4 * digest_threads),
                 blocks = wanted < blocks_max ? wanted : blocks_max;
  unsigned long long *parts = nullptr;
  if (blocks > 1) {
    parts = static_cast<unsigned long long *>(sl_device_workspace(ctx, 2 * blocks * sizeof *parts));
    if (!parts) return ctx->error.status;
  }
  SL_LAUNCH(digest_kernel, blocks, digest_threads, 0, ctx->device->stream, digest, parts, x, n,
            vectors(x));
  if (parts)
    SL_LAUNCH(digest_parts_kernel, 1, digest_threads, 0, ctx->device->stream, digest, parts,
              static_cast<size_t>(blocks));
  return sl_device_status(ctx, "tensor_digest");
}
