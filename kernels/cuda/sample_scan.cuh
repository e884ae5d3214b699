/* Integer scans of a block for sampling (spec N5.5): whole numbers, so that any order gives the
 * one sum. */
#ifndef SLUICE_CUDA_SAMPLE_SCAN_CUH
#define SLUICE_CUDA_SAMPLE_SCAN_CUH

#include "cuda.h"

namespace sl {

typedef unsigned long long u64;

/* Where a cumulative sum passes a number: the index, and the sum before it. */
struct crossing {
  size_t index;
  u64 before;
};

static __device__ __forceinline__ u64 warp_total(u64 v) {
  for (int h = lanes / 2; h > 0; h /= 2) v += __shfl_xor_sync(all_lanes, v, h);
  return v;
}

/* The sum of every thread's v, for all of them. */
template <int Threads>
static __device__ __forceinline__ u64 block_total(u64 v) {
  SL_SHARED(u64, warp_sums, [Threads / lanes]);
  v = warp_total(v);
  if (lane_of_thread() == 0) warp_sums[threadIdx.x / lanes] = v;
  __syncthreads();
  u64 total = 0;
  for (int w = 0; w < Threads / lanes; w++) total += warp_sums[w];
  __syncthreads();
  return total;
}

/* Amounts of the items first + thread Each + i, on top of `before`: the thread in whose items the
 * cumulative sum passes x writes *found. Returns the sum over the block; all threads see *found
 * when it returns. */
template <int Threads, int Each>
static __device__ __forceinline__ u64 scan_items(const u64 (&amount)[Each], size_t first,
                                                 u64 before, u64 x, crossing *found) {
  SL_SHARED(u64, warp_sums, [Threads / lanes]);
  const int lane = lane_of_thread(), warp = static_cast<int>(threadIdx.x) / lanes;
  u64 own = 0, total = 0;
#pragma unroll
  for (int i = 0; i < Each; i++) own += amount[i];
  u64 upto = own;
  for (int h = 1; h < lanes; h *= 2) {
    const u64 other = __shfl_up_sync(all_lanes, upto, static_cast<unsigned>(h));
    if (lane >= h) upto += other;
  }
  if (lane == lanes - 1) warp_sums[warp] = upto;
  __syncthreads();
  for (int w = 0; w < Threads / lanes; w++) {
    if (w < warp) upto += warp_sums[w];
    total += warp_sums[w];
  }
  u64 sum = before + upto - own;
  if (sum <= x && x < before + upto) {
    int passed = 0; /* items of this thread that lie before it */
#pragma unroll
    for (int i = 0; i < Each; i++)
      if (passed == i && sum + amount[i] <= x) sum += amount[i], passed++;
    *found = crossing{first + threadIdx.x * static_cast<size_t>(Each) + static_cast<size_t>(passed),
                      sum};
  }
  __syncthreads();
  return total;
}

/* The first of n items at which the cumulative sum of amount(item) passes x, which is below
 * their total. */
template <int Threads, int Each, typename Amount>
static __device__ __forceinline__ crossing find_item(size_t n, u64 x, Amount amount) {
  SL_SHARED(crossing, found, [1]);
  u64 before = 0;
  for (size_t first = 0; first < n && before <= x; first += Threads * Each) {
    u64 own[Each];
#pragma unroll
    for (int i = 0; i < Each; i++) {
      const size_t item = first + threadIdx.x * static_cast<size_t>(Each) + static_cast<size_t>(i);
      own[i] = item < n ? amount(item) : 0;
    }
    before += scan_items<Threads, Each>(own, first, before, x, found);
  }
  const crossing result = found[0];
  __syncthreads();
  return result;
}

}  // namespace sl

#endif
