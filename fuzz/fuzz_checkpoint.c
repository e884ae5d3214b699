/* libFuzzer harness of a checkpoint's state.json (spec F4.5). What is accepted is written, and what
 * was written reads back to the same text. */
#include "input.h"

#include "trainer/run/checkpoint_state.h"

#include "trainer/files/file.h"

#include <stdlib.h>
#include <string.h>

static char *write_state(const sl_checkpoint_state *state, const char *folder, size_t *size) {
  char *text, path[128];
  sl_error err;
  if (sl_checkpoint_state_write(state, folder, &err) != SL_OK) abort();
  strcpy(path, folder), strcat(path, "/state.json");
  if (sl_file_read(&text, size, path, 1 << 20, &err) != SL_OK) abort();
  return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *folder = scratch_folder();
  sl_checkpoint_state state;
  sl_error err = {SL_OK, ""};
  scratch_file("state.json", (section){data, size});
  if (sl_checkpoint_state_read(&state, folder, &err) != SL_OK) {
    if (!err.message[0]) abort();
    return 0;
  }
#ifdef SLUICE_CANARY /* a planted defect that the fuzzer must find */
  if (state.counters.rl_step == 3) abort();
#endif
  if (state.version < SL_CHECKPOINT_VERSION) { /* what they lack a run adds before it writes */
    sl_checkpoint_state_free(&state);
    return 0;
  }
  size_t n, m;
  char *first = write_state(&state, folder, &n);
  sl_checkpoint_state_free(&state);
  if (sl_checkpoint_state_read(&state, folder, &err) != SL_OK) abort();
  char *second = write_state(&state, folder, &m);
  if (n != m || memcmp(first, second, n) != 0) abort();
  free(first), free(second);
  sl_checkpoint_state_free(&state);
  return 0;
}
