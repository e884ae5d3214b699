/* Fibers: their stacks, the switch from one to another, and the list of those that can run. */
#include "fibers.h"

#include <cstring>
#include <sys/mman.h>

__asm__(
    ".text\n.globl simt_swap\n.type simt_swap,@function\nsimt_swap:\n"
    "  pushq %rbp\n  pushq %rbx\n  pushq %r12\n  pushq %r13\n  pushq %r14\n  pushq %r15\n"
    "  movq %rsp, (%rdi)\n  movq %rsi, %rsp\n"
    "  popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n  popq %rbx\n  popq %rbp\n  ret\n"
    ".size simt_swap, .-simt_swap\n");

namespace simt {

fiber fibers[block_threads_max];
uint32_t clocks[block_threads_max][warp_lanes];
unsigned ready[block_threads_max], n_ready, n_threads, n_done, current;

void report_as(unsigned t, bug kind, const void *place, const void *other_place, int other_thread,
               const char *detail) {
  const int thread = running.thread;
  running.thread = static_cast<int>(t);
  report(kind, place, other_place, other_thread, detail);
  running.thread = thread;
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

void prepare(unsigned t, void (*body)()) {
  fiber &f = fibers[t];
  if (!f.stack)
    f.stack =
        static_cast<unsigned char *>(mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE,
                                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  uintptr_t top =
      (reinterpret_cast<uintptr_t>(f.stack) + stack_bytes) & ~static_cast<uintptr_t>(15);
  void **sp = reinterpret_cast<void **>(top);
  *--sp = nullptr; /* body never returns; keeps the stack aligned at its entry */
  *--sp = reinterpret_cast<void *>(body);
  for (int i = 0; i < 6; i++) *--sp = nullptr;
  f.stack_pointer = sp;
  f.epoch = 0;
  f.groups_committed = 0;
  f.copies.clear();
  memset(clocks[t], 0, sizeof clocks[t]);
  clocks[t][t % warp_lanes] = 1;
  make_ready(t);
}

}  // namespace simt
