/* Signals of a crash or of a time-out. The message is made beforehand: a handler may only write. */
#include "crash.h"

#include "kernels/support/cli.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct {
  int is_on;
  unsigned seconds;
  char what[600];
} caught;

static void put(const char *text) {
  if (write(STDERR_FILENO, text, strlen(text)) < 0) return; /* nobody is left to be told */
}

static void end_process(int signal) {
  put(signal == SIGALRM ? "\nDIFFERENT: no result in time: " : "\nDIFFERENT: crashed: ");
  put(caught.what);
  _exit(SL_EXIT_FAILED);
}

void sl_crash_catch(unsigned seconds) {
  static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM};
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = end_process;
  sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
    sigaction(signals[i], &action, NULL);
  caught.is_on = 1, caught.seconds = seconds;
  snprintf(caught.what, sizeof caught.what, "outside of a problem\n");
}

void sl_crash_expect(const char *kernel, const char *backend, const char *replay) {
  if (!caught.is_on) return;
  snprintf(caught.what, sizeof caught.what, "%s on %s\n  repeat: %s\n", kernel, backend, replay);
  alarm(caught.seconds);
}

void sl_crash_end(void) {
  if (!caught.is_on) return;
  alarm(0);
  snprintf(caught.what, sizeof caught.what, "outside of a problem\n");
}
