/* The simulated CUDA runtime: what CUDA's documents leave open may happen, and is then found; what
 * they forbid is refused. */
#include "kernels.h"

#include "kernels/simt/internal.h"
#include "kernels/simt/simulate.h"

#include <criterion/criterion.h>

namespace {

constexpr int seeds = 50, n = 4;

/* In how many runs there was a finding of that kind; others are failures. */
template <typename F>
int finds(simt::bug kind, F body) {
  int runs = 0;
  for (int seed = 1; seed <= seeds; seed++) {
    simt::begin(static_cast<uint64_t>(seed));
    cudaStream_t stream;
    void *x = nullptr, *host = nullptr;
    cudaStreamCreate(&stream), cudaMalloc(&x, n * sizeof(float));
    cudaMallocHost(&host, n * sizeof(float));
    body(stream, static_cast<float *>(x), static_cast<float *>(host));
    cudaDeviceSynchronize();
    runs += !simt::findings.empty();
    for (const simt::finding &f : simt::findings)
      cr_expect(f.kind == kind, "seed %d: %s", seed, f.detail.c_str());
  }
  return runs;
}

}  // namespace

/* cudaFree may wait: memory that is still used is found in some runs, and not where one waits. */
Test(simt_runtime, memory_that_is_freed_is_no_longer_used) {
  for (const bool wait : {false, true}) {
    const int found = finds(simt::bug::use_after_free, [=](cudaStream_t stream, float *x, float *) {
      cudaMemsetAsync(x, 0, n * sizeof *x, stream);
      if (wait) cudaStreamSynchronize(stream);
      cudaFree(x);
    });
    cr_expect(wait ? found == 0 : found > 0 && found < seeds, "%d", found);
  }
}

/* Of page-locked memory nothing says that freeing it waits. */
Test(simt_runtime, page_locked_memory_outlives_its_copies) {
  for (const bool wait : {false, true})
    for (const bool to_device : {false, true}) {
      const int found =
          finds(simt::bug::use_after_free, [=](cudaStream_t stream, float *x, float *host) {
            cudaMemsetAsync(x, 0, n * sizeof *x, stream);
            cudaMemcpyAsync(to_device ? x : host, to_device ? host : x, n * sizeof *x,
                            to_device ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToHost, stream);
            if (wait) cudaStreamSynchronize(stream);
            cudaFreeHost(host);
            cudaStreamSynchronize(stream);
          });
      cr_expect_eq(found, wait ? 0 : seeds);
    }
}

/* A stream ends at once, what it holds is done later; then it is none. */
Test(simt_runtime, a_stream_that_is_destroyed_is_used_no_more) {
  for (const bool again : {false, true}) {
    const int found = finds(simt::bug::use_after_free, [=](cudaStream_t stream, float *x, float *) {
      cudaMemsetAsync(x, 0, n * sizeof *x, stream);
      cudaStreamDestroy(stream);
      if (again) cudaStreamSynchronize(stream);
    });
    cr_expect_eq(found, again ? seeds : 0);
  }
}

/* Each device has memory of its own: copies may go from one to the other, kernels may not look. */
Test(simt_runtime, kernels_touch_memory_of_their_device) {
  for (const int device : {0, 1}) {
    simt::begin(1);
    void *x[2], *y;
    for (const int owner : {0, 1}) {
      cudaSetDevice(owner), cudaMalloc(&x[owner], n * sizeof(float));
      cudaMemsetAsync(x[owner], 0, n * sizeof(float), nullptr);
      cudaStreamSynchronize(nullptr);
    }
    cudaMalloc(&y, sizeof(float));
    cudaMemcpyAsync(x[1], x[0], n * sizeof(float), cudaMemcpyDeviceToDevice, nullptr);
    cudaStreamSynchronize(nullptr);
    launch_row_sum(1, static_cast<float *>(x[device]), static_cast<float *>(y), n, NO_BUG);
    cudaDeviceSynchronize();
    cr_expect_eq(simt::findings.size(), device == 1 ? 0u : 1u);
    for (const simt::finding &f : simt::findings)
      cr_expect(f.kind == simt::bug::out_of_bounds && f.detail == "memory of another device");
  }
}

Test(simt_runtime, the_default_stream_is_not_captured) {
  simt::begin(1);
  for (const cudaStream_t stream : {cudaStream_t(nullptr), cudaStreamLegacy})
    cr_expect_eq(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed),
                 cudaErrorStreamCaptureUnsupported);
}

/* Of any call, and until it is asked for. */
Test(simt_runtime, keeps_the_last_error) {
  simt::begin(1);
  void *x;
  cr_expect_eq(cudaSetDevice(9), cudaErrorInvalidDevice);
  cr_expect_eq(cudaMalloc(&x, 4), cudaSuccess);
  cr_expect_eq(cudaGetLastError(), cudaErrorInvalidDevice);
  cr_expect_eq(cudaGetLastError(), cudaSuccess);
  cr_expect_eq(cudaFree(&x), cudaErrorInvalidValue);
  cr_expect_eq(cudaGetLastError(), cudaErrorInvalidValue);
}

/* As of CUDA 12 a device that is made current has a context, which takes its memory. */
Test(simt_runtime, knows_which_devices_have_begun) {
  simt::begin(1);
  cr_expect(!simt::has_begun(0) && !simt::has_begun(1));
  cudaSetDevice(1), cudaSetDevice(0);
  cr_expect(simt::has_begun(0) && simt::has_begun(1));
}
