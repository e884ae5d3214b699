/* What the parts of the simulator share: the seed, the running block, findings, the shadow of
 * device memory. */
#ifndef SLUICE_SIMT_INTERNAL_H
#define SLUICE_SIMT_INTERNAL_H

#include "runtime.h"

#include <functional>
#include <string>
#include <vector>

namespace simt {

constexpr unsigned warp_lanes = 32, block_threads_max = 1024;
constexpr size_t shared_bytes_max = 228 * 1024;

/* xorshift64*: every choice of the simulator comes from this one state. */
struct generator {
  uint64_t state = 1;
  void seed(uint64_t s) {
    state = s * 0x9E3779B97F4A7C15u + 0xD1B54A32D192ED03u, state |= state == 0;
  }
  uint32_t next() {
    state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
    return static_cast<uint32_t>((state * 0x2545F4914F6CDD1Du) >> 32);
  }
  uint32_t below(uint32_t n) {
    return static_cast<uint32_t>((static_cast<uint64_t>(next()) * n) >> 32);
  }
};
extern generator choice;

enum class bug {
  race,
  barrier_divergence,
  shuffle_mask,
  out_of_bounds,
  misaligned,
  uninitialised,
  use_after_free,
  float_atomic,
  deadlock,
  unsynchronised_host_read,
  count
};
const char *bug_name(bug b);

/* One finding for each (kind, place); thread -1 is the host. */
struct finding {
  bug kind;
  std::string kernel, detail;
  const void *place, *other_place;
  unsigned block;
  int thread, other_thread;
};
extern std::vector<finding> findings;
void report(bug kind, const void *place, const void *other_place, int other_thread,
            const std::string &detail);

/* The thread that runs, as the shadow sees it. op counts launches and copies; instance counts
 * blocks that have run. */
struct agent {
  uint32_t op, instance, block;
  int thread;            /* -1: no device thread, the host's own code */
  uint32_t epoch;        /* block barriers passed */
  const uint32_t *clock; /* of this thread: what it has seen of each lane of its warp */
  const char *kernel;
  const unsigned char *stack;     /* of this thread, stack_bytes; NULL for the host's own code */
  const unsigned char *arguments; /* of the running launch */
  size_t arguments_bytes;
  int device; /* of a kernel, which may touch no memory of another; -1: of none, as copies are */
};
extern agent running;
constexpr size_t stack_bytes = 256 * 1024;
bool on_device();
bool in_running_stack(const void *p);
bool in_arguments(const void *p);

/* How many operations of each stream are known to be over: a vector clock over streams. */
typedef std::vector<uint32_t> history;
/* A new operation, at that place of its stream, with what is ordered before it; its number. */
uint32_t record_operation(uint32_t stream, uint32_t index, const history &before);
uint32_t next_operation(); /* the number that the next one will get */
bool is_over(const history &seen, uint32_t op);
/* True if a is ordered before b by streams, events and host synchronisation. */
bool op_before(uint32_t a, uint32_t b);

void draw_shared_limit(); /* what shared_granted grants in this run */

/* The devices (devices.cpp): alike, and each thread of the host has a current one, whose default
 * stream and memory its calls mean. A launch into a stream of another is refused. */
constexpr int devices_count = 2;
extern thread_local int current_device;
void draw_devices(); /* how many multiprocessors they have in this run */
cudaError_t make_current(int device);
/* Whether it has a context of CUDA's, which takes memory: cudaSetDevice and cudaMalloc make one. */
bool has_begun(int device);
/* What a device refuses of a launch, whatever its stream. */
cudaError_t refused_launch(const void *kernel, dim3 grid, dim3 block, size_t shared_bytes);
void note_allocation(const void *p, size_t bytes); /* on the current device */
void forget_allocation(const void *p);
size_t bytes_on_device(int device);
void note_page_locked(const void *p, size_t bytes);
void forget_page_locked(const void *p);
bool is_page_locked(const void *p);
size_t page_locked_bytes(const void *p); /* of memory that was allocated so */

/* The arena of device memory and its shadow (shadow.cpp). */
bool in_arena(const void *p);
bool in_shared(const void *p);
void *arena_allocate(size_t bytes);
bool arena_free(void *p);
size_t arena_reserved(); /* bytes of address space */
bool map_arena();        /* before all else; false where there is no address space for it */
unsigned char *shared_base();
void shared_begin_block();                 /* everything in shared memory is out of bounds again */
void shadow_allow(void *p, size_t bytes);  /* valid, not initialised */
void shadow_forbid(void *p, size_t bytes); /* from now on a use after free; whole words */
/* One of the two, of memory that is still allocated: else a use after free (a graph may do it). */
void shadow_mark(void *p, size_t bytes, bool valid);
void shadow_access(const void *p, size_t bytes, bool write, bool atomic, const void *place);
/* A copy to shared memory is in flight: until it lands, a read is of uninitialised memory, and a
 * write or another copy is a race with it. */
void shadow_begin_async(void *p, size_t bytes, const void *place);
void shadow_end_async(void *p, size_t bytes, const void *place);
/* What the running thread's copy reads belongs to it until it lands: a write there is a race. */
void shadow_begin_source(const void *p, size_t bytes, const void *place);
void shadow_end_source(const void *p, const void *place);
void shadow_reset_all();

/* Scheduling (scheduler.cpp). */
void maybe_switch();
void run_grid(const char *kernel, dim3 grid, dim3 block, size_t shared_bytes, uint32_t op,
              void (*body)(void *), void *arguments);

/* Host memory that asynchronous copies use (copies.cpp): touching what one will still write, before
 * synchronisation, is a finding, and so is freeing what one needs. */
void host_access(const void *p, size_t bytes, const void *place);
bool is_copied(const void *p, size_t bytes);
enum class copy_end { read, written };
void note_copy(copy_end end, const void *p, size_t bytes, uint32_t op);
void begin_copies();
void forget_copies(const history &seen); /* those that are over */
void wait_for_all();                     /* streams; what one captures is in none */

/* The operations of runtime.h for a caller that has its places from elsewhere (ptx/execute.cpp). */
void block_barrier_at(const void *place, unsigned line);
void warp_barrier_at(uint32_t mask, const void *place, unsigned line);
uint64_t warp_shuffle_at(shuffle kind, uint32_t mask, uint64_t value, int operand, int width,
                         const void *place, unsigned line);
uint32_t warp_ballot_at(uint32_t mask, bool predicate, const void *place, unsigned line);
/* Copies the first `read` bytes, and zeros behind them. */
void async_copy_at(void *shared, const void *global, size_t bytes, size_t read, const void *place);
uint64_t atomic_at(void *p, size_t bytes, atomic_op op, uint64_t operand, const void *place);

/* Stream capture (graph.cpp): while a stream has one, what is put into the stream goes there. */
struct stream_capture {
  std::vector<std::function<void()>> operations;
  bool valid = true; /* false: something was done that CUDA refuses meanwhile */
};
stream_capture *&capture_of(stream_state *stream);
size_t graph_operations(const graph_state *graph);
/* What CUDA refuses while streams capture, which makes their captures invalid; cudaSuccess where it
 * does not: any use of the default stream; of a stream that captures, what a graph cannot hold;
 * what no thread may do that captures, as to allocate. */
bool is_default(const stream_state *stream);
bool some_stream_captures();
extern thread_local cudaStreamCaptureMode capture_mode; /* of the calling thread */
cudaError_t refused_default_stream(stream_state *stream);
cudaError_t refused_in_stream(stream_state *stream);
cudaError_t refused_in_thread();
/* Puts it into the stream. */
void run_again(stream_state *stream, const std::function<void()> &operation);

/* What a runner of kernels gives (runtime.h). enqueue puts a launch into the stream; where it
 * answers cudaErrorInvalidDeviceFunction, `why` says what is wrong. */
struct kernel_runner {
  cudaError_t (*enqueue)(const char *kernel, const void *address, dim3 grid, dim3 block,
                         size_t shared_bytes, stream_state *stream, packed_arguments &&arguments,
                         std::string &why);
};
/* The first `why` of a run; NULL: every launch had its code. */
const char *launch_failure();
/* Names a place that is an instruction of a runner, "" if it is none; set by who makes such places,
 * NULL before. */
extern std::string (*instruction_name)(const void *place);

/* instruction_count: of runners. launch_count: of the host's launches, of which a graph is one. */
extern uint64_t access_count, instruction_count, bytes_to_host, launch_count;
extern bool graphs_granted;      /* there is memory for graphs */
extern uint32_t switch_interval; /* threads switch after 1 ... 2n-1 accesses */

/* A new run (state.cpp): everything depends on the seed from here on. */
void begin_state(uint64_t seed);

}  // namespace simt

#endif
