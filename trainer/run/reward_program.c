/* A pool of processes that reward completions (spec F3.10). One thread serves all: it writes and
 * reads where poll says so. */
#define _GNU_SOURCE /* pipe2, posix_spawn_file_actions_addchdir_np, environ */
#include "reward_program.h"

#include "trainer/files/json.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_BYTES = 1 << 16, TRIES = 2, SHOWN = 80 };
_Static_assert(ANSWER_BYTES == 65536, "spec F3.10 and a message name it");
#define NONE ((size_t)-1)

typedef struct {
  pid_t pid; /* 0: not started */
  int in, out;
  size_t request, written; /* NONE: idle; bytes of its line and newline that are sent */
  int tries;               /* processes that had the current request */
  int fresh;               /* it has not answered yet: its start takes time too */
  double deadline;
  char answer[ANSWER_BYTES];
  size_t length;
} worker;

struct sl_reward_program {
  char *command, *folder;
  double seconds;
  size_t n;
  worker *workers;
  struct pollfd *polls; /* (2 n) input and output of each */
};

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* An answer is asked for as soon as its process is started: the first one's time holds what the
 * program loads before it reads. */
static double seconds_for(const sl_reward_program *p, const worker *w) {
  return w->fresh ? fmax(SL_REWARD_FIRST_FACTOR * p->seconds, SL_REWARD_FIRST_SECONDS) : p->seconds;
}

sl_status sl_reward_program_create(sl_reward_program **out, const char *command, const char *folder,
                                   size_t processes, double seconds, sl_error *err) {
  sl_reward_program *p = calloc(1, sizeof *p);
  if (p)
    *p = (sl_reward_program){strdup(command),
                             strdup(folder),
                             seconds,
                             processes,
                             calloc(processes, sizeof *p->workers),
                             calloc(2 * processes, sizeof *p->polls)};
  if (!p || !p->command || !p->folder || !p->workers || !p->polls) {
    sl_reward_program_destroy(p);
    return sl_fail(err, SL_ERR_MEMORY, "no memory for %zu processes of reward.command", processes);
  }
  for (size_t i = 0; i < processes; i++) p->workers[i].request = NONE;
  *out = p;
  return SL_OK;
}

/* 1 if a process has ended that nobody has waited for. */
static int has_ended(const worker *w) {
  siginfo_t info = {0};
  return waitid(P_PID, (id_t)w->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != 0;
}

/* Ends a process and its children, and says how it ended. */
static int put_down(worker *w, int sig) {
  int status = 0;
  if (w->pid == 0) return 0;
  close(w->in), close(w->out);
  if (sig) kill(-w->pid, sig);
  while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR) {
  }
  kill(-w->pid, SIGKILL); /* what it has left behind */
  w->pid = 0, w->length = 0;
  return status;
}

/* A program that reads to the end of its input leaves by itself; a second is enough for that. */
static void let_go(worker *w) {
  if (w->pid == 0) return;
  close(w->in);
  for (int i = 0; i < 100 && !has_ended(w); i++) nanosleep(&(struct timespec){0, 10000000}, NULL);
  w->in = open("/dev/null", O_WRONLY | O_CLOEXEC);
  put_down(w, SIGKILL);
}

void sl_reward_program_destroy(sl_reward_program *p) {
  if (!p) return;
  for (size_t i = 0; p->workers && i < p->n; i++) let_go(&p->workers[i]);
  free(p->command);
  free(p->folder);
  free(p->workers);
  free(p->polls);
  free(p);
}

/* In a process group of its own, with the signals that a run ignores as they are by default. */
static int spawn(const sl_reward_program *p, pid_t *pid, int in, int out) {
  char sh[] = "sh", c[] = "-c";
  char *const argv[] = {sh, c, p->command, NULL};
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  sigset_t standard, none;
  sigemptyset(&standard), sigemptyset(&none);
  sigaddset(&standard, SIGPIPE), sigaddset(&standard, SIGXFSZ), sigaddset(&standard, SIGHUP),
      sigaddset(&standard, SIGINT), sigaddset(&standard, SIGTERM);
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
  if (*p->folder) posix_spawn_file_actions_addchdir_np(&files, p->folder);
  posix_spawnattr_setsigdefault(&attributes, &standard);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  const int code = posix_spawn(pid, "/bin/sh", &files, &attributes, argv, environ);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  return code;
}

static sl_status start(const sl_reward_program *p, worker *w, sl_error *err) {
  int to[2], from[2];
  if (pipe2(to, O_CLOEXEC) != 0)
    return sl_fail(err, SL_ERR_IO, "reward.command: no pipe: %s", strerror(errno));
  if (pipe2(from, O_CLOEXEC) != 0) {
    close(to[0]), close(to[1]);
    return sl_fail(err, SL_ERR_IO, "reward.command: no pipe: %s", strerror(errno));
  }
  const int code = spawn(p, &w->pid, to[0], from[1]);
  close(to[0]), close(from[1]);
  if (code) {
    close(to[1]), close(from[0]);
    w->pid = 0;
    return sl_fail(err, SL_ERR_IO, "reward.command: cannot be started%s%s: %s",
                   *p->folder ? " in " : "", p->folder, strerror(code));
  }
  w->in = to[1], w->out = from[0], w->length = 0, w->fresh = 1;
  fcntl(w->in, F_SETFL, O_NONBLOCK);
  fcntl(w->out, F_SETFL, O_NONBLOCK);
  return SL_OK;
}

static sl_status give(const sl_reward_program *p, worker *w, size_t request, sl_error *err) {
  if (w->pid && request != w->request && has_ended(w)) put_down(w, 0); /* while it was idle */
  const sl_status status = w->pid ? SL_OK : start(p, w, err);
  if (status) return status;
  w->tries = request == w->request ? w->tries + 1 : 1;
  w->request = request, w->written = 0, w->deadline = now() + seconds_for(p, w);
  return SL_OK;
}

static void say_end(char *out, size_t size, int status) {
  if (WIFSIGNALED(status))
    snprintf(out, size, "was ended by signal %d", WTERMSIG(status));
  else
    snprintf(out, size, "ended with code %d", WEXITSTATUS(status));
}

/* The process has closed a pipe, or ended: once more with a fresh one, then no more. */
static sl_status died(const sl_reward_program *p, worker *w, sl_error *err) {
  char end[60];
  const int status = put_down(w, SIGTERM);
  say_end(end, sizeof end, status);
  if (w->tries < TRIES) return give(p, w, w->request, err);
  return sl_fail(err, SL_ERR_INPUT,
                 "reward.command: the program %s before it answered, %d times in a row", end,
                 w->tries);
}

static sl_status send(const sl_reward_program *p, worker *w, const sl_reward_request *r,
                      sl_error *err) {
  const char *line = r[w->request].line;
  const size_t n = strlen(line);
  const ssize_t done =
      w->written < n ? write(w->in, line + w->written, n - w->written) : write(w->in, "\n", 1);
  if (done >= 0) {
    w->written += (size_t)done;
    return SL_OK;
  }
  return errno == EAGAIN || errno == EINTR ? SL_OK : died(p, w, err);
}

static sl_status fail_answer(const worker *w, const char *what, sl_error *err) {
  char shown[SHOWN + 1];
  const char *end = memchr(w->answer, '\n', w->length);
  const size_t line = end ? (size_t)(end - w->answer) : w->length, n = line < SHOWN ? line : SHOWN;
  for (size_t i = 0; i < n; i++)
    shown[i] = w->answer[i] >= ' ' && w->answer[i] <= '~' ? w->answer[i] : '?';
  shown[n] = 0;
  return sl_fail(err, SL_ERR_INPUT,
                 "reward.command: expected one line {\"id\": %zu, \"reward\": NUMBER}, %s: '%s'",
                 w->request, what, shown);
}

static sl_status take_answer(worker *w, size_t length, sl_reward_request *r, sl_error *err) {
  sl_json doc;
  sl_error why;
  size_t id = 0;
  double reward = 0.0;
  if (length + 1 < w->length) return fail_answer(w, "found more behind it", err);
  sl_status status = sl_json_parse(&doc, "answer", 1, w->answer, length, &why);
  if (status == SL_ERR_MEMORY) return sl_fail(err, status, "reward.command: %s", why.message);
  if (status) return fail_answer(w, "found", err);
  status = sl_json_size(&doc, "id", 0, (size_t)1 << 53, &id, &why);
  if (!status) status = sl_json_real(&doc, "reward", &reward, &why);
  sl_json_free(&doc);
  if (status || !isfinite(reward)) return fail_answer(w, "found", err);
  if (id != w->request) return fail_answer(w, "found another id", err);
  r[w->request].reward = reward, r[w->request].timed_out = 0;
  w->request = NONE, w->length = 0, w->fresh = 0;
  return SL_OK;
}

static sl_status receive(const sl_reward_program *p, worker *w, sl_reward_request *r,
                         sl_error *err) {
  const ssize_t got = read(w->out, w->answer + w->length, ANSWER_BYTES - w->length);
  if (got < 0) return errno == EAGAIN || errno == EINTR ? SL_OK : died(p, w, err);
  if (got == 0) return died(p, w, err);
  w->length += (size_t)got;
  const char *end = memchr(w->answer, '\n', w->length);
  if (end) return take_answer(w, (size_t)(end - w->answer), r, err);
  return w->length < ANSWER_BYTES ? SL_OK
                                  : fail_answer(w, "found no end of a line in 65536 bytes", err);
}

static void time_out(worker *w, sl_reward_request *r) {
  put_down(w, SIGKILL);
  r[w->request].reward = 0.0, r[w->request].timed_out = 1;
  w->request = NONE;
}

/* Milliseconds to the next deadline, rounded up. */
static int wait_ms(const sl_reward_program *p) {
  double next = INFINITY;
  for (size_t i = 0; i < p->n; i++)
    if (p->workers[i].request != NONE) next = fmin(next, p->workers[i].deadline);
  return (int)fmin(fmax(ceil(1e3 * (next - now())), 0.0), 60000.0);
}

static sl_status serve(sl_reward_program *p, sl_reward_request *r, size_t *failed, sl_error *err) {
  for (size_t i = 0; i < p->n; i++) {
    const worker *w = &p->workers[i];
    const int busy = w->request != NONE;
    const int sending = busy && w->written <= strlen(r[busy ? w->request : 0].line);
    p->polls[2 * i] = (struct pollfd){sending ? w->in : -1, POLLOUT, 0};
    p->polls[2 * i + 1] = (struct pollfd){busy ? w->out : -1, POLLIN, 0};
  }
  if (poll(p->polls, (nfds_t)(2 * p->n), wait_ms(p)) < 0 && errno != EINTR)
    return sl_fail(err, SL_ERR_IO, "reward.command: poll: %s", strerror(errno));
  for (size_t i = 0; i < p->n; i++) {
    worker *w = &p->workers[i];
    if (w->request == NONE) continue;
    *failed = w->request;
    const pid_t before = w->pid;
    sl_status status = SL_OK;
    if (p->polls[2 * i + 1].revents) status = receive(p, w, r, err);
    if (!status && w->request != NONE && w->pid == before && p->polls[2 * i].revents)
      status = send(p, w, r, err);
    if (status) return status;
    if (w->request != NONE && now() >= w->deadline) time_out(w, r);
  }
  return SL_OK;
}

static size_t busy_workers(const sl_reward_program *p) {
  size_t n = 0;
  for (size_t i = 0; i < p->n; i++) n += p->workers[i].request != NONE;
  return n;
}

sl_status sl_reward_program_ask(sl_reward_program *p, sl_reward_request *requests, size_t n,
                                size_t *failed, sl_error *err) {
  sl_status status = SL_OK;
  *failed = 0;
  for (size_t next = 0; !status && (next < n || busy_workers(p));) {
    for (size_t i = 0; !status && i < p->n && next < n; i++)
      if (p->workers[i].request == NONE) {
        *failed = next;
        status = give(p, &p->workers[i], next, err);
        next += !status;
      }
    if (!status) status = serve(p, requests, failed, err);
  }
  for (size_t i = 0; status && i < p->n; i++) { /* or their answers would meet the next ask */
    if (p->workers[i].request != NONE) put_down(&p->workers[i], SIGKILL);
    p->workers[i].request = NONE;
  }
  return status;
}
