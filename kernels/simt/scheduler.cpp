/* Who runs next is drawn from the seed, at any access and at every barrier. One block at a time, in
 * seeded order; conflicts between blocks are found by the shadow, which knows that nothing orders
 * them. */
#include "fibers.h"

#include <cstdlib>

namespace simt {

dim3 thread_index, block_index, block_size, grid_size;

namespace {

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

void set_running(unsigned t) {
  current = t;
  running.thread = static_cast<int>(t);
  running.epoch = fibers[t].epoch;
  running.clock = clocks[t];
  running.stack = fibers[t].stack;
  thread_index =
      dim3(t % block_size.x, t / block_size.x % block_size.y, t / (block_size.x * block_size.y));
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
  for (unsigned t = 0; t < n_threads; t++) prepare(t, fiber_main);
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

}  // namespace simt
