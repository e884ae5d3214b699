/* The threads of the running block, each a fiber with a stack of its own. */
#ifndef SLUICE_SIMT_FIBERS_H
#define SLUICE_SIMT_FIBERS_H

#include "internal.h"

namespace simt {

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

extern fiber fibers[block_threads_max];
/* clocks[t][l]: what thread t has seen of lane l of its warp. */
extern uint32_t clocks[block_threads_max][warp_lanes];
extern unsigned ready[block_threads_max], n_ready, n_threads, n_done, current;

/* Thread t at its start, ready; body never returns. */
void prepare(unsigned t, void (*body)());
void make_ready(unsigned t);
void remove_ready(unsigned t);
/* Reports a finding of thread t, whichever thread runs. */
void report_as(unsigned t, bug kind, const void *place, const void *other_place, int other_thread,
               const char *detail);

/* Tries to complete the warp operation that thread t waits in. A lane that is in the mask but
 * cannot come is a finding. */
bool try_warp(unsigned t, bool last_chance);

}  // namespace simt

/* Saves the running stack's pointer, goes on where `load` was saved. */
extern "C" void simt_swap(void **save, void *load);

#endif
