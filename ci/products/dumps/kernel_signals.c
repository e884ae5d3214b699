/* Signals of a kernel's process to its caller. */
#define _GNU_SOURCE /* SI_TKILL */
#include "kernel_signals.h"

#include <stddef.h>
#include <time.h>
#include <unistd.h>

void sl_kernel_signals_block(sl_kernel_signals *s) {
  static const int ends[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,   SIGUSR1,
                             SIGUSR2, SIGALRM, SIGPIPE, SIGVTALRM, SIGPROF};
  sigemptyset(&s->ends);
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) sigaddset(&s->ends, ends[i]);
  sigprocmask(SIG_BLOCK, &s->ends, &s->before);
}

void sl_kernel_signals_restore(const sl_kernel_signals *s) {
  sigprocmask(SIG_SETMASK, &s->before, NULL);
}

static int is_of_group(const siginfo_t *info, pid_t group) {
  return info->si_code <= 0 && (info->si_pid == group || getpgid(info->si_pid) == group);
}

int sl_kernel_signals_wait(const sl_kernel_signals *s, pid_t group) {
  const struct timespec millisecond = {0, 1000000};
  siginfo_t info;
  const int number = sigtimedwait(&s->ends, &info, &millisecond);
  if (number <= 0) return 0;
  if (is_of_group(&info, group)) return number;
  struct sigaction action;
  const int ignored = sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
  if (ignored) return 0;
  kill(-group, SIGKILL);
  sl_kernel_signals_restore(s);
  raise(number);
  return 0;
}
