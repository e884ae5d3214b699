/* Texts where memory is short: whole, or not there. libc's and jansson's own drop what has no room
 * and report success. Each trial is a process, for what ran short once stays so in json_text.c. */
#include "kernels/support/text_stream.h"
#include "trainer/files/json_text.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned long calls, failing; /* the failing-th allocation fails; 0: none does */
static size_t most = SIZE_MAX;       /* and larger ones than this */

void *__real_malloc(size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_realloc(void *old, size_t size);
static int fails(size_t size) { return ++calls == failing || size > most; }
void *__wrap_malloc(size_t size) { return fails(size) ? NULL : __real_malloc(size); }
void *__wrap_realloc(void *old, size_t size) {
  return fails(size) ? NULL : __real_realloc(old, size);
}

enum { WHOLE = 10, SHORT, OTHER };

/* The outcome of a body in a process where the at-th allocation fails; *made: its allocations. */
static int ends(int (*body)(void), unsigned long at, unsigned long *made) {
  int status, pipes[2];
  cr_assert_eq(pipe(pipes), 0);
  const pid_t pid = fork();
  cr_assert_geq(pid, 0);
  if (pid == 0) {
    calls = 0, failing = at;
    const int outcome = body();
    if (write(pipes[1], &calls, sizeof calls) != sizeof calls) _exit(1);
    _exit(outcome);
  }
  cr_assert_eq(waitpid(pid, &status, 0), pid);
  cr_assert(WIFEXITED(status), "allocation %lu: signal %d", at, WTERMSIG(status));
  cr_assert_eq(read(pipes[0], made, sizeof *made), (ssize_t)sizeof *made);
  close(pipes[0]), close(pipes[1]);
  return WEXITSTATUS(status);
}

/* Whole without a fault; short at each allocation that fails, and with all of them tried. */
static void expect_whole_or_short(int (*body)(void), unsigned long least) {
  unsigned long all, made;
  cr_assert_eq(ends(body, 0, &all), WHOLE);
  cr_assert_geq(all, least, "only %lu allocations", all);
  for (unsigned long at = 1; at <= all; at++)
    cr_expect_eq(ends(body, at, &made), SHORT, "allocation %lu of %lu", at, all);
}

static const char written[] =
    "{\"architectures\":[\"Qwen2ForCausalLM\"],\"name of a tensor\":{\"dtype\":\"F32\"},\"x\":1.5}";

static int read_json(void) {
  json_t *root;
  json_error_t bad;
  sl_error err;
  const sl_status status = sl_json_load(&root, "a.json", written, strlen(written), 0, &bad, &err);
  if (status) {
    const int told = status == SL_ERR_MEMORY && strcmp(err.message, "a.json: no memory") == 0;
    return told && !root ? SHORT : OTHER;
  }
  const json_t *name = json_array_get(json_object_get(root, "architectures"), 0);
  const int same = strcmp(json_string_value(name), "Qwen2ForCausalLM") == 0;
  json_decref(root);
  return same ? WHOLE : OTHER;
}

/* What could not be made is missing from an object: its text is not one to keep either. */
static int write_json(void) {
  json_t *root = json_object();
  json_object_set_new(root, "architectures", json_pack("[s]", "Qwen2ForCausalLM"));
  json_object_set_new(root, "name of a tensor", json_pack("{s:s}", "dtype", "F32"));
  json_object_set_new(root, "x", json_real(1.5));
  char *text = sl_json_dump(root, JSON_COMPACT);
  const int outcome = !text ? SHORT : strcmp(text, written) == 0 ? WHOLE : OTHER;
  json_decref(root);
  free(text);
  return outcome;
}

Test(short_memory, json_is_read_whole_or_not_at_all) { expect_whole_or_short(read_json, 20); }
Test(short_memory, json_is_written_whole_or_not_at_all) { expect_whole_or_short(write_json, 20); }

/* jansson alone reads or writes another text at one of these allocations, and says that all is
 * well: what the two tests above notice. */
static int read_by_jansson(void) {
  json_t *root = json_loadb(written, strlen(written), 0, NULL);
  const json_t *name = json_array_get(json_object_get(root, "architectures"), 0);
  if (!root) return SHORT;
  return name && strcmp(json_string_value(name), "Qwen2ForCausalLM") == 0 ? WHOLE : OTHER;
}
Test(short_memory, jansson_alone_drops_characters) {
  unsigned long all, made, others = 0;
  cr_assert_eq(ends(read_by_jansson, 0, &all), WHOLE);
  for (unsigned long at = 1; at <= all; at++) others += ends(read_by_jansson, at, &made) == OTHER;
  cr_assert_geq(others, 1);
}

/* 30,000 bytes, of which a part does not fit. */
static void write_lines(FILE *out) {
  for (int i = 0; i < 5000; i++) fprintf(out, "%05d\n", i);
}

Test(short_memory, a_stream_is_whole) {
  sl_text_stream made;
  write_lines(sl_text_stream_open(&made));
  const char *text = sl_text_stream_flush(&made);
  cr_assert_not_null(text);
  cr_assert_eq(made.size, 30000);
  cr_assert_eq(strlen(text), 30000);
  for (int i = 0; i < 5000; i++) cr_assert_eq(atoi(text + 6 * i), i);
  fputs("forgotten", made.stream); /* stdio still holds it */
  sl_text_stream_restart(&made);
  fputs("again", made.stream);
  char *again = sl_text_stream_close(&made);
  cr_assert_str_eq(again, "again");
  free(again);
}

Test(short_memory, a_stream_that_was_cut_is_none) {
  sl_text_stream made;
  FILE *out = sl_text_stream_open(&made);
  most = 16384;
  write_lines(out);
  most = SIZE_MAX; /* what would fit now stands behind a gap */
  fputs("the end", out);
  cr_assert_null(sl_text_stream_flush(&made));
  sl_text_stream_restart(&made); /* nothing of it comes into the next text */
  fputs("next", made.stream);
  const char *next = sl_text_stream_flush(&made);
  cr_assert_not_null(next);
  cr_assert_str_eq(next, "next");
  most = 16384;
  write_lines(out);
  most = SIZE_MAX;
  cr_assert_null(sl_text_stream_close(&made));
  cr_assert_null(sl_text_stream_close(&made));
}

Test(short_memory, a_stream_without_memory_is_not_open) {
  sl_text_stream made;
  most = 0;
  cr_assert_null(sl_text_stream_open(&made));
  most = SIZE_MAX;
  cr_assert_null(sl_text_stream_close(&made));
}
