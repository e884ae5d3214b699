/* Paths of a configuration: kept as they were written, with the folder that they start from (spec
 * F2.4), so that a run can go on from any folder. */
#include "config_schema.h"

#include "trainer/files/file.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *text_of(const sl_config *config, sl_config_key key) {
  return *(char *const *)(const void *)((const char *)config + sl_config_rows[key].offset);
}

/* As sl_gate_load tells them apart. */
static int is_gate_path(const char *name) {
  const size_t n = strlen(name);
  return strchr(name, '/') || (n > 5 && strcmp(name + n - 5, ".gate") == 0);
}

int sl_config_names_path(const sl_config *config, sl_config_key key) {
  switch (key) {
    case SL_KEY_model_folder:
    case SL_KEY_task_train:
    case SL_KEY_task_test:
    case SL_KEY_reward_replay:
    case SL_KEY_rl_reference:
    case SL_KEY_gate_certificate:
      return *text_of(config, key) != 0;
    case SL_KEY_gate_name:
      return is_gate_path(text_of(config, key));
    default:
      return 0;
  }
}

static int is_relative(const sl_config *config, sl_config_key key) {
  return sl_config_names_path(config, key) && *text_of(config, key) != '/';
}

const char *sl_config_path(const sl_config *config, sl_config_key key) {
  return config->path[key] ? config->path[key] : text_of(config, key);
}

sl_status sl_config_resolve(sl_config *config, sl_error *err) {
  if (!*config->run.base) return SL_OK;
  for (unsigned i = 0; i < SL_KEY_COUNT; i++) {
    const sl_config_key key = (sl_config_key)i;
    if (!is_relative(config, key) || config->place[key].from != SL_FROM_FILE) continue;
    config->path[key] = sl_path_join(config->run.base, text_of(config, key));
    if (!config->path[key]) return sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  }
  return SL_OK;
}

sl_status sl_config_set_text(sl_config *config, sl_config_key key, const char *text,
                             sl_error *err) {
  char **value = sl_config_value(config, key), *copy = strdup(text);
  if (!copy) return sl_fail(err, SL_ERR_MEMORY, "no memory for a text");
  free(*value);
  free(config->path[key]);
  *value = copy, config->path[key] = NULL;
  return SL_OK;
}

/* Makes a relative path of --set absolute. */
static sl_status make_absolute(sl_config *config, sl_config_key key, const char *folder,
                               sl_error *err) {
  char *path = sl_path_join(folder, text_of(config, key));
  const sl_status status = path ? sl_config_set_text(config, key, path, err)
                                : sl_fail(err, SL_ERR_MEMORY, "no memory for a path");
  free(path);
  return status;
}

sl_status sl_config_anchor(sl_config *config, sl_error *err) {
  char folder[PATH_MAX];
  const int has_base = *config->run.base != 0;
  for (unsigned i = 0; i < SL_KEY_COUNT; i++) {
    const sl_config_key key = (sl_config_key)i;
    const int starts_there = key == SL_KEY_reward_command && *config->reward.command && !has_base;
    if (!starts_there &&
        (!is_relative(config, key) || (has_base && config->place[key].from == SL_FROM_FILE)))
      continue;
    if (!getcwd(folder, sizeof folder))
      return sl_fail(err, SL_ERR_IO, "the current folder has no path: %s", strerror(errno));
    if (!sl_config_is_utf8(folder)) return SL_OK; /* not valid in YAML: left relative */
    const sl_status status = has_base ? make_absolute(config, key, folder, err)
                                      : sl_config_set_text(config, SL_KEY_run_base, folder, err);
    if (status || !has_base) return status;
  }
  return SL_OK;
}
