/* Threads of a block as fibers: who runs next is drawn from the seed, at any access and at every
 * barrier. One block at a time, in seeded order; conflicts between blocks are found by the shadow,
 * which knows that nothing orders them. */
#include "internal.h"

#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

namespace simt {

dim3 thread_index, block_index, block_size, grid_size;

namespace {

enum class state : uint8_t { ready, at_barrier, at_warp, done };
enum class warp_kind : uint8_t {
  barrier,
  shuffle_index,
  shuffle_down,
  shuffle_up,
  shuffle_xor,
  ballot
};

struct pending_copy {
  void *to;
  const void *from;
  size_t bytes, read; /* the first `read` are copied, the rest is 0 */
  unsigned group;
  const void *place;
};

struct fiber {
  void *stack_pointer;
  unsigned char *stack;
  state st;
  uint32_t epoch;
  const void *place; /* of the barrier or warp operation it waits in */
  unsigned line;     /* what tells it from others */
  warp_kind kind;
  uint32_t mask;
  uint64_t value, result;
  int operand, width;
  unsigned groups_committed;
  std::vector<pending_copy> copies;
};

fiber fibers[block_threads_max];
/* clocks[t][l]: what thread t has seen of lane l of its warp. */
uint32_t clocks[block_threads_max][warp_lanes];
unsigned ready[block_threads_max], n_ready, n_threads, n_done, current;
void *host_stack_pointer;
uint32_t countdown = 1, instances;
void (*block_body)(void *);
void *block_arguments;

struct shared_slot {
  const void *key;
  size_t offset;
};
std::vector<shared_slot> shared_slots;
size_t shared_used, shared_static_bytes, shared_dynamic_bytes;

}  // namespace

extern "C" void simt_swap(void **save, void *load);
__asm__(
    ".text\n.globl simt_swap\n.type simt_swap,@function\nsimt_swap:\n"
    "  pushq %rbp\n  pushq %rbx\n  pushq %r12\n  pushq %r13\n  pushq %r14\n  pushq %r15\n"
    "  movq %rsp, (%rdi)\n  movq %rsi, %rsp\n"
    "  popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n  popq %rbx\n  popq %rbp\n  ret\n"
    ".size simt_swap, .-simt_swap\n");

namespace {

void set_running(unsigned t) {
  current = t;
  running.thread = static_cast<int>(t);
  running.epoch = fibers[t].epoch;
  running.clock = clocks[t];
  running.stack = fibers[t].stack;
  thread_index =
      dim3(t % block_size.x, t / block_size.x % block_size.y, t / (block_size.x * block_size.y));
}

/* Reports a finding of thread t, whichever thread runs. */
void report_as(unsigned t, bug kind, const void *place, const void *other_place, int other_thread,
               const char *detail) {
  const int thread = running.thread;
  running.thread = static_cast<int>(t);
  report(kind, place, other_place, other_thread, detail);
  running.thread = thread;
}

/* Wakes what can go on; false if nothing can. */
bool release_waiting();

void switch_to_next(bool finished) {
  fiber &from = fibers[current];
  if (n_ready == 0 && !release_waiting()) {
    simt_swap(&from.stack_pointer, host_stack_pointer); /* the block is over, or stuck */
    return;
  }
  const unsigned next = ready[choice.below(n_ready)];
  countdown = 1 + choice.below(2 * switch_interval - 1);
  const bool same = next == current && !finished;
  set_running(next); /* also where the thread stays: a barrier may have raised its epoch */
  if (!same) simt_swap(&from.stack_pointer, fibers[next].stack_pointer);
}

void remove_ready(unsigned t) {
  for (unsigned i = 0; i < n_ready; i++)
    if (ready[i] == t) {
      ready[i] = ready[--n_ready];
      return;
    }
}

void make_ready(unsigned t) {
  fibers[t].st = state::ready;
  ready[n_ready++] = t;
}

void wait_in(state st, const void *place, unsigned line) {
  fibers[current].st = st;
  fibers[current].place = place, fibers[current].line = line;
  remove_ready(current);
  switch_to_next(false);
}

void fiber_main() {
  block_body(block_arguments);
  fiber &f = fibers[current];
  if (!f.copies.empty())
    report(bug::uninitialised, f.copies.back().place, nullptr, -1,
           "asynchronous copy never waited for");
  for (const pending_copy &c : f.copies)
    if (c.read) shadow_end_source(c.from, c.place);
  f.copies.clear();
  f.st = state::done;
  n_done++;
  remove_ready(current);
  switch_to_next(true);
  abort();
}

void prepare(unsigned t) {
  fiber &f = fibers[t];
  if (!f.stack)
    f.stack =
        static_cast<unsigned char *>(mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE,
                                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  uintptr_t top =
      (reinterpret_cast<uintptr_t>(f.stack) + stack_bytes) & ~static_cast<uintptr_t>(15);
  void **sp = reinterpret_cast<void **>(top);
  *--sp = nullptr; /* fiber_main never returns; keeps the stack aligned at its entry */
  *--sp = reinterpret_cast<void *>(fiber_main);
  for (int i = 0; i < 6; i++) *--sp = nullptr;
  f.stack_pointer = sp;
  f.epoch = 0;
  f.groups_committed = 0;
  f.copies.clear();
  memset(clocks[t], 0, sizeof clocks[t]);
  clocks[t][t % warp_lanes] = 1;
  make_ready(t);
}

bool release_barrier() {
  unsigned waiting = 0, first = 0;
  for (unsigned t = 0; t < n_threads; t++)
    if (fibers[t].st == state::at_barrier && waiting++ == 0) first = t;
  if (waiting == 0 || waiting + n_done != n_threads) return false;
  for (unsigned t = 0; t < n_threads; t++) {
    if (fibers[t].st == state::done || fibers[t].line != fibers[first].line) {
      report_as(first, bug::barrier_divergence, fibers[first].place,
                fibers[t].st == state::done ? nullptr : fibers[t].place, static_cast<int>(t),
                fibers[t].st == state::done ? "a thread left the kernel before the barrier"
                                            : "threads wait at different barriers");
      break;
    }
  }
  for (unsigned t = 0; t < n_threads; t++)
    if (fibers[t].st == state::at_barrier) {
      fibers[t].epoch++;
      make_ready(t);
    }
  return true;
}

uint64_t shuffle_result(unsigned t) {
  const fiber &f = fibers[t];
  const unsigned base = t / warp_lanes * warp_lanes;
  const int lane = static_cast<int>(t % warp_lanes), width = f.width,
            segment = lane / width * width;
  int source = lane;
  if (f.kind == warp_kind::shuffle_index) source = segment + (f.operand & (width - 1));
  if (f.kind == warp_kind::shuffle_down && lane + f.operand < segment + width)
    source = lane + f.operand;
  if (f.kind == warp_kind::shuffle_up && lane - f.operand >= segment) source = lane - f.operand;
  if (f.kind == warp_kind::shuffle_xor && (lane ^ f.operand) < segment + width)
    source = lane ^ f.operand;
  if (!(f.mask >> source & 1) || base + static_cast<unsigned>(source) >= n_threads) {
    report_as(t, bug::shuffle_mask, f.place, nullptr, static_cast<int>(base) + source,
              "reads a lane that is not in the mask");
    return 0xDEADBEEFDEADBEEFu;
  }
  return fibers[base + static_cast<unsigned>(source)].value;
}

void complete_warp(unsigned base, uint32_t mask) {
  uint32_t ballot = 0;
  for (unsigned l = 0; l < warp_lanes; l++)
    if (mask >> l & 1 && fibers[base + l].value) ballot |= 1u << l;
  for (unsigned l = 0; l < warp_lanes; l++) {
    if (!(mask >> l & 1)) continue;
    fiber &f = fibers[base + l];
    f.result = f.kind == warp_kind::ballot    ? ballot
               : f.kind == warp_kind::barrier ? 0
                                              : shuffle_result(base + l);
  }
  if (fibers[base + static_cast<unsigned>(__builtin_ctz(mask))].kind == warp_kind::barrier) {
    uint32_t joined[warp_lanes] = {0};
    for (unsigned l = 0; l < warp_lanes; l++)
      if (mask >> l & 1)
        for (unsigned k = 0; k < warp_lanes; k++)
          joined[k] = clocks[base + l][k] > joined[k] ? clocks[base + l][k] : joined[k];
    for (unsigned l = 0; l < warp_lanes; l++)
      if (mask >> l & 1) {
        memcpy(clocks[base + l], joined, sizeof joined);
        clocks[base + l][l]++;
      }
  }
  for (unsigned l = 0; l < warp_lanes; l++)
    if (mask >> l & 1) make_ready(base + l);
}

/* Tries to complete the warp operation that thread t waits in. A lane that sits in the mask but can
 * not come is a finding. */
bool try_warp(unsigned t, bool last_chance) {
  const fiber &f = fibers[t];
  const unsigned base = t / warp_lanes * warp_lanes;
  for (unsigned l = 0; l < warp_lanes; l++) {
    if (!(f.mask >> l & 1)) continue;
    const unsigned o = base + l;
    const bool here = o < n_threads && fibers[o].st == state::at_warp;
    const bool same = here && fibers[o].mask == f.mask && fibers[o].line == f.line;
    if (same) continue;
    if (last_chance) {
      report_as(t, bug::shuffle_mask, f.place, here ? fibers[o].place : nullptr,
                static_cast<int>(o),
                here ? "lanes of one mask meet with different masks or at different places"
                     : "a lane of the mask never arrives");
    }
    return false;
  }
  complete_warp(base, f.mask);
  return true;
}

bool release_waiting() {
  for (unsigned t = 0; t < n_threads; t++)
    if (fibers[t].st == state::at_warp && try_warp(t, false)) return true;
  if (release_barrier()) return true;
  for (unsigned t = 0; t < n_threads; t++)
    if (fibers[t].st == state::at_warp && try_warp(t, true)) return true;
  if (n_done < n_threads) {
    for (unsigned t = 0; t < n_threads; t++)
      if (fibers[t].st == state::at_barrier) {
        report_as(t, bug::barrier_divergence, fibers[t].place, nullptr, -1,
                  "not all threads reach the barrier");
        break;
      }
  }
  return false;
}

uint64_t warp_operation(warp_kind kind, uint32_t mask, uint64_t value, int operand, int width,
                        const void *place, unsigned line) {
  fiber &f = fibers[current];
  if (!(mask >> (current % warp_lanes) & 1))
    report(bug::shuffle_mask, place, nullptr, -1, "the calling lane is not in its own mask");
  f.kind = kind, f.mask = mask | 1u << (current % warp_lanes), f.value = value, f.operand = operand,
  f.width = width;
  f.st = state::at_warp;
  f.place = place, f.line = line;
  remove_ready(current);
  try_warp(current, false);
  switch_to_next(f.st != state::ready);
  return fibers[current].result;
}

void run_block(const char *kernel, unsigned index, size_t shared_bytes, uint32_t op) {
  running.op = op, running.instance = ++instances, running.block = index, running.kernel = kernel;
  block_index = dim3(index % grid_size.x, index / grid_size.x % grid_size.y,
                     index / (grid_size.x * grid_size.y));
  n_threads = block_size.x * block_size.y * block_size.z;
  n_ready = n_done = 0;
  shared_begin_block();
  shared_slots.clear();
  shared_used = (shared_bytes + 15) / 16 * 16;
  shared_static_bytes = 0, shared_dynamic_bytes = shared_bytes;
  if (shared_bytes) shadow_allow(shared_base(), shared_bytes);
  for (unsigned t = 0; t < n_threads; t++) prepare(t);
  set_running(ready[choice.below(n_ready)]);
  countdown = 1 + choice.below(2 * switch_interval - 1);
  simt_swap(&host_stack_pointer, fibers[current].stack_pointer);
  running.stack = nullptr;
  running.thread = -1;
}

}  // namespace

void run_grid(const char *kernel, dim3 grid, dim3 block, size_t shared_bytes, uint32_t op,
              void (*body)(void *), void *arguments) {
  if (!map_arena()) abort(); /* who launches has looked before */
  grid_size = grid, block_size = block;
  block_body = body, block_arguments = arguments;
  const unsigned n = grid.x * grid.y * grid.z;
  std::vector<unsigned> order(n);
  for (unsigned i = 0; i < n; i++) order[i] = i;
  for (unsigned i = n; i-- > 1;) std::swap(order[i], order[choice.below(i + 1)]);
  for (unsigned i = 0; i < n; i++) run_block(kernel, order[i], shared_bytes, op);
}

void maybe_switch() {
  if (--countdown == 0) switch_to_next(false);
}

void block_barrier_at(const void *place, unsigned line) { wait_in(state::at_barrier, place, line); }
void block_barrier(unsigned line) { block_barrier_at(__builtin_return_address(0), line); }

void warp_barrier_at(uint32_t mask, const void *place, unsigned line) {
  warp_operation(warp_kind::barrier, mask, 0, 0, 32, place, line);
}
void warp_barrier(uint32_t mask, unsigned line) {
  warp_barrier_at(mask, __builtin_return_address(0), line);
}

uint64_t warp_shuffle_at(shuffle kind, uint32_t mask, uint64_t value, int operand, int width,
                         const void *place, unsigned line) {
  const warp_kind k =
      static_cast<warp_kind>(static_cast<int>(warp_kind::shuffle_index) + static_cast<int>(kind));
  return warp_operation(k, mask, value, operand, width, place, line);
}
uint64_t warp_shuffle(shuffle kind, uint32_t mask, uint64_t value, int operand, int width,
                      unsigned line) {
  return warp_shuffle_at(kind, mask, value, operand, width, __builtin_return_address(0), line);
}

uint32_t warp_ballot_at(uint32_t mask, bool predicate, const void *place, unsigned line) {
  return static_cast<uint32_t>(
      warp_operation(warp_kind::ballot, mask, predicate, 0, 32, place, line));
}
uint32_t warp_ballot(uint32_t mask, bool predicate, unsigned line) {
  return warp_ballot_at(mask, predicate, __builtin_return_address(0), line);
}

void *shared_static(const void *key, size_t bytes) {
  for (const shared_slot &s : shared_slots)
    if (s.key == key) return shared_base() + s.offset;
  const shared_slot s = {key, shared_used};
  /* A gap, so that an overrun is out of bounds. */
  shared_used = (shared_used + bytes + 15) / 16 * 16 + 16;
  shared_slots.push_back(s);
  shared_static_bytes += (bytes + 15) / 16 * 16;
  if (shared_static_bytes > shared_unasked ||
      !shared_granted(shared_static_bytes + shared_dynamic_bytes))
    report(bug::out_of_bounds, __builtin_return_address(0), nullptr, -1,
           "more shared memory than a block may have");
  shadow_allow(shared_base() + s.offset, bytes);
  return shared_base() + s.offset;
}

void *shared_dynamic() { return shared_base(); }

void async_copy(void *shared, const void *global, size_t bytes) {
  async_copy_at(shared, global, bytes, bytes, __builtin_return_address(0));
}

void async_copy_at(void *shared, const void *global, size_t bytes, size_t read, const void *place) {
  if (bytes != 4 && bytes != 8 && bytes != 16)
    report(bug::misaligned, place, nullptr, -1, "an asynchronous copy moves 4, 8 or 16 bytes");
  if (!in_shared(shared) || (read && (in_shared(global) || !in_arena(global))))
    report(bug::out_of_bounds, place, nullptr, -1,
           "an asynchronous copy goes from global to shared memory");
  if (read && reinterpret_cast<uintptr_t>(global) % bytes)
    report(bug::misaligned, place, nullptr, -1, "a copy's source is no multiple of its size");
  if (read) shadow_access(global, read, false, false, place);
  shadow_begin_async(shared, bytes, place);
  fiber &f = fibers[current];
  f.copies.push_back({shared, global, bytes, read, f.groups_committed, place});
  if (read) shadow_begin_source(global, read, place);
  maybe_switch();
}

void async_commit() { fibers[current].groups_committed++; }

/* Copies land only here: whatever is read before has not arrived. The source is read here, too: who
 * writes it must come after the wait, not only after the instruction. */
void async_wait(unsigned groups_left) {
  fiber &f = fibers[current];
  std::vector<pending_copy> left;
  for (const pending_copy &c : f.copies) {
    if (c.group + groups_left >= f.groups_committed) {
      left.push_back(c);
      continue;
    }
    if (c.read) {
      shadow_access(c.from, c.read, false, false, c.place);
      shadow_end_source(c.from, c.place);
      memcpy(c.to, c.from, c.read);
    }
    memset(static_cast<unsigned char *>(c.to) + c.read, 0, c.bytes - c.read);
    shadow_end_async(c.to, c.bytes, c.place);
  }
  f.copies.swap(left);
  maybe_switch();
}

uint64_t atomic(void *p, size_t bytes, atomic_op op, uint64_t operand) {
  return atomic_at(p, bytes, op, operand, __builtin_return_address(0));
}

uint64_t atomic_at(void *p, size_t bytes, atomic_op op, uint64_t operand, const void *place) {
  shadow_access(p, bytes, false, true, place);
  shadow_access(p, bytes, true, true, place);
  uint64_t old = 0;
  memcpy(&old, p, bytes);
  const uint64_t next = op == atomic_op::add   ? old + operand
                        : op == atomic_op::max ? (old > operand ? old : operand)
                                               : (old < operand ? old : operand);
  memcpy(p, &next, bytes);
  maybe_switch();
  return old;
}

void float_atomic() {
  report(bug::float_atomic, __builtin_return_address(0), nullptr, -1,
         "the order of float atomics is not specified");
}

}  // namespace simt
