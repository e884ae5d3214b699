/* Asks the certificate checker, a program of its own (see certificate_facts.h): its arithmetic
 * (GMP, MPFR, MPFI) is in no process that trains. */
#define _GNU_SOURCE /* strsep, environ */
#include "certificate_facts.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM "sluice-check"

static sl_status find_program(char *out, size_t size, sl_error *err) {
  const ssize_t n = readlink("/proc/self/exe", out, size - sizeof PROGRAM - 1);
  char *slash = n > 0 ? (out[n] = '\0', strrchr(out, '/')) : NULL;
  if (slash) memcpy(slash + 1, PROGRAM, sizeof PROGRAM);
  if (slash && access(out, X_OK) == 0) return SL_OK;
  return sl_fail(err, SL_ERR_UNAVAILABLE,
                 "the certificate's checker is not in this build: it needs GMP, MPFR and MPFI; "
                 "configure with -DSLUICE_PROOFS=ON (%s: %s)",
                 slash ? out : PROGRAM, strerror(errno));
}

/* A pipe would be waited for, and be empty when the run resumes. */
static sl_status check_file(const char *path, sl_error *err) {
  struct stat st;
  if (stat(path, &st) != 0) return sl_fail(err, SL_ERR_INPUT, "%s: %s", path, strerror(errno));
  if (!S_ISREG(st.st_mode)) return sl_fail(err, SL_ERR_INPUT, "%s: not a regular file", path);
  return SL_OK;
}

/* Starts the program with its standard output in a stream. */
static sl_status start(const char *program, const char *path, FILE **from, pid_t *pid,
                       sl_error *err) {
  char name[] = PROGRAM, option[] = "--facts", *argument = strdup(path);
  char *const argv[] = {name, option, argument, NULL};
  int pipes[2];
  posix_spawn_file_actions_t files;
  if (!argument || pipe(pipes) != 0) {
    free(argument);
    return sl_fail(err, SL_ERR_IO, "%s: no pipe: %s", program, strerror(errno));
  }
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, pipes[1], STDOUT_FILENO);
  posix_spawn_file_actions_addclose(&files, pipes[0]);
  const int code = posix_spawn(pid, program, &files, NULL, argv, environ);
  posix_spawn_file_actions_destroy(&files);
  free(argument);
  close(pipes[1]);
  if (!code && (*from = fdopen(pipes[0], "r"))) return SL_OK;
  close(pipes[0]);
  if (!code) waitpid(*pid, NULL, 0);
  return sl_fail(err, SL_ERR_IO, "%s: %s", program, strerror(code ? code : errno));
}

/* All that the program prints, and its exit code (-1: none). */
static sl_status ask(const char *program, const char *path, char **text, int *code, sl_error *err) {
  FILE *from;
  pid_t pid;
  size_t size = 0;
  int status = 0;
  const sl_status started = start(program, path, &from, &pid, err);
  if (started) return started;
  *text = NULL;
  const int read = getdelim(text, &size, '\0', from) >= 0;
  fclose(from);
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  *code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  if (read) return SL_OK;
  free(*text);
  *text = NULL;
  return sl_fail(err, SL_ERR_IO, "%s: it ended with code %d and said nothing of %s", program, *code,
                 path);
}

/* The next field of a line, up to a blank; NULL where there is none. */
static char *field(char **line) { return strsep(line, " "); }

static int read_parameter(sl_fact_values *v, char *rest) {
  if (v->n == SL_GATE_PARAMETER_LIMIT) return 0;
  sl_fact_parameter *p = &v->parameter[v->n++];
  p->name = field(&rest), p->low = field(&rest), p->high = field(&rest);
  const char *least = field(&rest), *most = field(&rest);
  if (!most) return 0;
  p->least = strtod(least, NULL), p->most = strtod(most, NULL);
  return 1;
}

static int read_requirement(sl_fact_side *s, char *rest) {
  if (s->requirements == SL_FACT_REQUIREMENTS) return 0;
  sl_fact_requirement *q = &s->requirement[s->requirements++];
  q->low = field(&rest), q->high = field(&rest), q->text = rest;
  return q->text != NULL;
}

typedef struct {
  sl_certificate_facts *facts;
  sl_fact_side *side;
} reading;

static int read_line(reading *to, char *line) {
  const char *word = field(&line);
  sl_fact_side *s = to->side;
  if (!line) return *word == 0;
  if (strcmp(word, "gate") == 0) return 1;
  if (strcmp(word, "old") == 0) return to->facts->two = 1;
  if (strcmp(word, "digest") == 0)
    return (size_t)snprintf(to->facts->digest, SL_DIGEST_TEXT, "%s", line) == SL_DIGEST_TEXT - 1;
  if (strcmp(word, "side") == 0) {
    to->side = &to->facts->side[strcmp(line, "pos") == 0];
    return 1;
  }
  if (!s) return 0;
  sl_fact_requirement *q = s->requirements ? &s->requirement[s->requirements - 1] : NULL;
  if (strcmp(word, "value") == 0 || strcmp(word, "weight") == 0)
    return s->weight = *word == 'w', s->expression = line, 1;
  if (strcmp(word, "parameter") == 0) return read_parameter(q ? &q->values : &s->values, line);
  if (strcmp(word, "require") == 0) return read_requirement(s, line);
  if (strcmp(word, "R") == 0) return q ? (q->verdict = line, 1) : 0;
  if (word[0] == 'P' && word[1] >= '1' && word[1] <= '4')
    return word[2] ? 1 : (s->verdict[word[1] - '1'] = line, 1); /* P4w is no part of it */
  return 0;
}

static int is_complete(const sl_certificate_facts *f) {
  for (int k = 0; k < 2; k++) {
    const sl_fact_side *s = &f->side[k];
    if (!s->expression) continue;
    for (int i = 0; i < SL_FACT_PROPERTIES; i++)
      if (!s->verdict[i]) return 0;
    for (size_t i = 0; i < s->requirements; i++)
      if (!s->requirement[i].verdict) return 0;
  }
  return *f->digest && (f->side[0].expression || f->side[1].expression);
}

static int parse(sl_certificate_facts *f) {
  reading to = {f, NULL};
  for (char *rest = f->text, *line; (line = strsep(&rest, "\n"));)
    if (!read_line(&to, line)) return 0;
  return is_complete(f);
}

/* The reason in "refused LINE REASON"; NULL if the text is another. */
static const char *read_refusal(const char *text, long *line) {
  static const char word[] = "refused ";
  if (strncmp(text, word, sizeof word - 1) != 0) return NULL;
  char *end;
  *line = strtol(text + sizeof word - 1, &end, 10);
  return end > text + sizeof word - 1 ? end + strspn(end, " ") : NULL;
}

sl_status sl_certificate_facts_read(sl_certificate_facts *out, const char *path, sl_error *err) {
  char program[4096];
  int code = 0;
  *out = (sl_certificate_facts){.text = NULL};
  sl_status status = find_program(program, sizeof program, err);
  if (!status) status = check_file(path, err);
  if (!status) status = ask(program, path, &out->text, &code, err);
  if (status) return status;
  long line = 0;
  const char *reason = code == 1 ? read_refusal(out->text, &line) : NULL;
  if (reason)
    status = sl_fail(err, SL_ERR_INPUT, "%s:%ld: the certificate is refused: %.*s", path, line,
                     (int)strcspn(reason, "\n"), reason);
  else if (code != 0 || !parse(out))
    status = sl_fail(err, SL_ERR_ENVIRONMENT,
                     "%s: it ended with code %d and unreadable words on %s", program, code, path);
  if (status) sl_certificate_facts_free(out);
  return status;
}

void sl_certificate_facts_free(sl_certificate_facts *f) {
  free(f->text);
  *f = (sl_certificate_facts){.text = NULL};
}
