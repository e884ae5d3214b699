/* Finds out before a run what would stop its first rollout (spec F3.10, F4.10). */
#define _GNU_SOURCE /* posix_spawn_file_actions_addchdir_np, environ */
#include "reward_source.h"

#include "reward_answers.h"
#include "trainer/files/file.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The first word of a command that consists of this one program and what it is given: then sh runs
 * the program, or fails. Of lists, pipes, assignments and quotes nothing is said: 0. */
static int simple_word(char *out, size_t size, const char *command) {
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-";
  const char *word = command + strspn(command, " \t");
  const size_t n = strspn(word, plain);
  if (n == 0 || n >= size || *word == '-' || (word[n] && !strchr(" \t", word[n]))) return 0;
  if (strpbrk(command, "|&;()`\n")) return 0;
  memcpy(out, word, n);
  out[n] = 0;
  return 1;
}

/* sh's own answer: programs of PATH, but also its builtins and reserved words. 1 where it cannot be
 * asked. */
static int sh_knows(char *word, const char *folder) {
  char sh[] = "sh", c[] = "-c", ask[] = "command -v \"$0\"";
  char *const argv[] = {sh, c, ask, word, NULL};
  posix_spawn_file_actions_t files;
  pid_t pid;
  int status = 0;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  if (*folder) posix_spawn_file_actions_addchdir_np(&files, folder);
  const int failed = posix_spawn(&pid, "/bin/sh", &files, NULL, argv, environ);
  posix_spawn_file_actions_destroy(&files);
  if (failed) return 1;
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) return 1;
  return !WIFEXITED(status) || WEXITSTATUS(status) == 0;
}

/* A name with a slash is a path from the folder. */
static int is_program(char *word, const char *folder) {
  if (!strchr(word, '/')) return sh_knows(word, folder);
  char *path = *word == '/' || !*folder ? strdup(word) : sl_path_join(folder, word);
  const int found = !path || access(path, X_OK) == 0;
  free(path);
  return found;
}

static sl_status look_for(const sl_config *c, sl_error *err) {
  char word[256];
  if (!simple_word(word, sizeof word, c->reward.command) || is_program(word, c->run.base))
    return SL_OK;
  return sl_config_fail(c, SL_KEY_reward_command, err, "sh finds no program '%s'%s%s", word,
                        *c->run.base ? " in " : "", c->run.base);
}

sl_status sl_reward_source_open(sl_run_state *run, int look_for_program, sl_error *err) {
  const sl_config *c = &run->config;
  if (!sl_config_reward_weights(c).listed[SL_COMPONENT_COMMAND]) return SL_OK;
  if (*c->reward.replay)
    return sl_reward_answers_read(&run->replay, sl_config_path(c, SL_KEY_reward_replay), err);
  return look_for_program ? look_for(c, err) : SL_OK;
}
