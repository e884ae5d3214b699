/* Signals that end a process, while a kernel has one of its own (spec E10.4): one that the kernel
 * sends to its caller ends no judgement. Internal. */
#ifndef SLUICE_DUMPS_KERNEL_SIGNALS_H
#define SLUICE_DUMPS_KERNEL_SIGNALS_H

#include <signal.h>
#include <sys/types.h>

typedef struct {
  sigset_t ends, before;
} sl_kernel_signals;

void sl_kernel_signals_block(sl_kernel_signals *s);
void sl_kernel_signals_restore(const sl_kernel_signals *s);

/* Waits a millisecond. The number of a signal that a process of the group has sent; 0: none. One
 * that came from elsewhere has its effect, after the group has been ended. */
int sl_kernel_signals_wait(const sl_kernel_signals *s, pid_t group);

#endif
