/* A kernel for `sluice equiv --so`: a linear layer in binary32, wrong in the ways that FAULT names
 * (tests/ci/so-test). */
#define _POSIX_C_SOURCE 200809L
#include <sluice/kernel.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum {
  RIGHT,
  NO_BIAS,
  CRASH,
  HANG,
  EATS,
  FAILS,
  EXITS,
  BEYOND,    /* the page after y */
  AROUND,    /* bytes before y, in its page */
  INPUT,     /* writes x */
  READS,     /* one element beyond x */
  UNWRITTEN, /* leaves y[2] */
  ABORTS,
  LOAD_CRASH, /* in a constructor */
  CHILD,      /* hangs in a process of its own */
  SESSION,    /* leaves a process in a session of its own, and answers */
  UNPROTECTS, /* makes x writable, and changes its second element after the answer */
  SIGNALS,    /* sends SIGTERM to the process that called it */
  LATE,       /* a thread writes y[5] once more, 20 ms after the return */
  ASYNC,      /* a thread writes all of y, 20 ms after the return */
  NEVER,      /* the same after 10 s */
  IDLE,       /* leaves a thread that does nothing */
  LATE_EXIT   /* a thread ends the process after the return */
};

#ifndef ABI
#define ABI SL_CALL_ABI
#endif

uint32_t sluice_kernel_abi(void) { return ABI; }

static const sl_call_tensor *find(const sl_call_tensor *t, size_t n, const char *name) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(t[i].name, name) == 0) return &t[i];
  return NULL;
}

static int *volatile nowhere;

static void crash(void) { *nowhere = 1; }

static void eat(void) {
  for (;;) {
    char *room = malloc(1 << 20);
    if (room) memset(room, 1, 1 << 20);
  }
}

static void hang(void) {
  for (;;) sleep(1);
}

/* What a thread does after the return: it writes n elements of `to`. */
static struct {
  float *to, *from;
  size_t n, ms;
} later;

static void *write_later(void *unused) {
  const struct timespec some = {(time_t)(later.ms / 1000), (long)(later.ms % 1000 * 1000000)};
  (void)unused;
  nanosleep(&some, NULL);
  if (FAULT == LATE_EXIT) _exit(0);
  memcpy(later.to, later.from, later.n * sizeof *later.to);
  return NULL;
}

/* y, or room of the thread's own, for the loop to fill. */
static float *leave_thread(float *y, size_t count) {
  pthread_t thread;
  static float other = 1e9f;
  later.ms = FAULT == NEVER || FAULT == IDLE ? 10000 : 20;
  if (FAULT == LATE)
    later.to = y + 5, later.from = &other, later.n = 1;
  else if (FAULT != IDLE)
    later.to = y, y = later.from = malloc(count * sizeof *y), later.n = count;
  pthread_create(&thread, NULL, write_later, NULL);
  pthread_detach(thread);
  return y;
}

static void misbehave(float *x, float *y, size_t y_count) {
  if (FAULT == CRASH) crash();
  if (FAULT == ABORTS) abort();
  if (FAULT == HANG) hang();
  if (FAULT == CHILD) {
    if (fork() == 0) hang();
    hang();
  }
  if (FAULT == SESSION && fork() == 0) {
    setsid();
    hang();
  }
  if (FAULT == SIGNALS) kill(getppid(), SIGTERM), hang();
  if (FAULT == EATS) eat();
  if (FAULT == EXITS) exit(7);
  if (FAULT == BEYOND)
    for (size_t i = 0; i < 32; i++) ((volatile float *)y)[y_count + i] = 0.0f;
  if (FAULT == AROUND) ((volatile float *)y)[-2] = 0.0f;
  if (FAULT == INPUT) ((volatile float *)x)[1] = 0.0f;
}

__attribute__((constructor)) static void at_load(void) {
  if (FAULT == LOAD_CRASH) crash();
}

static void change_input(float *x) {
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), at = (uintptr_t)x & ~(page - 1);
  if (mprotect((void *)at, page, PROT_READ | PROT_WRITE) == 0) x[1] += 1.0f;
}

int32_t sluice_kernel(const sl_call *call) {
  const sl_call_tensor *x = find(call->input, call->inputs, "x"),
                       *w = find(call->input, call->inputs, "w"),
                       *bias = find(call->input, call->inputs, "bias"),
                       *y = find(call->output, call->outputs, "y");
  if (FAULT == FAILS) return 5;
  if (strcmp(call->op, "linear") != 0 || !x || !w || !y || x->type != SL_CALL_F32) return 1;
  const size_t t = x->shape[0], k = x->shape[1], n = w->shape[0];
  float *a = x->data, *b = w->data, *add = bias->data, *out = y->data;
  misbehave(a, out, y->count);
  if (FAULT >= LATE) out = leave_thread(out, y->count);
  for (size_t i = 0; i < t; i++)
    for (size_t j = 0; j < n; j++) {
      float sum = FAULT == NO_BIAS ? 0.0f : add[j];
      for (size_t l = 0; l < k; l++) sum += a[i * k + l] * b[j * k + l];
      if (FAULT == READS) sum += 0.0f * a[x->count];
      if (FAULT == UNWRITTEN && i * n + j == 2) continue;
      out[i * n + j] = sum;
    }
  if (FAULT == UNPROTECTS) change_input(a);
  return 0;
}
