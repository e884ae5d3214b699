/* The backends "cuda", "simt" and "ptx": finds the device, opens and closes the device part of a
 * context, fills its table (spec N1.6). */
#include "cuda.h"

#include <stdlib.h>

#ifdef SL_SIMT
#include "kernels/simt/ptx/ptx.h"
#include "kernels/simt/ptx/runner.h"
#include "kernels/simt/simulation.h"
#endif

using namespace sl;

template <int Kernel, typename... Args>
static sl_status absent(sl_context *ctx, Args...) {
  return sl_fail(&ctx->error, SL_ERR_UNAVAILABLE,
                 "%s: the %s backend has no such kernel (spec N1.6)",
                 sl_device_kernel_names[Kernel], ctx->backend);
}

static size_t absent_pack(size_t, size_t, sl_pack_kind) { return 0; }

static void fill_table(sl_kernel_table *table) {
#define SL_KERNEL(name, params, args, storage, clause, bound) \
  table->name = absent<SL_KERNEL_##name>;
#include <sluice/kernels.def>
#undef SL_KERNEL
#define SL_CUDA_KERNEL(name) table->name = device_call<SL_DEVICE_NAME(name)>;
#include "cuda.def"
#undef SL_CUDA_KERNEL
  table->linear_pack_bytes = absent_pack;
}

static void device_close(sl_context *ctx) {
  sl_device *device = ctx->device;
  if (!device) return;
  const device_scope scope(device->number);
  sl_device_forget_graphs(ctx);
  if (device->stream) sl_device_settle(ctx);
  if (device->stream && !device->lent) cudaStreamDestroy(device->stream);
  cudaFree(device->workspace), cudaFree(device->faults), cudaFree(device->seq),
      cudaFree(device->chunk_begin);
  cudaFreeHost(device->host_faults), cudaFreeHost(device->staging);
  free(device->host_seq), free(device->host_chunk_begin);
  free(device);
  ctx->device = nullptr;
}

#ifdef SL_SIMT
static sl_status reserve(sl_error *err) {
  unsigned gib;
  if (sl_simulation_reserve(&gib)) return SL_OK;
  return sl_fail(err, SL_ERR_UNAVAILABLE,
                 "the simulator reserves %u GiB of address space, and gets less (ulimit -v)", gib);
}
static sl_status check_device(int, sl_error *) { return SL_OK; }
static sl_status refuse(int number, cudaError_t error, sl_error *err) {
  return sl_fail(err, SL_ERR_UNAVAILABLE, "no CUDA device %d: %s", number,
                 cudaGetErrorString(error));
}
#else
static sl_status reserve(sl_error *) { return SL_OK; }

static sl_status check_device(int number, sl_error *err) {
  int major = 0;
  if (cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, number) == cudaSuccess &&
      major >= 8)
    return SL_OK;
  return sl_fail(err, SL_ERR_UNAVAILABLE,
                 "CUDA device %d has compute capability %d.x; 8.0 or more is needed", number,
                 major);
}

static sl_status refuse(int number, cudaError_t error, sl_error *err) {
  if (error == cudaErrorInsufficientDriver)
    return sl_fail(err, SL_ERR_UNAVAILABLE,
                   "no CUDA device %d: there is no driver, or one that is older than CUDA %d, with "
                   "which this was built; nvidia-smi shows the driver's version",
                   number, CUDART_VERSION / 1000);
  return sl_fail(err, SL_ERR_UNAVAILABLE, "no CUDA device %d: %s", number,
                 error == cudaErrorDevicesUnavailable
                     ? "a process has it alone, or its compute mode forbids its use"
                 : error == cudaErrorMemoryAllocation ? "its memory is full"
                                                      : cudaGetErrorString(error));
}
#endif

/* cudaSetDevice makes the device's context; an obstacle to that is reported here. */
static sl_status find_device(int number, sl_error *err) {
  SL_TRY(reserve(err));
  int n = 0;
  cudaError_t error = cudaGetDeviceCount(&n);
  if (error == cudaSuccess) {
    if (number < 0 || number >= n)
      return sl_fail(err, SL_ERR_UNAVAILABLE, "no CUDA device %d: the driver lists %d", number, n);
    const device_scope scope(number);
    error = cudaSetDevice(number);
  }
  if (error == cudaSuccess) return check_device(number, err);
  cudaGetLastError();
  return refuse(number, error, err);
}

/* The first launch: it fails here if the build has no code for this device. */
static __global__ void clear_faults_kernel(unsigned long long *faults) {
  if (threadIdx.x < SL_KERNEL_COUNT) faults[threadIdx.x] = ~0ull;
}

static sl_status make_faults(sl_context *ctx) {
  static_assert(SL_KERNEL_COUNT <= 64, "one thread clears one fault");
  sl_device *device = ctx->device;
  void *faults = nullptr, *host_faults = nullptr, *staging = nullptr;
  sl_status status = checked(ctx, "faults", cudaMalloc(&faults, faults_bytes));
  if (!status)
    status = checked(ctx, "page-locked memory", cudaMallocHost(&host_faults, faults_bytes));
  if (!status) status = checked(ctx, "page-locked memory", cudaMallocHost(&staging, staging_bytes));
  device->faults = static_cast<unsigned long long *>(faults),
  device->host_faults = static_cast<unsigned long long *>(host_faults);
  device->staging = static_cast<unsigned char *>(staging);
  if (status) return status;
  SL_LAUNCH(clear_faults_kernel, 1, 64, 0, device->stream, device->faults);
  const cudaError_t launched = cudaGetLastError();
  if (device->lent && launched == cudaErrorInvalidResourceHandle)
    return sl_fail(&ctx->error, SL_ERR_USAGE, "the stream is none of CUDA device %d",
                   device->number);
  return checked(ctx, "first launch", launched);
}

/* A stream that is lent is asked before anything is done that its capture would notice. */
static sl_status take_stream(sl_context *ctx, void *stream) {
  sl_device *device = ctx->device;
  if (!stream) return checked(ctx, "stream", cudaStreamCreate(&device->stream));
  device->stream = static_cast<cudaStream_t>(stream), device->lent = true;
  const sl_status status = sl_device_enter(ctx);
  if (status) device->stream = nullptr, device->lent = false;
  return status;
}

static sl_status device_open(sl_context *ctx, const sl_context_options *options, sl_error *err) {
  const int number = options->device;
  SL_TRY(find_device(number, err));
  const device_scope scope(number);
  ctx->device = static_cast<sl_device *>(calloc(1, sizeof *ctx->device));
  if (!ctx->device) return sl_fail(err, SL_ERR_MEMORY, "no memory for a context");
  sl_device *device = ctx->device;
  device->number = number;
  sl_status status = take_stream(ctx, options->stream);
  if (!status)
    status = checked(
        ctx, "device",
        cudaDeviceGetAttribute(&device->processors, cudaDevAttrMultiProcessorCount, number));
  if (!status) status = make_faults(ctx);
  if (status) {
    device_close(ctx);
    if (status == SL_ERR_INPUT || status == SL_ERR_USAGE)
      return sl_fail(err, status, "%s", ctx->error.message);
    return sl_fail(err, status == SL_ERR_MEMORY ? status : SL_ERR_UNAVAILABLE,
                   "the CUDA device: %s", ctx->error.message);
  }
  ctx->memory = &sl_device_memory;
  ctx->repeat = device_call<sl_device_repeat>;
  fill_table(&ctx->table);
  return SL_OK;
}

#ifdef SL_SIMT
extern "C" void sl_simt_smallest_tiles(sl_context *ctx, int smallest) {
  ctx->device->smallest_tiles = smallest != 0;
}

extern "C" const sl_backend *sl_simt_backend(void) {
  static const sl_backend backend = {"simt", device_open, device_close};
  return &backend;
}

/* The same host side; launches run the PTX that nvcc made of the kernels. */
static sl_status ptx_open(sl_context *ctx, const sl_context_options *options, sl_error *err) {
  int absent;
  if (options->stream)
    return sl_fail(err, SL_ERR_USAGE, "the backend ptx runs in streams of its own alone");
  const char *lacks = sl_ptx_lacks(&absent);
  if (lacks) return sl_fail(err, absent ? SL_ERR_UNAVAILABLE : SL_ERR_INPUT, "%s", lacks);
  simt::streams_run(&simt::ptx::runner);
  const sl_status status = device_open(ctx, options, err);
  simt::streams_run(nullptr);
  return status;
}

extern "C" const sl_backend *sl_ptx_backend(void) {
  static const sl_backend backend = {"ptx", ptx_open, device_close};
  sl_ptx_use(sl_ptx_files);
  return &backend;
}
#else
extern "C" const sl_backend *sl_cuda_backend(void) {
  static const sl_backend backend = {"cuda", device_open, device_close};
  return &backend;
}
#endif
