/* Whether a call may be made in a context's stream, and what the runtime says of one (spec N1.5,
 * N1.10). No bytes, no operations. */
#include "cuda.h"

sl_status sl_device_fail(sl_context *ctx, const char *what, cudaError_t error) {
  sl_status status = error == cudaErrorMemoryAllocation ? SL_ERR_MEMORY : SL_ERR_IO;
#ifdef SL_SIMT
  if (error == cudaErrorInvalidDeviceFunction) status = SL_ERR_INPUT; /* PTX that cannot be run */
#endif
  cudaGetLastError(); /* reported once */
  return sl_fail(&ctx->error, status, "%s: %s", what, cudaGetErrorString(error));
}

sl_status sl_device_enter(sl_context *ctx) {
  const sl_device *device = ctx->device;
  if (!device->lent || device->recording) return SL_OK;
  cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
  const cudaError_t error = cudaStreamIsCapturing(device->stream, &capture);
  if (error == cudaSuccess && capture == cudaStreamCaptureStatusNone) return SL_OK;
  if (error != cudaSuccess && error != cudaErrorStreamCaptureImplicit)
    return sl_device_fail(ctx, "stream", error);
  cudaGetLastError();
  return sl_fail(&ctx->error, SL_ERR_USAGE,
                 "the stream is being captured into a graph: data are checked by a wait, which a "
                 "graph cannot hold; make this call outside the capture (spec N1.10)");
}

void sl_device_settle(sl_context *ctx) {
  const sl_device *device = ctx->device;
  if (!device->idle && !sl_device_enter(ctx)) cudaStreamSynchronize(device->stream);
}
