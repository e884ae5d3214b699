/* The device part of a context: stream, memory, workspace, offsets, faults (spec N1.2, N1.5, N1.6).
 * Bytes and operations: none but the copies that a caller asks for, 4 (N + C) bytes of offsets for
 * each new micro-batch, and 8 bytes per kernel of faults at each wait. */
#include "cuda.h"
#include "kernels/core/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef SL_SIMT
#include "kernels/simt/simulation.h"
#endif

using namespace sl;

static const size_t workspace_min = 65536, workspace_align = 256;

void *sl_device_workspace(sl_context *ctx, size_t bytes) {
  sl_device *device = ctx->device;
  SL_VERIFY(ctx->workspace_used == 0); /* one take a kernel call */
  if (bytes > SIZE_MAX / 4) {
    sl_fail(&ctx->error, SL_ERR_MEMORY, "workspace size overflows");
    return nullptr;
  }
  const size_t rounded =
      bytes ? (bytes + workspace_align - 1) / workspace_align * workspace_align : workspace_align;
  if (rounded > device->workspace_bytes) {
    if (sl_device_forget_graphs(ctx)) return nullptr;
    size_t room = workspace_min;
    while (room < rounded) room *= 2;
    sl_device_settle(ctx);
    cudaFree(device->workspace);
    device->workspace = nullptr, device->workspace_bytes = 0;
    void *p = nullptr;
    if (checked(ctx, "workspace", cudaMalloc(&p, room))) return nullptr;
    device->workspace = static_cast<unsigned char *>(p), device->workspace_bytes = room;
    SL_ARENA_MARK(device->stream, device->workspace, room, false);
  }
  SL_VERIFY(bytes <= device->workspace_bytes);
  SL_ARENA_MARK(device->stream, device->workspace, bytes, true);
  ctx->workspace_used = rounded;
  return device->workspace;
}

sl_status sl_device_status(sl_context *ctx, const char *kernel) {
  if (ctx->workspace_used)
    SL_ARENA_MARK(ctx->device->stream, ctx->device->workspace, ctx->workspace_used, false);
  ctx->workspace_used = 0;
  return checked(ctx, kernel, cudaGetLastError());
}

/* Grows a host array and its device twin to n numbers; what they held is lost. */
static sl_status grow(sl_context *ctx, uint32_t **host, uint32_t **twin, size_t *capacity,
                      size_t n) {
  if (n <= *capacity) return SL_OK;
  SL_TRY(sl_device_forget_graphs(ctx));
  const size_t room = n + n / 2 + 64;
  sl_device_settle(ctx);
  cudaFree(*twin);
  free(*host);
  *twin = nullptr, *capacity = 0;
  void *p = nullptr;
  *host = static_cast<uint32_t *>(malloc(room * sizeof **host));
  if (!*host) return sl_fail(&ctx->error, SL_ERR_MEMORY, "no memory for the offsets of a batch");
  SL_TRY(checked(ctx, "offsets", cudaMalloc(&p, room * sizeof **twin)));
  *twin = static_cast<uint32_t *>(p), *capacity = room;
  return SL_OK;
}

static size_t count_chunks(const uint32_t *seq, size_t n_seq) {
  size_t n = 0;
  for (size_t s = 0; s < n_seq; s++)
    n += (seq[s + 1] - seq[s] + static_cast<size_t>(dot_chunk) - 1) / dot_chunk;
  return n;
}

static void cut_chunks(sl_device *device) {
  size_t n = 0;
  device->longest = 0;
  for (size_t s = 0; s < device->n_seq; s++) {
    const uint32_t begin = device->host_seq[s], end = device->host_seq[s + 1];
    if (end - begin > device->longest) device->longest = end - begin;
    for (size_t at = begin; at < end; at += dot_chunk)
      device->host_chunk_begin[n++] = static_cast<uint32_t>(at);
  }
  SL_VERIFY(n < device->chunk_capacity);
  device->host_chunk_begin[n] = device->n_seq ? device->host_seq[device->n_seq] : 0;
  device->n_chunks = n;
}

/* Waits until the stream is idle. */
static sl_status wait(sl_context *ctx) {
  const sl_status status = checked(ctx, "wait", cudaStreamSynchronize(ctx->device->stream));
  if (!status) ctx->device->staged = 0;
  return status;
}

/* The caller may overwrite `from` when this returns. CUDA does not say when an asynchronous copy
 * has read pageable memory, so the bytes are first copied to page-locked memory; only a copy that
 * does not fit there is waited for. A graph would copy again what then lies there. */
static sl_status upload(sl_context *ctx, void *to, const void *from, size_t bytes) {
  sl_device *device = ctx->device;
  SL_TRY(sl_device_unrecorded(ctx, "a copy to the device"));
  const bool fits = bytes <= staging_bytes;
  if (fits && bytes > staging_bytes - device->staged && !SL_PLANTED(staging_reused)) {
    SL_TRY(wait(ctx));
  }
  if (SL_PLANTED(staging_reused) && bytes > staging_bytes - device->staged) device->staged = 0;
  if (fits) {
    SL_VERIFY(device->staged + bytes <= staging_bytes);
    from = memcpy(device->staging + device->staged, from, bytes);
    device->staged += (bytes + workspace_align - 1) / workspace_align * workspace_align;
  }
  const sl_status status =
      checked(ctx, "copy to the device",
              cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, device->stream));
  return status || fits ? status : wait(ctx);
}

sl_status sl_device_offsets(sl_context *ctx, const uint32_t *seq, size_t n_seq) {
  sl_device *device = ctx->device;
  static const uint32_t none[1] = {0};
  if (n_seq == 0) seq = none;
  if (device->seq && device->n_seq == n_seq &&
      memcmp(seq, device->host_seq, (n_seq + 1) * sizeof *seq) == 0)
    return SL_OK;
  const size_t n_chunks = count_chunks(seq, n_seq);
  sl_status status = grow(ctx, &device->host_seq, &device->seq, &device->seq_capacity, n_seq + 1);
  if (!status)
    status = grow(ctx, &device->host_chunk_begin, &device->chunk_begin, &device->chunk_capacity,
                  n_chunks + 1);
  if (status) {
    device->n_seq = SIZE_MAX;
    return status;
  }
  memcpy(device->host_seq, seq, (n_seq + 1) * sizeof *seq);
  device->n_seq = n_seq;
  cut_chunks(device);
  status = upload(ctx, device->seq, device->host_seq, (n_seq + 1) * sizeof *seq);
  if (!status)
    status =
        upload(ctx, device->chunk_begin, device->host_chunk_begin, (n_chunks + 1) * sizeof *seq);
  if (status) device->n_seq = SIZE_MAX; /* what the device has is not known */
  return status;
}

static const struct {
  sl_status status;
  const char *format;
} fault_rows[] = {
#define SL_FAULT(name, status, format) {status, format},
#include "faults.def"
#undef SL_FAULT
};

const char *const sl_device_kernel_names[] = {
#define SL_KERNEL(name, params, args, storage, clause, bound) #name,
#include <sluice/kernels.def>
#undef SL_KERNEL
};

/* The first fault in the order of the registry becomes the context's error. */
static sl_status report_faults(sl_context *ctx) {
  sl_device *device = ctx->device;
  for (size_t k = 0; k < SL_KERNEL_COUNT; k++) {
    const unsigned long long fault = device->host_faults[k];
    if (fault == ~0ull) continue;
    char text[200];
    const size_t kind = static_cast<size_t>(fault >> 56);
    if (kind >= SL_FAULT_COUNT)
      return sl_fail(&ctx->error, SL_ERR_IO, "%s: memory of the device is damaged",
                     sl_device_kernel_names[k]);
    snprintf(text, sizeof text, fault_rows[kind].format, fault & ((1ull << 56) - 1));
    cudaMemsetAsync(device->faults, 0xff, faults_bytes, device->stream);
    device->idle = false;
    return sl_fail(&ctx->error, fault_rows[kind].status, "%s: %s", sl_device_kernel_names[k], text);
  }
  return SL_OK;
}

#ifdef SL_SIMT
/* A finding of the simulator is an error of the context that waits. */
static sl_status report_findings(sl_context *ctx) {
  const size_t n = sl_simulation_findings();
  if (n <= ctx->device->findings) return SL_OK;
  char text[600];
  sl_simulation_describe(ctx->device->findings, text, sizeof text);
  ctx->device->findings = n;
  return sl_fail(&ctx->error, SL_ERR_MISMATCH, "simulator: %s", text);
}
#else
static sl_status report_findings(sl_context *) { return SL_OK; }
#endif

static sl_status device_synchronize(sl_context *ctx) {
  sl_device *device = ctx->device;
  sl_status status = checked(ctx, "faults",
                             cudaMemcpyAsync(device->host_faults, device->faults, faults_bytes,
                                             cudaMemcpyDeviceToHost, device->stream));
  if (!status && !SL_PLANTED(read_without_wait)) status = wait(ctx);
  device->idle = !status;
  if (!status) status = report_faults(ctx);
  return status ? status : report_findings(ctx);
}

static sl_status device_allocate(sl_context *ctx, void **out, size_t bytes) {
  void *p = nullptr;
  const sl_status status = checked(ctx, "device memory", cudaMalloc(&p, bytes));
  if (!status) *out = p;
  return status;
}

static void device_release(sl_context *ctx, void *memory) {
  const device_scope scope(ctx->device->number, ctx->device->recording);
  if (sl_device_forget_graphs(ctx)) return;
  sl_device_settle(ctx);
  cudaFree(memory);
}

static sl_status device_copy(sl_context *ctx, void *to, const void *from, size_t bytes) {
  return checked(ctx, "copy",
                 cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, ctx->device->stream));
}

static sl_status device_read(sl_context *ctx, void *to, const void *from, size_t bytes) {
  const sl_status status =
      checked(ctx, "copy to the host",
              cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, ctx->device->stream));
  return status ? status : device_synchronize(ctx);
}

static sl_status device_zero(sl_context *ctx, void *to, size_t bytes) {
  return checked(ctx, "zero", cudaMemsetAsync(to, 0, bytes, ctx->device->stream));
}

const sl_memory sl_device_memory = {
    device_call<device_allocate>,   device_release,           device_call<upload>,
    device_call<device_read>,       device_call<device_copy>, device_call<device_zero>,
    device_call<device_synchronize>};
