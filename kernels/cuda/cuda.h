/* Internals of the cuda backend (and of simt, the same sources on the simulator): the device part
 * of a context. */
#ifndef SLUICE_CUDA_H
#define SLUICE_CUDA_H

#include "device.h"

extern "C" {
#include "kernels/core/context.h"

#define SL_KERNEL(name, params, args, storage, clause, bound) \
  sl_status SL_DEVICE_NAME(name)(sl_context * ctx, SL_UNPAREN params);
#include <sluice/kernels.def>
#undef SL_KERNEL
size_t SL_DEVICE_NAME(linear_pack_bytes)(size_t n, size_t k, sl_pack_kind kind);
}

/* The two builds of these sources may be in one program. */
#define sl_device_workspace SL_DEVICE_NAME(device_workspace)
#define sl_device_offsets SL_DEVICE_NAME(device_offsets)
#define sl_device_status SL_DEVICE_NAME(device_status)
#define sl_device_fail SL_DEVICE_NAME(device_fail)
#define sl_device_enter SL_DEVICE_NAME(device_enter)
#define sl_device_settle SL_DEVICE_NAME(device_settle)
#define sl_device_memory SL_DEVICE_NAME(device_memory)
#define sl_device_repeat SL_DEVICE_NAME(device_repeat)
#define sl_device_forget_graphs SL_DEVICE_NAME(device_forget_graphs)
#define sl_device_unrecorded SL_DEVICE_NAME(device_unrecorded)
#define sl_device_kernel_names SL_DEVICE_NAME(device_kernel_names)

/* What is wrong with data on the device: a kernel records it in its slot of `faults`, and the next
 * wait turns it into an error (spec N1.5). */
enum sl_fault {
#define SL_FAULT(name, status, format) SL_FAULT_##name,
#include "faults.def"
#undef SL_FAULT
  SL_FAULT_COUNT
};

/* Launches of one key (graph.cu). */
struct device_graph {
  sl_repeat_key key;
  uint64_t last_use; /* 0: none yet */
  bool tried;        /* to record them */
  cudaGraphExec_t graph;
};
/* As many sizes of decoding as are kept. */
constexpr size_t device_graphs_max = 64;

struct sl_device {
  int number; /* as CUDA counts */
  cudaStream_t stream;
  bool lent; /* the stream is the caller's (spec N1.10) */
  bool idle; /* a wait has seen the end of all that the context has put into it */
  /* Multiprocessors: a launcher may use their number, and it cannot affect a result (spec N1.4). */
  int processors;
  /* Launchers take their smallest instantiation, which the simulator runs faster. */
  bool smallest_tiles;
  unsigned char *workspace;
  size_t workspace_bytes;
  unsigned long long *faults; /* device: one for each kernel, ~0: none */
  /* Page-locked host memory: the faults as of the last wait, and the uploads that may still be read
   * by copies. */
  unsigned long long *host_faults;
  unsigned char *staging;
  size_t staged;
  size_t findings; /* of the simulator, so far */
  void *vendor;    /* of the backend cublas (kernels/vendor) */
  /* The last offsets that were uploaded, and their token chunks (spec N4.2): chunk c holds
   * the tokens [chunk_begin[c], chunk_begin[c + 1]); none straddles two sequences. One upload
   * a micro-batch. */
  uint32_t *host_seq, *host_chunk_begin;
  uint32_t *seq, *chunk_begin; /* device */
  size_t n_seq, seq_capacity, n_chunks, chunk_capacity, longest;
  device_graph graphs[device_graphs_max];
  uint64_t repeats;
  bool recording;
};

/* Device memory until this kernel call's sl_device_status, 256-byte aligned; NULL with the
 * context's error set. In one piece a call. */
void *sl_device_workspace(sl_context *ctx, size_t bytes);

/* Uploads offsets unless the device has them; then seq, chunk_begin, n_chunks and longest of the
 * device are valid. */
sl_status sl_device_offsets(sl_context *ctx, const uint32_t *seq, size_t n_seq);

/* Called at the end of every launcher: SL_OK, or the launch's error with the kernel's name.
 * Releases the workspace. */
sl_status sl_device_status(sl_context *ctx, const char *kernel);

/* The context's error for what the runtime said. */
sl_status sl_device_fail(sl_context *ctx, const char *what, cudaError_t error);

/* Whether a call may be made now: SL_ERR_USAGE while the caller captures his stream (spec N1.10).
 */
sl_status sl_device_enter(sl_context *ctx);

/* Before anything is freed that the context's work may use: waits for that, unless a wait has been
 * since, or the caller captures his stream, which cannot be waited for. cudaFree need not wait, and
 * a stream of the caller's is touched no more than there is cause. */
void sl_device_settle(sl_context *ctx);

/* The context's `repeat` (kernels/core/context.h). */
sl_status sl_device_repeat(sl_context *ctx, const sl_repeat_key *key, sl_repeated_calls *calls,
                           void *arg);
/* SL_ERR_USAGE while launches are recorded: for what must not be done then. */
sl_status sl_device_unrecorded(sl_context *ctx, const char *what);
/* Before memory that a graph may name is freed, which is SL_ERR_USAGE while launches are recorded.
 */
sl_status sl_device_forget_graphs(sl_context *ctx);

extern const sl_memory sl_device_memory;
extern const char *const sl_device_kernel_names[];

namespace sl {

constexpr size_t faults_bytes = SL_KERNEL_COUNT * sizeof(unsigned long long);
#ifdef SL_SIMT
constexpr size_t staging_bytes = 2048; /* so that it is full often */
#else
constexpr size_t staging_bytes = static_cast<size_t>(1) << 20;
#endif

static inline sl_status checked(sl_context *ctx, const char *what, cudaError_t error) {
  return error == cudaSuccess ? SL_OK : sl_device_fail(ctx, what, error);
}

/* While it lives the thread's current device is the given one, and captures of other streams, which
 * may be the caller's, are not disturbed by what allocates or waits; after that all is as it was.
 * While the context records launches of its own, what a graph cannot hold must be refused.
 *
 * What CUDA remembers of a call that failed before is dropped, or it would be taken for the error
 * of a launch; and nothing of a call here, whose error was no matter, is left for the caller. */
class device_scope {
 public:
  explicit device_scope(int number, bool recording = false) : before_(number), moved_(false) {
    moved_ = cudaGetDevice(&before_) == cudaSuccess && before_ != number &&
             cudaSetDevice(number) == cudaSuccess;
    mode_ = recording ? cudaStreamCaptureModeThreadLocal : cudaStreamCaptureModeRelaxed;
    cudaThreadExchangeStreamCaptureMode(&mode_);
    cudaGetLastError();
  }
  ~device_scope() {
    cudaThreadExchangeStreamCaptureMode(&mode_);
    if (moved_) cudaSetDevice(before_);
    cudaGetLastError();
  }
  device_scope(const device_scope &) = delete;
  device_scope &operator=(const device_scope &) = delete;

 private:
  int before_;
  bool moved_;
  cudaStreamCaptureMode mode_;
};

/* What the tables of a context hold of a function of this backend: it runs on the context's device,
 * and only where it may. */
template <auto Function, typename... Args>
static sl_status call_on_device(sl_context *ctx, Args... args) {
  const device_scope scope(ctx->device->number, ctx->device->recording);
  SL_TRY(sl_device_enter(ctx));
  ctx->device->idle = false;
  return Function(ctx, args...);
}
template <auto Function, typename... Args>
constexpr auto device_call_of(sl_status (*)(sl_context *, Args...)) {
  return &call_on_device<Function, Args...>;
}
template <auto Function>
constexpr auto device_call = device_call_of<Function>(Function);

/* Records a fault; of several of one kind the lowest index is reported. */
static __device__ __forceinline__ void leave_fault(unsigned long long *faults, sl_kernel_id kernel,
                                                   sl_fault kind, size_t index) {
  atomicMin(&faults[kernel],
            static_cast<unsigned long long>(kind) << 56 | static_cast<unsigned long long>(index));
}

}  // namespace sl

#endif
