/* Accesses that are operations of their own: asynchronous copies and atomics. */
#include "fibers.h"

#include <cstring>

namespace simt {

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
