/* The hooks that -fsanitize=thread calls for every load and store of the .cu sources; libtsan
 * itself is not linked. */
#include "internal.h"

namespace {

inline __attribute__((always_inline)) void touch(const void *p, size_t bytes, bool write,
                                                 const void *place) {
  if (!simt::on_device()) {
    simt::host_access(p, bytes, place);
    return;
  }
  if (simt::in_running_stack(p) || (!write && simt::in_arguments(p)))
    return; /* a thread's own, and constants: nothing to order */
  simt::shadow_access(p, bytes, write, false, place);
  simt::maybe_switch();
}

}  // namespace

#define HERE __builtin_return_address(0)
#define HOOKS(n)                                                       \
  void __tsan_read##n(void *p) { touch(p, n, false, HERE); }           \
  void __tsan_write##n(void *p) { touch(p, n, true, HERE); }           \
  void __tsan_unaligned_read##n(void *p) { touch(p, n, false, HERE); } \
  void __tsan_unaligned_write##n(void *p) { touch(p, n, true, HERE); } \
  void __tsan_volatile_read##n(void *p) { touch(p, n, false, HERE); }  \
  void __tsan_volatile_write##n(void *p) { touch(p, n, true, HERE); }

extern "C" {
void __tsan_init() {}
void __tsan_func_entry(void *) {}
void __tsan_func_exit() {}
void __tsan_vptr_read(void **) {}
void __tsan_vptr_update(void **, void *) {}
void __tsan_read_range(void *p, unsigned long n) { touch(p, n, false, HERE); }
void __tsan_write_range(void *p, unsigned long n) { touch(p, n, true, HERE); }
HOOKS(1)
HOOKS(2)
HOOKS(4)
HOOKS(8)
HOOKS(16)
}
