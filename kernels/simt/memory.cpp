/* Memory of the simulated CUDA runtime: of devices, page-locked memory of the host, and copies.
 * What CUDA may do and need not, it does in some runs alone. */
#include "internal.h"

#include <cstdlib>
#include <cstring>

namespace simt {

namespace {

/* Accesses of a copy, which needs no alignment: in units that have none, or that are long. */
void copy_accesses(const void *p, size_t bytes, bool write, const void *place) {
  const unsigned char *at = static_cast<const unsigned char *>(p);
  if (!in_arena(p)) return;
  if (bytes > 16)
    shadow_access(at, bytes, write, false, place);
  else
    for (size_t i = 0; i < bytes; i++) shadow_access(at + i, 1, write, false, place);
}

void copy_bytes(void *to, const void *from, size_t bytes) {
  copy_accesses(from, bytes, false, __builtin_return_address(0));
  copy_accesses(to, bytes, true, __builtin_return_address(0));
  memcpy(to, from, bytes);
}

}  // namespace

}  // namespace simt

using namespace simt;

cudaError_t cudaMalloc(void **p, size_t bytes) {
  if (const cudaError_t error = noted(refused_in_thread())) return error;
  *p = arena_allocate(bytes);
  if (*p) note_allocation(*p, bytes);
  return noted(*p ? cudaSuccess : cudaErrorMemoryAllocation);
}

/* It may wait for what is to be done; CUDA does not say that it does. */
cudaError_t cudaFree(void *p) {
  if (!p) return cudaSuccess;
  if (const cudaError_t error = noted(refused_in_thread())) return error;
  if (choice.below(2)) wait_for_all();
  forget_allocation(p);
  return noted(arena_free(p) ? cudaSuccess : cudaErrorInvalidValue);
}

cudaError_t cudaMallocHost(void **p, size_t bytes) {
  if (const cudaError_t error = noted(refused_in_thread())) return error;
  *p = malloc(bytes);
  if (*p) note_page_locked(*p, bytes);
  return noted(*p ? cudaSuccess : cudaErrorMemoryAllocation);
}

cudaError_t cudaFreeHost(void *p) {
  if (const cudaError_t error = noted(refused_in_thread())) return error;
  const size_t bytes = page_locked_bytes(p);
  if (is_copied(p, bytes))
    report(bug::use_after_free, __builtin_return_address(0), nullptr, -1,
           "page-locked memory that a copy may still need");
  forget_page_locked(p);
  free(p);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  cudaError_t error = refused_default_stream(stream);
  const bool read_later = kind == cudaMemcpyHostToDevice && is_page_locked(from);
  if (!error && kind != cudaMemcpyDeviceToDevice && !read_later) error = refused_in_stream(stream);
  if (noted(error)) return error;
  const std::function<void()> run = [=]() {
    copy_bytes(to, from, bytes);
  }; /* the bytes that are there when the copy runs, pageable or not */
  if (kind == cudaMemcpyDeviceToHost) {
    bytes_to_host += bytes;
    memset(to, 0xA5, bytes); /* what was there is gone until the copy arrives */
    note_copy(copy_end::written, to, bytes, next_operation());
  }
  if (read_later && !capture_of(stream)) note_copy(copy_end::read, from, bytes, next_operation());
  run_again(stream, run);
  return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void *p, int value, size_t bytes, cudaStream_t stream) {
  if (const cudaError_t error = noted(refused_default_stream(stream))) return error;
  run_again(stream, [=]() {
    copy_accesses(p, bytes, true, nullptr);
    memset(p, value, bytes);
  });
  return cudaSuccess;
}
