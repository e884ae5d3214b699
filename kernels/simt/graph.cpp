/* Graphs of the simulated CUDA runtime: a capture takes what is put into its stream, arguments
 * as they are then; a launch puts all of it into a stream, in its order. What CUDA refuses while a
 * stream captures is refused, and the capture gives no graph. */
#include "internal.h"

#include <utility>

namespace simt {

struct graph_state {
  std::vector<std::function<void()>> operations;
};

size_t graph_operations(const graph_state *graph) { return graph->operations.size(); }

}  // namespace simt

using namespace simt;

cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode *mode) {
  std::swap(*mode, capture_mode);
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  if (is_default(stream)) return noted(cudaErrorStreamCaptureUnsupported);
  if (capture_of(stream)) return noted(cudaErrorIllegalState);
  capture_of(stream) = new stream_capture;
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph) {
  stream_capture *capture = std::exchange(capture_of(stream), nullptr);
  *graph = nullptr;
  if (!capture) return noted(cudaErrorIllegalState);
  const bool valid = capture->valid;
  if (valid) *graph = new graph_state{std::move(capture->operations)};
  delete capture;
  return noted(valid ? cudaSuccess : cudaErrorStreamCaptureInvalidated);
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus *status) {
  *status = capture_of(stream) ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
  return noted(is_default(stream) && some_stream_captures() ? cudaErrorStreamCaptureImplicit
                                                            : cudaSuccess);
}

cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t *out, cudaGraph_t graph,
                                          unsigned long long) {
  if (!graphs_granted) return noted(cudaErrorMemoryAllocation);
  *out = new graph_state(*graph);
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream) {
  cudaError_t error = refused_default_stream(stream);
  if (!error) error = refused_in_stream(stream);
  if (!error && !graphs_granted) error = cudaErrorMemoryAllocation;
  if (noted(error)) return error;
  launch_count++;
  for (const std::function<void()> &operation : graph->operations) run_again(stream, operation);
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
  delete graph;
  return cudaSuccess;
}
