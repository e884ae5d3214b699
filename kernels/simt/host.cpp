/* The simulated CUDA runtime: streams hold queues of operations; which stream goes on is drawn from
 * the seed, at every call and at every wait. An operation is ordered after what its stream, the
 * events it waited for and the host's synchronisations require, and after nothing else: so a
 * missing synchronisation becomes a finding. */
#include "internal.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>

namespace simt {

namespace {

void join(history &into, const history &other) {
  if (into.size() < other.size()) into.resize(other.size());
  for (size_t i = 0; i < other.size(); i++) into[i] = std::max(into[i], other[i]);
}

struct operation {
  uint32_t id;
  std::function<void()> run;
  event_state *waits_for;
};

}  // namespace

struct stream_state {
  uint32_t number = 0;
  int device = 0;
  std::deque<operation> queue;
  history seen; /* what is ordered before whatever is enqueued next */
  const kernel_runner *runner = nullptr;
  stream_capture *capture = nullptr;
  bool destroyed = false;
};

struct event_state {
  bool recorded = false;
  uint32_t after = 0; /* the operation that records it */
  history seen;
};

namespace {

stream_state default_streams[devices_count];
std::vector<stream_state *> streams;
std::vector<uint32_t> stream_length;
history host_seen, retired; /* retired: what streams held that were destroyed and are empty */
std::vector<bool> finished(1);
const kernel_runner *next_runner;
std::string no_function = "invalid device function"; /* what a runner said of it */
std::string failure;                                 /* the first of a run; "": none */

stream_state &stream_of(cudaStream_t s) {
  if (is_default(s)) return default_streams[current_device];
  if (s->destroyed)
    report(bug::use_after_free, nullptr, nullptr, -1, "a stream that was destroyed");
  return *s;
}

/* One a device, and no other. */
bool begin_streams() {
  streams.clear(), stream_length.assign(devices_count, 0);
  for (int d = 0; d < devices_count; d++) {
    default_streams[d] = stream_state();
    default_streams[d].number = static_cast<uint32_t>(d), default_streams[d].device = d;
    streams.push_back(&default_streams[d]);
  }
  return true;
}
const bool streams_begun = begin_streams(); /* a program may do without begin() */

/* Of a stream that was destroyed nothing is left to run; its use is still seen. */
void retire(stream_state *s) {
  join(retired, s->seen);
  streams.erase(std::remove(streams.begin(), streams.end(), s), streams.end());
}

bool ready_to_run(const stream_state &s) {
  return !s.queue.empty() &&
         (!s.queue.front().waits_for || finished[s.queue.front().waits_for->after]);
}

bool run_one() {
  std::vector<stream_state *> can;
  for (stream_state *s : streams)
    if (ready_to_run(*s)) can.push_back(s);
  if (can.empty()) return false;
  stream_state &s = *can[choice.below(static_cast<uint32_t>(can.size()))];
  const operation op = s.queue.front();
  s.queue.pop_front();
  if (s.destroyed && s.queue.empty()) retire(&s);
  running.op = op.id;
  if (op.run) op.run();
  finished[op.id] = true;
  return true;
}

/* The device goes on by itself while the host does other things. */
void drift() {
  while (choice.below(3) == 0 && run_one()) {
  }
}

uint32_t enqueue(cudaStream_t stream, std::function<void()> run, event_state *waits_for = nullptr) {
  stream_state &s = stream_of(stream);
  if (s.capture) {
    s.capture->operations.push_back(std::move(run));
    return 0;
  }
  const uint32_t index = ++stream_length[s.number];
  join(s.seen, host_seen);
  const uint32_t id = record_operation(s.number, index, s.seen);
  finished.push_back(false);
  s.queue.push_back({id, std::move(run), waits_for});
  if (s.seen.size() <= s.number) s.seen.resize(s.number + 1);
  s.seen[s.number] = index;
  drift();
  return id;
}

void host_waits(const history &seen) {
  join(host_seen, seen);
  forget_copies(host_seen);
}

}  // namespace

void wait_for_all() {
  while (run_one()) {
  }
  for (const stream_state *s : streams) host_waits(s->seen);
  host_waits(retired);
}

stream_capture *&capture_of(cudaStream_t stream) { return stream_of(stream).capture; }
void run_again(cudaStream_t stream, const std::function<void()> &operation) {
  enqueue(stream, operation);
}

bool is_default(const stream_state *stream) { return !stream || stream == cudaStreamLegacy; }

bool some_stream_captures() {
  for (const stream_state *s : streams)
    if (s->capture) return true;
  return false;
}

/* All of them; cudaErrorStreamCaptureUnsupported if there is one. */
static cudaError_t invalidate_captures() {
  cudaError_t error = cudaSuccess;
  for (stream_state *s : streams)
    if (s->capture) s->capture->valid = false, error = cudaErrorStreamCaptureUnsupported;
  return error;
}

cudaError_t refused_in_thread() {
  return capture_mode == cudaStreamCaptureModeRelaxed ? cudaSuccess : invalidate_captures();
}

cudaError_t refused_in_stream(cudaStream_t stream) {
  stream_capture *capture = stream_of(stream).capture;
  if (!capture) return cudaSuccess;
  capture->valid = false;
  return cudaErrorStreamCaptureUnsupported;
}

cudaError_t refused_default_stream(cudaStream_t stream) {
  return is_default(stream) && invalidate_captures() ? cudaErrorStreamCaptureImplicit : cudaSuccess;
}

void enqueue_launch(const char *kernel, const void *address, dim3 grid, dim3 block,
                    size_t shared_bytes, stream_state *stream, void (*run)(void *),
                    void (*destroy)(void *), void *captured, size_t bytes) {
  const std::shared_ptr<void> kept(captured, destroy); /* a graph runs it again */
  cudaError_t error = refused_default_stream(stream);
  if (!error && stream_of(stream).device != current_device) error = cudaErrorInvalidResourceHandle;
  if (!error) error = refused_launch(address, grid, block, shared_bytes);
  if (noted(error)) return;
  launch_count += !capture_of(stream);
  const int device = current_device;
  enqueue(stream, [=]() {
    running.device = device;
    running.arguments = static_cast<const unsigned char *>(kept.get());
    running.arguments_bytes = bytes;
    run_grid(kernel, grid, block, shared_bytes, running.op, run, kept.get());
    running.arguments_bytes = 0, running.device = -1;
  });
}

void streams_run(const kernel_runner *runner) { next_runner = runner; }
bool has_runner(stream_state *stream) { return stream_of(stream).runner; }

void launch_packed(const char *kernel, const void *address, dim3 grid, dim3 block,
                   size_t shared_bytes, stream_state *stream, packed_arguments &&arguments) {
  const cudaError_t error = stream->runner->enqueue(kernel, address, grid, block, shared_bytes,
                                                    stream, std::move(arguments), no_function);
  if (error == cudaErrorInvalidDeviceFunction && failure.empty()) failure = no_function;
  noted(error);
}

const char *launch_failure() { return failure.empty() ? nullptr : failure.c_str(); }

void mark_arena(stream_state *stream, void *p, size_t bytes, bool valid) {
  enqueue(stream, [=]() { shadow_mark(p, bytes, valid); });
}

/* A new run: everything depends on the seed from here on. */
void begin(uint64_t seed) {
  begin_state(seed);
  begin_streams();
  host_seen.clear(), retired.clear(), begin_copies(), findings.clear();
  finished.assign(1, false);
  draw_devices();
  switch_interval = 1 + choice.below(16);
  draw_shared_limit();
  cudaGetLastError(), failure.clear();
  shadow_reset_all();
}

}  // namespace simt

using namespace simt;

cudaError_t cudaStreamCreate(cudaStream_t *stream) {
  *stream = new stream_state;
  (*stream)->runner = next_runner;
  (*stream)->number = static_cast<uint32_t>(stream_length.size());
  (*stream)->device = current_device;
  stream_length.push_back(0);
  streams.push_back(*stream);
  return cudaSuccess;
}

/* At once, whatever is still to be done in it. */
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  stream_state &s = stream_of(stream);
  s.destroyed = true;
  if (s.queue.empty()) retire(&s);
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (const cudaError_t error = noted(refused_in_stream(stream))) return error;
  stream_state &s = stream_of(stream);
  while (!s.queue.empty() && run_one()) {
  }
  host_waits(s.seen);
  return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  if (const cudaError_t error = noted(refused_in_stream(stream))) return error;
  if (!event->recorded) return cudaSuccess;
  join(stream_of(stream).seen, event->seen);
  enqueue(stream, nullptr, event);
  return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t *event) {
  *event = new event_state;
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  if (const cudaError_t error = noted(refused_in_stream(stream))) return error;
  event->recorded = true;
  event->after = enqueue(stream, nullptr);
  event->seen = stream_of(stream).seen;
  return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  while (event->recorded && !finished[event->after] && run_one()) {
  }
  host_waits(event->seen);
  return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize() {
  if (const cudaError_t error = noted(invalidate_captures())) return error;
  wait_for_all();
  return cudaSuccess;
}

const char *cudaGetErrorString(cudaError_t error) {
  return error == cudaSuccess                      ? "success"
         : error == cudaErrorMemoryAllocation      ? "out of memory"
         : error == cudaErrorInvalidConfiguration  ? "invalid configuration argument"
         : error == cudaErrorInvalidDeviceFunction ? no_function.c_str()
         : error == cudaErrorInvalidDevice         ? "invalid device ordinal"
         : error == cudaErrorInvalidResourceHandle ? "invalid resource handle"
         : error >= cudaErrorIllegalState          ? "refused while a stream captures"
                                                   : "invalid argument";
}
