/* What happens to `sluice verify` when memory runs out. */
#include "kernels/gate/tree.h"
#include "kernels/support/cli.h"

#include "verify_run.h"

#include <stdlib.h>
#include <unistd.h>

/* If memory runs out FLINT ends the program: this makes it end with the exit code of a system error
 * and a message that names FLINT. It takes no memory, and runs nothing that could. */
static _Noreturn void flint_gave_up(void) {
  static const char text[] =
      "sluice verify: error: FLINT gave up: not enough memory for this gate\n";
  if (write(STDERR_FILENO, text, sizeof text - 1) < 0) _exit(SL_EXIT_SYSTEM);
  _exit(SL_EXIT_SYSTEM);
}

/* FLINT's own way there prints through its own memory first, without end where there is none; GMP
 * and MPFR know no other way than abort. */
static void *take(size_t size) {
  void *memory = malloc(size);
  if (!memory) flint_gave_up();
  return memory;
}
static void *take_zeroed(size_t n, size_t size) {
  void *memory = calloc(n, size);
  if (!memory) flint_gave_up();
  return memory;
}
static void *take_again(void *old, size_t size) {
  void *memory = realloc(old, size);
  if (!memory && size) flint_gave_up();
  return memory;
}
static void *gmp_again(void *old, size_t old_size, size_t size) {
  (void)old_size;
  return take_again(old, size);
}
static void gmp_free(void *memory, size_t size) {
  (void)size;
  free(memory);
}
void sl_verify_guard_memory(void) {
  sl_tree_when_short(flint_gave_up);
  flint_set_abort(flint_gave_up);
  __flint_set_memory_functions(take, take_zeroed, take_again, free);
  mp_set_memory_functions(take, gmp_again, gmp_free);
}
