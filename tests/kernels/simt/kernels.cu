/* Small kernels for the simulator's own tests: right ones, and for each check one that it must
 * catch (PLANTED numbers below). */
#include "kernels/simt/simt.h"

#include "kernels.h"

/* Row sums: one block per row, strided lanes, shared tree. `bug` switches one planted
 * failure on. */
__global__ void row_sum(const float *x, float *y, int n, planted bug) {
  SL_SHARED(float, s, [64]);
  const int t = static_cast<int>(threadIdx.x), row = static_cast<int>(blockIdx.x);
  float a = 0.0f;
  if (bug == UNINITIALISED_ACCUMULATOR) a = s[t];
  const int end = bug == OFF_BY_ONE_TAIL ? n + 1 : n;
  for (int i = t; i < end; i += 64) a += x[row * n + i];
  s[t] = a;
  if (bug != DROPPED_BARRIER) __syncthreads();
  for (int o = 32; o > 0; o /= 2) {
    if (t < o) {
      s[t] += s[t + o];
      if (bug == DIVERGENT_BARRIER && o == 32) __syncthreads();
    }
    __syncthreads();
  }
  if (bug == FLOAT_ATOMIC) {
    if (t < 2) atomicAdd(&y[row], s[0] / 2);
  } else if (t == 0) {
    y[row] = s[0];
  }
}

/* The same by shuffles in one warp. */
__global__ void warp_sum(const float *x, float *y, int n, planted bug) {
  const int t = static_cast<int>(threadIdx.x), row = static_cast<int>(blockIdx.x);
  float a = 0.0f;
  for (int i = t; i < n; i += 32) a += x[row * n + i];
  const uint32_t mask = bug == WRONG_MASK ? 0x0000ffffu : 0xffffffffu;
  for (int o = 16; o > 0; o /= 2) a += __shfl_down_sync(mask, a, o);
  if (t == 0) y[row] = a;
}

/* Adds every block's partial sum in the order in which blocks happen to come: a result that depends
 * on the schedule. */
__global__ void arrival_sum(const float *x, float *y, unsigned *turn, int n) {
  if (threadIdx.x != 0) return;
  float a = 0.0f;
  for (int i = 0; i < n; i++) a += x[static_cast<int>(blockIdx.x) * n + i];
  y[atomicAdd(turn, 1u)] = a;
}

/* Double buffering by asynchronous copies, two tiles of 32. */
__global__ void tile_scale(const float *x, float *y, int tiles, planted bug) {
  SL_SHARED(float, tile, [2][32]);
  const int t = static_cast<int>(threadIdx.x);
  __pipeline_memcpy_async(&tile[0][t], &x[t], 4);
  __pipeline_commit();
  for (int i = 0; i < tiles; i++) {
    if (i + 1 < tiles) __pipeline_memcpy_async(&tile[(i + 1) % 2][t], &x[(i + 1) * 32 + t], 4);
    __pipeline_commit();
    if (bug != MISSING_WAIT) __pipeline_wait_prior(1);
    __syncthreads();
    y[i * 32 + t] = 2.0f * tile[i % 2][31 - t];
    __syncthreads();
  }
  __pipeline_wait_prior(0);
}

/* Lanes of one warp exchange through shared memory. __syncwarp orders that, among the lanes that it
 * names; a vote lets lanes meet, and orders no memory. */
__global__ void warp_exchange(const float *x, float *y, int rounds, planted bug) {
  SL_SHARED(float, s, [32]);
  const int t = static_cast<int>(threadIdx.x);
  const uint32_t lanes = bug != HALF_SYNCWARP ? 0xffffffffu : t < 16 ? 0x0000ffffu : 0xffff0000u;
  for (int i = 0; i < rounds; i++) {
    s[t] = x[i * 32 + t];
    if (bug == VOTE_FOR_SYNCWARP)
      __any_sync(lanes, true);
    else if (bug != DROPPED_SYNCWARP)
      __syncwarp(lanes);
    y[i * 32 + t] = s[31 - t];
    __syncwarp();
  }
}

/* Asynchronous copies of 16 bytes, whose both ends must be aligned to that. */
__global__ void vector_copy(const float *x, float *y, planted bug) {
  SL_SHARED(float4, tile, [8]);
  float *s = reinterpret_cast<float *>(&tile[0]);
  const int t = static_cast<int>(threadIdx.x);
  const float *from = bug == COPY_FROM_SHARED ? s : x + 4 * t + (bug == MISALIGNED_COPY);
  if (t < 8) __pipeline_memcpy_async(s + 4 * t, from, bug == ODD_COPY ? 12 : 16);
  __pipeline_commit();
  __pipeline_wait_prior(0);
  __syncthreads();
  y[t] = s[t];
}

__global__ void nothing(int) {}

/* 40 KiB of static shared memory, on top of the launch's dynamic bytes. */
__global__ void large_static(float *y) {
  SL_SHARED(float, s, [10 * 1024]);
  s[threadIdx.x] = 1.0f;
  y[threadIdx.x] = s[threadIdx.x];
}

cudaError_t try_launch(dim3 grid, dim3 block, size_t shared_bytes, size_t asked) {
  if (asked) {
    const cudaError_t error = cudaFuncSetAttribute(
        nothing, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(asked));
    if (error) return error;
  }
  SL_LAUNCH(nothing, grid, block, shared_bytes, nullptr, 0);
  return cudaGetLastError();
}

void launch_large_static(float *y, size_t dynamic_bytes) {
  if (cudaFuncSetAttribute(large_static, cudaFuncAttributeMaxDynamicSharedMemorySize,
                           static_cast<int>(dynamic_bytes)) != cudaSuccess)
    return;
  SL_LAUNCH(large_static, 1, 32, dynamic_bytes, nullptr, y);
}

void launch_warp_exchange(const float *x, float *y, int rounds, planted bug) {
  SL_LAUNCH(warp_exchange, 1, 32, 0, nullptr, x, y, rounds, bug);
}

void launch_vector_copy(const float *x, float *y, planted bug) {
  SL_LAUNCH(vector_copy, 1, 32, 0, nullptr, x, y, bug);
}

void launch_row_sum(int rows, const float *x, float *y, int n, planted bug) {
  SL_LAUNCH(row_sum, static_cast<unsigned>(rows), 64, 0, nullptr, x, y, n, bug);
}

void launch_warp_sum(int rows, const float *x, float *y, int n, planted bug) {
  SL_LAUNCH(warp_sum, static_cast<unsigned>(rows), 32, 0, nullptr, x, y, n, bug);
}

void launch_arrival_sum(int rows, const float *x, float *y, unsigned *turn, int n) {
  SL_LAUNCH(arrival_sum, static_cast<unsigned>(rows), 32, 0, nullptr, x, y, turn, n);
}

void launch_tile_scale(const float *x, float *y, int tiles, planted bug) {
  SL_LAUNCH(tile_scale, 1, 32, 0, nullptr, x, y, tiles, bug);
}

/* A chain over two streams: the second must wait for the first. */
void launch_two_streams(int rows, const float *x, float *y, float *z, int n, bool wait) {
  cudaStream_t a, b;
  cudaEvent_t done;
  cudaDeviceSynchronize(); /* the inputs have arrived */
  cudaStreamCreate(&a), cudaStreamCreate(&b), cudaEventCreate(&done);
  SL_LAUNCH(row_sum, static_cast<unsigned>(rows), 64, 0, a, x, y, n, NO_BUG);
  cudaEventRecord(done, a);
  if (wait) cudaStreamWaitEvent(b, done, 0);
  SL_LAUNCH(row_sum, 1, 64, 0, b, y, z, rows, NO_BUG);
  cudaStreamSynchronize(a), cudaStreamSynchronize(b);
  cudaStreamDestroy(a), cudaStreamDestroy(b), cudaEventDestroy(done);
}

__global__ void append(float *y, const float *x, const unsigned *position, unsigned known,
                       planted bug) {
  const unsigned p = bug == RECORDED_POSITION ? known : *position;
  if (threadIdx.x == 0) y[p] = 2.0f * x[p];
}

void launch_append(float *y, const float *x, const unsigned *position, unsigned known,
                   cudaStream_t stream, planted bug) {
  SL_LAUNCH(append, 1, 32, 0, stream, y, x, position, known, bug);
}

/* Rows a block come from the number of SMs: the classic way in which a device property reaches
 * a result. */
__global__ void grid_sum(const float *x, float *partial, int n) {
  const int blocks = static_cast<int>(gridDim.x), b = static_cast<int>(blockIdx.x);
  if (threadIdx.x != 0) return;
  float a = 0.0f;
  for (int i = b; i < n; i += blocks) a += x[i];
  partial[b] = a;
}

void launch_grid_sum(const float *x, float *partial, int n, int blocks) {
  SL_LAUNCH(grid_sum, static_cast<unsigned>(blocks), 32, 0, nullptr, x, partial, n);
}

/* What a launcher does with a result that may not have arrived. */
float first_of(const float *host) { return host[0]; }
