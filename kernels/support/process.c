/* Standard streams, and signals that ask for a stop. */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

int sl_process_begin(void) {
  signal(SIGXFSZ, SIG_IGN);
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd) return -1;
  return 0; /* open gives the lowest number that is free */
}

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
enum { SIGNALS = sizeof signals / sizeof *signals };

static volatile sig_atomic_t requested, announced;
static struct sigaction before[SIGNALS];

static void request_stop(int signal_number) {
  static const char advice[] =
      "\nFinishing the step, then writing a checkpoint. A second signal stops at once, and the run "
      "goes back to its last checkpoint.\n";
  const int saved = errno;
  if (requested && signal_number != SIGHUP) {
    signal(signal_number, SIG_DFL);
    raise(signal_number);
  }
  const int first = !requested;
  requested = signal_number;
  if (first && announced && write(STDERR_FILENO, advice, sizeof advice - 1) < 0) announced = 0;
  errno = saved;
}

void sl_stop_begin(int announce) {
  requested = 0, announced = announce;
  for (size_t i = 0; i < SIGNALS; i++) {
    struct sigaction action = {.sa_handler = request_stop, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    if (signals[i] == SIGPIPE) action.sa_handler = SIG_IGN;
    sigaction(signals[i], NULL, &before[i]);
    if (before[i].sa_handler != SIG_IGN) sigaction(signals[i], &action, NULL);
  }
}

int sl_stop_requested(void) { return requested != 0; }

void sl_stop_end(void) {
  for (size_t i = 0; i < SIGNALS; i++) sigaction(signals[i], &before[i], NULL);
}
