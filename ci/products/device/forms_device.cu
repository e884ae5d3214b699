/* Trials of forms on a device: the driver compiles the PTX text. */
#include "forms_device.h"

#include <cuda_runtime.h>

struct block {
  unsigned char bytes[32];
};

static cudaError_t launch(const sl_ptx_trial *trial, cudaLibrary_t library, void *in, void *out) {
  cudaKernel_t kernel;
  cudaError_t error = cudaLibraryGetKernel(&kernel, library, "trial");
  if (error) return error;
  block b;
  for (int i = 0; i < 32; i++) b.bytes[i] = trial->block[i];
  void *arguments[] = {&in, &out, &b};
  error = cudaLaunchKernel(reinterpret_cast<const void *>(kernel), trial->blocks, trial->threads,
                           arguments, 0, nullptr);
  return error ? error : cudaDeviceSynchronize();
}

sl_status sl_ptx_on_device(const sl_ptx_trial *trial, uint64_t *out, sl_error *err) {
  const size_t bytes = static_cast<size_t>(trial->blocks) * trial->threads * 4 * sizeof *out;
  cudaLibrary_t library = nullptr;
  void *in = nullptr, *result = nullptr;
  cudaError_t error = cudaMalloc(&in, bytes);
  if (!error) error = cudaMalloc(&result, bytes);
  if (!error) error = cudaMemcpy(in, trial->in, bytes, cudaMemcpyHostToDevice);
  if (!error) error = cudaMemset(result, 0, bytes);
  if (!error)
    error = cudaLibraryLoadData(&library, trial->text, nullptr, nullptr, 0, nullptr, nullptr, 0);
  if (!error) error = launch(trial, library, in, result);
  if (!error) error = cudaMemcpy(out, result, bytes, cudaMemcpyDeviceToHost);
  if (library) cudaLibraryUnload(library);
  cudaFree(in), cudaFree(result);
  if (error == cudaErrorNoDevice || error == cudaErrorInsufficientDriver)
    return sl_fail(err, SL_ERR_UNAVAILABLE, "no CUDA device: %s", cudaGetErrorString(error));
  return error ? sl_fail(err, SL_ERR_IO, "%s", cudaGetErrorString(error)) : SL_OK;
}
