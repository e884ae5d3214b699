/* Inside of the cuda backend (and of simt, which is the same sources on the simulator): the device part of a context. Not public. */
#ifndef SLUICE_CUDA_H
#define SLUICE_CUDA_H

#include "device.h"

#ifdef SL_SIMT
#define SL_DEVICE_NAME(name) sl_simt_##name
#else
#define SL_DEVICE_NAME(name) sl_cuda_##name
#endif

extern "C" {
#include "kernels/context.h"

#define SL_KERNEL(name, params, args, storage, clause, bound) sl_status SL_DEVICE_NAME(name)(sl_context * ctx, SL_UNPAREN params);
#include <sluice/kernels.def>
#undef SL_KERNEL
}

/* Token chunks (spec N4.2): chunk c holds the tokens [chunk_begin[c], chunk_begin[c + 1]); none straddles two sequences. */
struct sl_device {
  cudaStream_t stream;
  unsigned char *workspace;
  size_t workspace_bytes;
  /* The last offsets that were uploaded, and their chunks: one upload a micro-batch. */
  uint32_t *host_seq;
  size_t host_seq_n, host_seq_capacity;
  uint32_t *seq, *chunk_begin;           /* device */
  uint32_t *host_chunk_begin;
  size_t n_chunks, longest;
};

/* Device memory for one kernel call; NULL with the context's error set. */
void *sl_device_workspace(sl_context *ctx, size_t bytes);

/* Uploads offsets (host memory on every backend) unless the device has them; then device->seq and device->chunk_begin are valid. */
sl_status sl_device_offsets(sl_context *ctx, const uint32_t *seq, size_t n_seq);

/* SL_OK, or the error of the last launch, named by kernel. */
sl_status sl_device_status(sl_context *ctx, const char *kernel);

#endif
