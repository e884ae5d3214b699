/* The sweep on a device (spec N2.3, F5.1). Its operations are those of 2^32 evaluations, about 40
 * of binary64 each; it moves no memory. */
#include "sweep_device.h"

#include "kernels/core/mix64.h"

#include <cuda_runtime.h>
#include <sluice/functions.h>

enum { BLOCKS = 1024, THREADS = 256 };

/* sums[0] and sums[1] take the low and the high halves of mix64: 2^32 of them fit. The order of the
 * atomics cannot affect the sums. */
template <float (*Function)(float)>
static __global__ void sweep_kernel(unsigned long long *sums) {
  unsigned long long low = 0, high = 0;
  const uint64_t step = static_cast<uint64_t>(gridDim.x) * blockDim.x;
  for (uint64_t i = static_cast<uint64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i >> 32 == 0;
       i += step) {
    const unsigned x = static_cast<unsigned>(i);
    const uint64_t z = sl_mix64(x, __float_as_uint(Function(__uint_as_float(x))));
    low += z & 0xffffffffu;
    high += z >> 32;
  }
  atomicAdd(&sums[0], low);
  atomicAdd(&sums[1], high);
}

static void launch(sl_function_id function, unsigned long long *sums) {
  switch (function) {
#define SL_FUNCTION(name, low, high)                       \
  case SL_FUNCTION_##name:                                 \
    sweep_kernel<sl_fn_##name><<<BLOCKS, THREADS>>>(sums); \
    return;
#include <sluice/functions.def>
#undef SL_FUNCTION
    default:
      return;
  }
}

sl_status sl_sweep_on_device(sl_function_id function, uint64_t digest[2], sl_error *err) {
  unsigned long long *sums = nullptr, got[2] = {0, 0};
  cudaError_t error = cudaMalloc(&sums, sizeof got);
  if (!error) error = cudaMemset(sums, 0, sizeof got);
  if (!error) {
    launch(function, sums);
    error = cudaGetLastError();
  }
  if (!error) error = cudaMemcpy(got, sums, sizeof got, cudaMemcpyDeviceToHost);
  cudaFree(sums);
  if (error == cudaErrorNoDevice || error == cudaErrorInsufficientDriver)
    return sl_fail(err, SL_ERR_UNAVAILABLE, "no CUDA device: %s", cudaGetErrorString(error));
  if (error) return sl_fail(err, SL_ERR_IO, "%s", cudaGetErrorString(error));
  digest[0] = got[0] + (got[1] << 32);
  digest[1] = (got[1] >> 32) + (digest[0] < got[0]);
  return SL_OK;
}
