/* What all parts of the simulator read: the seeded generator, who runs, the order of operations. */
#include "internal.h"

#include <utility>

namespace simt {

generator choice;
agent running = {0, 0, 0, -1, 0, nullptr, "", nullptr, nullptr, 0, -1};
uint64_t access_count, instruction_count, bytes_to_host, launch_count;
bool graphs_granted = true;
uint32_t switch_interval = 8;
thread_local int current_device = 0;
thread_local cudaStreamCaptureMode capture_mode = cudaStreamCaptureModeThreadLocal;

namespace {

thread_local cudaError_t last_error = cudaSuccess;

/* Of compute capabilities 8.9, 8.0 and 9.0. */
constexpr size_t shared_limits[] = {99 * 1024, 163 * 1024, 227 * 1024};

/* Of an operation that was ever enqueued: its place in its stream, and what is ordered
 * before it. */
struct operation_record {
  uint32_t stream, index;
  history before;
};

size_t shared_limit = shared_limits[2];
std::vector<operation_record> records(1); /* operation 0 is before all others: of no stream */

bool within(const void *p, const unsigned char *from, size_t bytes) {
  const unsigned char *c = static_cast<const unsigned char *>(p);
  return from && c >= from && c < from + bytes;
}

}  // namespace

cudaError_t noted(cudaError_t error) {
  if (error) last_error = error;
  return error;
}

void draw_shared_limit() { shared_limit = shared_limits[choice.below(3)]; }
bool shared_granted(size_t bytes) { return bytes <= shared_limit; }
bool on_device() { return running.stack != nullptr; }
bool in_running_stack(const void *p) { return within(p, running.stack, stack_bytes); }
bool in_arguments(const void *p) { return within(p, running.arguments, running.arguments_bytes); }

uint32_t record_operation(uint32_t stream, uint32_t index, const history &before) {
  records.push_back({stream, index, before});
  return static_cast<uint32_t>(records.size() - 1);
}

uint32_t next_operation() { return static_cast<uint32_t>(records.size()); }

bool is_over(const history &seen, uint32_t op) {
  const operation_record &r = records[op];
  return r.stream < seen.size() && seen[r.stream] >= r.index;
}

bool op_before(uint32_t a, uint32_t b) { return is_over(records[b].before, a); }

void begin_state(uint64_t seed) {
  choice.seed(seed);
  records.assign(1, operation_record());
  access_count = bytes_to_host = instruction_count = launch_count = 0;
  graphs_granted = true;
}

}  // namespace simt

cudaError_t cudaGetLastError() { return std::exchange(simt::last_error, cudaSuccess); }
