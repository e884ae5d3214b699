/* The simulator behind simt.h: threads, shared memory, and the part of the CUDA runtime that Sluice
 * uses. Everything that a GPU may order differently from run to run is ordered here by a seed. */
#ifndef SLUICE_SIMT_RUNTIME_H
#define SLUICE_SIMT_RUNTIME_H

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

namespace simt {

extern dim3 thread_index, block_index, block_size, grid_size;

void *shared_static(const void *key, size_t bytes);
void *shared_dynamic();

/* `line` tells operations apart: the compiler may have made several calls of one in the source. */
void block_barrier(unsigned line = __builtin_LINE());
void warp_barrier(uint32_t mask, unsigned line);
enum class shuffle { index, down, up, exclusive_or };
uint64_t warp_shuffle(shuffle kind, uint32_t mask, uint64_t value, int operand, int width,
                      unsigned line);
uint32_t warp_ballot(uint32_t mask, bool predicate, unsigned line);

void async_copy(void *shared, const void *global, size_t bytes);
void async_commit();
void async_wait(unsigned groups_left);

enum class atomic_op { add, max, min };
uint64_t atomic(void *p, size_t bytes, atomic_op op, uint64_t operand);
void float_atomic();

/* Failures planted in the sources, for tests. */
enum class plant {
#define SL_PLANT(name, kernel, found, what) name,
#include "plants.def"
#undef SL_PLANT
};
bool planted(plant p);

/* Whether a block may have that much shared memory: what a device has is drawn from the seed. */
bool shared_granted(size_t bytes);
/* What cudaFuncSetAttribute grants: a kernel that has not asked gets no more than shared_unasked
 * dynamic bytes. */
constexpr size_t shared_unasked = 48 * 1024;
bool grant_shared(const void *kernel, size_t bytes);

/* Arguments of a launch lie behind one another in constant memory, each at its alignment. */
constexpr size_t parameter_bytes_max = 4096;
template <typename... Args>
constexpr size_t parameter_bytes() {
  size_t used = 0;
  ((used = (used + alignof(Args) - 1) / alignof(Args) * alignof(Args) + sizeof(Args)), ...);
  return used;
}

struct stream_state;
struct event_state;
struct graph_state; /* operations in their order */

/* Who runs the kernels of a stream in place of their source (ptx/ does); a launch there gives its
 * arguments as the kernel's parameter types have them. Streams that are made after streams_run have
 * that runner; NULL is the source. */
struct kernel_runner;
void streams_run(const kernel_runner *runner);
bool has_runner(stream_state *stream);
struct packed_arguments {
  struct place {
    size_t offset, bytes;
  };
  std::vector<unsigned char> bytes;
  std::vector<place> places;
  template <typename T>
  void add(const T &v) {
    const size_t at = (bytes.size() + alignof(T) - 1) / alignof(T) * alignof(T);
    bytes.resize(at + sizeof v);
    memcpy(&bytes[at], &v, sizeof v);
    places.push_back({at, sizeof v});
  }
};
void launch_packed(const char *kernel, const void *address, dim3 grid, dim3 block,
                   size_t shared_bytes, stream_state *stream, packed_arguments &&arguments);

/* From here on in the stream, memory that was allocated may be touched (and is uninitialised), or
 * may not. */
void mark_arena(stream_state *stream, void *p, size_t bytes, bool valid);
/* A launch waits in its stream with its arguments, a copy of the caller's lambda: run and destroy
 * take it. */
void enqueue_launch(const char *kernel, const void *address, dim3 grid, dim3 block,
                    size_t shared_bytes, stream_state *stream, void (*run)(void *),
                    void (*destroy)(void *), void *arguments, size_t bytes);
template <typename F>
void launch(const char *kernel, const void *address, dim3 grid, dim3 block, size_t shared_bytes,
            stream_state *stream, F f) {
  enqueue_launch(
      kernel, address, grid, block, shared_bytes, stream, [](void *p) { (*static_cast<F *>(p))(); },
      [](void *p) { delete static_cast<F *>(p); }, new F(f), sizeof(F));
}

}  // namespace simt

typedef simt::stream_state *cudaStream_t;
#define cudaStreamLegacy (reinterpret_cast<cudaStream_t>(1)) /* the default stream, as NULL is */
typedef simt::event_state *cudaEvent_t;
typedef simt::graph_state *cudaGraph_t, *cudaGraphExec_t;
typedef enum {
  cudaSuccess = 0,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInvalidValue = 1,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorInvalidDeviceFunction = 98,
  cudaErrorInvalidDevice = 101,
  cudaErrorInvalidResourceHandle = 400,
  cudaErrorIllegalState = 401,
  cudaErrorStreamCaptureUnsupported = 900,
  cudaErrorStreamCaptureInvalidated = 901,
  cudaErrorStreamCaptureImplicit = 906
} cudaError_t;
typedef enum {
  cudaMemcpyHostToDevice = 1,
  cudaMemcpyDeviceToHost = 2,
  cudaMemcpyDeviceToDevice = 3
} cudaMemcpyKind;
typedef enum {
  cudaStreamCaptureModeThreadLocal = 1,
  cudaStreamCaptureModeRelaxed = 2
} cudaStreamCaptureMode;
typedef enum { cudaStreamCaptureStatusNone, cudaStreamCaptureStatusActive } cudaStreamCaptureStatus;
typedef enum { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 } cudaFuncAttribute;
typedef enum { cudaDevAttrMultiProcessorCount = 16 } cudaDeviceAttr;
typedef struct {
  char name[256];
  int multiProcessorCount;
  size_t totalGlobalMem;
} cudaDeviceProp;

namespace simt {
/* What a function of the runtime answers: cudaGetLastError gives the last that is an error. */
cudaError_t noted(cudaError_t error);
}  // namespace simt

cudaError_t cudaMalloc(void **p, size_t bytes);
cudaError_t cudaFree(void *p);
cudaError_t cudaMallocHost(void **p, size_t bytes);
cudaError_t cudaFreeHost(void *p);
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream);
cudaError_t cudaMemsetAsync(void *p, int value, size_t bytes, cudaStream_t stream);
cudaError_t cudaStreamCreate(cudaStream_t *stream);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags);
/* Graphs (graph.cpp) hold launches, fills, and copies within the device and from page-locked
 * memory, which is read anew each time. Other copies are refused, and so are events, which CUDA
 * records. */
/* In relaxed mode a thread may allocate, free and wait while another stream captures. */
cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode *mode);
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph);
/* Of the default stream while another captures: cudaErrorStreamCaptureImplicit. */
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus *status);
cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t *out, cudaGraph_t graph,
                                          unsigned long long flags);
cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph);
cudaError_t cudaEventCreate(cudaEvent_t *event);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaDeviceSynchronize();
cudaError_t cudaGetLastError();
cudaError_t cudaGetDeviceCount(int *count);
cudaError_t cudaGetDevice(int *device);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *p, int device);
cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int device);
const char *cudaGetErrorString(cudaError_t error);
template <typename F>
cudaError_t cudaFuncSetAttribute(F *kernel, cudaFuncAttribute, int bytes) {
  return simt::noted(
      simt::grant_shared(reinterpret_cast<const void *>(kernel), static_cast<size_t>(bytes))
          ? cudaSuccess
          : cudaErrorInvalidValue);
}

#endif
