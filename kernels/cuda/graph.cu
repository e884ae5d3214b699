/* Recorded launches (spec N1.9): a step of decoding is some 17 launches a layer, each of which
 * costs the host microseconds; as a CUDA graph they are one launch. A graph keeps grids and
 * arguments as they were, so the third and later steps of a key run what the second one recorded;
 * the first has let the workspace grow, which nothing may do while launches are recorded.
 *
 * Addresses in a graph stay valid until memory is freed: then all graphs are dropped. Where CUDA
 * cannot record or keep a graph, the calls are made as they stand. */
#include "cuda.h"

#include <string.h>

using namespace sl;

static void drop(sl_context *ctx, device_graph *g) {
  if (g->graph) {
    sl_device_settle(ctx); /* it may be running */
    cudaGraphExecDestroy(g->graph);
  }
  *g = {};
}

sl_status sl_device_unrecorded(sl_context *ctx, const char *what) {
  return ctx->device->recording
             ? sl_fail(&ctx->error, SL_ERR_USAGE, "%s: cannot be recorded (spec N1.9)", what)
             : SL_OK;
}

sl_status sl_device_forget_graphs(sl_context *ctx) {
  SL_TRY(sl_device_unrecorded(ctx, "freeing memory"));
  for (device_graph &g : ctx->device->graphs) drop(ctx, &g);
  return SL_OK;
}

/* The key's place, or that of the key that was used longest ago, emptied. */
static device_graph *graph_of(sl_context *ctx, const sl_repeat_key *key) {
  sl_device *device = ctx->device;
  device_graph *oldest = device->graphs;
  for (device_graph &g : device->graphs) {
    if (g.last_use && memcmp(&g.key, key, sizeof *key) == 0) return &g;
    if (g.last_use < oldest->last_use) oldest = &g;
  }
  drop(ctx, oldest);
  oldest->key = *key;
  return oldest;
}

/* Records what the calls launch, which does not run. NULL where that is not possible. */
static cudaGraphExec_t record(sl_context *ctx, sl_repeated_calls *calls, void *arg) {
  sl_device *device = ctx->device;
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t made = nullptr;
  if (cudaStreamBeginCapture(device->stream, cudaStreamCaptureModeThreadLocal) == cudaSuccess) {
    device->recording = true;
    const sl_status status = calls(arg);
    device->recording = false;
    if (cudaStreamEndCapture(device->stream, &graph) == cudaSuccess && !status &&
        cudaGraphInstantiateWithFlags(&made, graph, 0) != cudaSuccess)
      made = nullptr;
    if (graph) cudaGraphDestroy(graph);
  }
  cudaGetLastError();
  return made;
}

sl_status sl_device_repeat(sl_context *ctx, const sl_repeat_key *key, sl_repeated_calls *calls,
                           void *arg) {
  sl_device *device = ctx->device;
  device_graph *g = graph_of(ctx, key);
  const bool is_second = g->last_use && !g->tried;
  g->last_use = ++device->repeats;
  if (is_second) g->graph = record(ctx, calls, arg), g->tried = true;
  if (g->graph) {
    if (cudaGraphLaunch(g->graph, device->stream) == cudaSuccess) return SL_OK;
    cudaGetLastError(); /* if it was no more than memory for the graph, the calls go on */
    cudaGraphExecDestroy(g->graph);
    g->graph = nullptr;
  }
  return calls(arg);
}
