/* libFuzzer harness of a run's configuration (spec F2): a YAML file, and behind a section end one
 * --set argument a line. What is accepted prints as a file that reads back to the same bits. */
#include "input.h"

#include "kernels/support/text_stream.h"
#include "trainer/config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETS_MAX 16

/* The lines of a text that is cut into them. */
static size_t split_lines(char *text, const char *sets[SETS_MAX]) {
  size_t n = 0;
  for (char *line = strtok(text, "\n"); line && n < SETS_MAX; line = strtok(NULL, "\n"))
    sets[n++] = line;
  return n;
}

/* All values as text; freed by the caller. */
static char *print(const sl_config *config, int with_help, size_t *size) {
  sl_text_stream made;
  sl_error err;
  FILE *out = sl_text_stream_open(&made);
  if (!out || sl_config_print(config, out, with_help, &err) != SL_OK) abort();
  char *text = sl_text_stream_close(&made);
  *size = made.size;
  if (!text) abort();
  return text;
}

static void read_back(const sl_config *config) {
  size_t size, again;
  char *text = print(config, 1, &size);
  sl_config second;
  sl_error err;
  const char *path = scratch_file("printed.yaml", (section){(uint8_t *)text, size});
  if (sl_config_load(&second, path, NULL, 0, &err) != SL_OK) abort();
  char *other = print(&second, 1, &again);
  if (size != again || memcmp(text, other, size) != 0) abort();
  free(text), free(other);
  sl_config_free(&second);
}

/* What a plan and a run take from it: each key that the preset sets has a text. */
static void use(const sl_config *config) {
  const sl_task_options task = sl_config_task_options(config);
  const sl_model_shape shape = sl_config_model_shape(config, 17);
  const sl_template template = sl_config_template(config);
  size_t bytes;
  sl_config_key key;
  char name[64], value[512];
  if (!task.train || shape.vocab != 17 || !template.system) abort();
  if (!sl_config_bytes(&bytes, config->run.memory)) abort();
  for (size_t i = 0; sl_config_preset_key(config, i, &key); i++) {
    sl_config_name(key, name, sizeof name);
    if (sl_config_key_of(name) != key || !sl_config_text(config, key, value, sizeof value)) abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const section file = next_section(&data, &size, 0);
  char *lines = strndup((const char *)data, size);
  const char *sets[SETS_MAX];
  const size_t n = lines ? split_lines(lines, sets) : 0;
  sl_config config;
  sl_objective objective;
  sl_error err = {SL_OK, ""};
  if (sl_config_load(&config, scratch_file("run.yaml", file), sets, n, &err) == SL_OK) {
#ifdef SLUICE_CANARY /* a planted defect that the fuzzer must find */
    if (config.rl.group == 9) abort();
#endif
    read_back(&config);
    use(&config);
    if (sl_config_objective(&config, &objective, &err) != SL_OK && !err.message[0]) abort();
    sl_config_free(&config);
  } else if (!err.message[0]) {
    abort();
  }
  free(lines);
  return 0;
}
