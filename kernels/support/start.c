/* Exits with a message on a CPU that cannot run the program's other code (spec N1.2), and where
 * stacks are too small for it. Linked into each of Sluice's programs; compiled for any x86-64, and
 * run as the first of the program's own constructors, before main and before any object that is
 * compiled for x86-64-v3 can run. */
#include "kernels/core/processor.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define EXIT_SYSTEM 5 /* SL_EXIT_SYSTEM of cli.h */

static void say(const char *text) {
  if (write(STDERR_FILENO, text, strlen(text)) < 0) _exit(EXIT_SYSTEM);
}

__attribute__((constructor(101))) static void refuse_older_processor(void) {
  char lacking[SL_PROCESSOR_TEXT];
  if (!sl_processor_lacks(lacking)) return;
  say("error: this CPU lacks ");
  say(lacking);
  say(": Sluice needs x86-64-v3 (spec N1.2)\n");
  _exit(EXIT_SYSTEM);
}

/* The limit is that of the main thread and, in glibc, the size of all other stacks. With 96 KiB
 * every command works, with 80 some crash. */
#define STACK_BYTES_MIN ((rlim_t)256 << 10)

__attribute__((constructor(102))) static void refuse_small_stack(void) {
  struct rlimit stack;
  if (getrlimit(RLIMIT_STACK, &stack) != 0 || stack.rlim_cur >= STACK_BYTES_MIN) return;
  say("error: the limit on stacks is below 256 KiB, which Sluice needs: 'ulimit -s 8192' raises "
      "it\n");
  _exit(EXIT_SYSTEM);
}
