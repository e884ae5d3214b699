/* The process of a kernel (spec E10.2). The parent looks every millisecond whether it has ended,
 * and what it takes; what the child has to say is in memory that both share. */
#define _GNU_SOURCE /* RTLD_DEEPBIND, MAP_ANONYMOUS, wait4 */
#include "kernel_process.h"

#include "kernel_signals.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* After the return a thread, a device or a process that the kernel has left may still write: it is
 * given this time to show it. What is written later is not in the answer either. */
enum { SIGNAL_STACK = 65536, AFTER_RETURN_MS = 100 };

/* A library's own symbols before those of this program, so that a kernel gets the BLAS that it was
 * linked with; the address sanitizer refuses it. */
#ifdef __SANITIZE_ADDRESS__
enum { DLOPEN_FLAGS = RTLD_NOW | RTLD_LOCAL };
#else
enum { DLOPEN_FLAGS = RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND };
#endif

typedef enum { LOADING, REFUSED, CALLING, RETURNED, ENDED } stage;

/* Written by the child. */
typedef struct {
  volatile sig_atomic_t stage, has_address;
  volatile uintptr_t address; /* of a fault */
  int32_t returned;
  size_t resident; /* pages, before the library is loaded */
  sl_happened refused;
} told;

static told *from_child; /* for the signal handler */

static size_t resident_pages(pid_t pid) {
  char path[64], line[128], *end = line;
  snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
  FILE *in = fopen(path, "r");
  if (!in) return 0;
  const int some = fgets(line, sizeof line, in) != NULL;
  fclose(in);
  if (some) strtoull(line, &end, 10); /* all of them */
  return some ? strtoull(end, NULL, 10) : 0;
}

/* Notes the address; the instruction then fails again, with the signal's own effect. */
static void note_fault(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)context;
  from_child->address = (uintptr_t)info->si_addr;
  from_child->has_address = 1;
}

static void note_faults(void) {
  static unsigned char room[SIGNAL_STACK];
  const stack_t stack = {.ss_sp = room, .ss_size = sizeof room};
  struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK | (int)SA_RESETHAND};
  action.sa_sigaction = note_fault;
  sigaltstack(&stack, NULL);
  sigaction(SIGSEGV, &action, NULL);
  sigaction(SIGBUS, &action, NULL);
}

static void refuse(told *t, const char *text) {
  snprintf(t->refused, SL_HAPPENED, "%s", text);
  t->stage = REFUSED;
  _exit(0);
}

/* A function of the library; ISO C has no conversion from the pointer that dlsym returns. */
static void find(told *t, void *library, const char *name, void *function) {
  char text[SL_HAPPENED];
  void *symbol = dlsym(library, name);
  snprintf(text, sizeof text, "the library has no function %s", name);
  if (!symbol) refuse(t, text);
  memcpy(function, &symbol, sizeof symbol);
}

static double now_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* A signal of the kernel's own does not end the wait. By as many sleeps as milliseconds: where the
 * machine is so busy that each takes longer, the kernel's threads need longer too. */
static void wait_after_return(void) {
  const struct timespec millisecond = {0, 1000000};
  const double end = now_seconds() + 1e-3 * AFTER_RETURN_MS;
  for (int n = 0; n < AFTER_RETURN_MS || now_seconds() < end; n++) nanosleep(&millisecond, NULL);
}

static void load_and_call(told *t, const char *path, sl_kernel_call *k) {
  uint32_t (*abi)(void);
  int32_t (*kernel)(const sl_call *);
  char text[SL_HAPPENED];
  void *library = dlopen(path, DLOPEN_FLAGS);
  if (!library) {
    snprintf(text, sizeof text, "the library cannot be loaded: %s", dlerror());
    refuse(t, text);
  }
  find(t, library, "sluice_kernel_abi", &abi);
  find(t, library, "sluice_kernel", &kernel);
  const unsigned version = abi();
  snprintf(text, sizeof text, "the library has version %u of the interface, not %d", version,
           SL_CALL_ABI);
  if (version != SL_CALL_ABI) refuse(t, text);
  for (size_t i = 0; i < k->call.inputs; i++) sl_guarded_protect(&k->in_memory[i]);
  t->stage = CALLING;
  t->returned = kernel(&k->call);
  sl_kernel_call_keep(k);
  t->stage = RETURNED;
  if (t->returned == 0) wait_after_return();
  t->stage = ENDED;
}

/* What a kernel prints goes where errors go: a report may be on standard output. */
static void child(told *t, const char *path, sl_kernel_call *k) {
  const struct rlimit no_core = {0, 0};
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setrlimit(RLIMIT_CORE, &no_core);
  dup2(STDERR_FILENO, STDOUT_FILENO);
  from_child = t;
  note_faults();
  t->resident = resident_pages(getpid());
  load_and_call(t, path, k);
  _exit(0);
}

static void end_group(pid_t pid) {
  kill(-pid, SIGKILL);
  kill(pid, SIGKILL);
}

/* How the process ended: its state, and what it took at most of memory, beyond what it began with.
 */
typedef struct {
  int state, late, sent; /* sent: a signal that the kernel has sent to this process, or 0 */
  size_t bytes;
} ending;

/* Pages above what the child began with; none before it has told that. */
static size_t taken(size_t resident, const told *t) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE), began = t->resident;
  return began && resident > began ? (resident - began) * page : 0;
}

/* Processes in sessions of their own that the kernel has left: they have become children of this
 * one, which has no others. Each that is ended may leave some: a thousand at most. */
static void end_orphans(void) {
  char path[64], list[32]; /* of the first one */
  for (int i = 0; i < 1000; i++) {
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *in = fopen(path, "r");
    if (!in) return;
    const long child = fgets(list, sizeof list, in) ? strtol(list, NULL, 10) : 0;
    fclose(in);
    if (child <= 0) return;
    kill((pid_t)child, SIGKILL);
    waitpid((pid_t)child, NULL, 0);
  }
}

static ending watch(pid_t pid, const told *t, const sl_kernel_signals *signals, double seconds,
                    size_t bytes) {
  const double began = now_seconds();
  ending e = {0};
  struct rusage used;
  memset(&used, 0, sizeof used);
  for (;;) {
    const pid_t ended = wait4(pid, &e.state, WNOHANG, &used);
    if (ended == pid || (ended < 0 && errno != EINTR)) break;
    const size_t now = taken(resident_pages(pid), t);
    if (now > e.bytes) e.bytes = now;
    e.late = e.late || (t->stage < RETURNED && now_seconds() - began > seconds);
    if (e.late || now > bytes) end_group(pid);
    const int sent = sl_kernel_signals_wait(signals, pid);
    if (sent) e.sent = sent, end_group(pid);
  }
  kill(-pid, SIGKILL); /* what it has started itself */
  end_orphans();
  const size_t most = (size_t)used.ru_maxrss * 1024 / (size_t)sysconf(_SC_PAGESIZE);
  if (taken(most, t) > e.bytes) e.bytes = taken(most, t);
  return e;
}

static void signal_text(sl_happened happened, const sl_kernel_call *k, const told *t, int number) {
  sl_happened place = "";
  if (t->has_address) sl_kernel_call_place(place, k, t->address);
  const int n = snprintf(happened, SL_HAPPENED, "the %s was ended by signal %d (%s)",
                         t->stage == LOADING ? "library, while it was loaded," : "kernel", number,
                         strsignal(number));
  if (*place)
    snprintf(happened + n, SL_HAPPENED - (size_t)n, ": it touched %.120s", place);
  else if (t->has_address)
    snprintf(happened + n, SL_HAPPENED - (size_t)n, ", at address 0x%zx", (size_t)t->address);
}

static void tell(sl_happened happened, const sl_kernel_call *k, const told *t, const ending *e,
                 const sl_kernel_limits *limits, size_t bytes) {
  *happened = '\0';
  if (e->bytes > bytes)
    snprintf(happened, SL_HAPPENED, "the kernel took more than the %zu MiB of memory it may have",
             limits->mebibytes);
  else if (e->late)
    snprintf(happened, SL_HAPPENED, "the kernel had not returned after %g seconds",
             limits->seconds);
  else if (e->sent)
    snprintf(happened, SL_HAPPENED, "the kernel sent signal %d (%s) to the process that called it",
             e->sent, strsignal(e->sent));
  else if (WIFSIGNALED(e->state))
    signal_text(happened, k, t, WTERMSIG(e->state));
  else if (t->stage == REFUSED)
    memcpy(happened, t->refused, SL_HAPPENED);
  else if (t->stage != ENDED)
    snprintf(happened, SL_HAPPENED, "the kernel ended its process, with exit code %d",
             WEXITSTATUS(e->state));
  else if (t->returned)
    snprintf(happened, SL_HAPPENED, "the kernel returned %d", (int)t->returned);
}

sl_status sl_kernel_process(sl_happened happened, const char *library, sl_kernel_call *k,
                            const sl_kernel_limits *limits, sl_error *err) {
  char path[4096];
  const int n = snprintf(path, sizeof path, "%s%s", strchr(library, '/') ? "" : "./", library);
  if (n < 0 || (size_t)n >= sizeof path) return sl_fail(err, SL_ERR_INPUT, "--so: path too long");
  struct stat found;
  if (access(path, R_OK) != 0 || stat(path, &found) != 0)
    return sl_fail(err, SL_ERR_INPUT, "%s: %s", library, strerror(errno));
  if (!S_ISREG(found.st_mode))
    return sl_fail(err, SL_ERR_INPUT, "--so '%s': there is no regular file", library);
  told *t = mmap(NULL, sizeof *t, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (t == MAP_FAILED) return sl_fail(err, SL_ERR_MEMORY, "no memory to share with a process");
  fflush(NULL); /* or the child writes it once more */
  sl_kernel_signals signals;
  sl_kernel_signals_block(&signals);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  const pid_t pid = fork();
  if (pid == 0) {
    sl_kernel_signals_restore(&signals);
    child(t, path, k);
  }
  if (pid < 0) {
    sl_kernel_signals_restore(&signals);
    munmap(t, sizeof *t);
    return sl_fail(err, SL_ERR_IO, "no process for the kernel: %s", strerror(errno));
  }
  setpgid(pid, pid); /* the child does the same: whoever is first */
  const size_t bytes = limits->mebibytes * 1048576 + sl_kernel_call_bytes(k);
  const ending e = watch(pid, t, &signals, limits->seconds, bytes);
  sl_kernel_signals_restore(&signals);
  tell(happened, k, t, &e, limits, bytes);
  munmap(t, sizeof *t);
  return SL_OK;
}
