/* libFuzzer harness of a model folder (spec F1.2 to F1.6): config.json, tokenizer.sluice.json,
 * generation_config.json and model.safetensors, with section ends between them. What is accepted is
 * written, and reads back to the same bits. */
#include "input.h"

#include "trainer/files/companions.h"
#include "trainer/files/file.h"
#include "trainer/files/model_folder.h"

#include <stdlib.h>
#include <string.h>

static void read_back(const sl_parameters *p, const sl_tokenizer *tokenizer, const char *folder) {
  static char path[128];
  sl_parameters again;
  sl_tokenizer *second = NULL;
  sl_error err;
  strcpy(path, scratch_folder()), strcat(path, "-again");
  for (int i = 0; i < 2; i++) /* the second in place of the first */
    if (sl_model_folder_publish(p, tokenizer, folder, path, &err) != SL_OK) abort();
  if (sl_model_folder_read(&again, &second, path, &err) != SL_OK) abort();
  if (!tokenizer != !second || (second && !sl_tokenizer_same(tokenizer, second)) ||
      again.layout->n_floats != p->layout->n_floats ||
      memcmp(again.data, p->data, p->layout->n_floats * sizeof *p->data) != 0)
    abort();
  sl_tokenizer_destroy(second);
  sl_parameters_free(&again);
  if (sl_folder_remove(path, &err) != SL_OK) abort();
  if (sl_model_folder_read(&again, NULL, path, &err) == SL_OK) abort(); /* it is gone */
}

/* Every token but padding and end as a text, which becomes those tokens again. */
static void check_tokenizer(const sl_tokenizer *t) {
  const size_t vocab = sl_tokenizer_vocab(t), n = vocab - SL_TOKEN_FIRST_CHARACTER;
  uint32_t *ids = calloc(2 * vocab, sizeof *ids), *again = ids + vocab;
  char *text;
  size_t count;
  sl_error err;
  if (!ids) abort();
  for (size_t i = 0; i < n; i++) ids[i] = (uint32_t)i + SL_TOKEN_FIRST_CHARACTER;
  if (!sl_tokenizer_is_text(t, ids, n) || sl_tokenizer_decode(t, ids, n, &text, &err) != SL_OK ||
      sl_tokenizer_encode(t, "text", text, strlen(text), again, n, &count, &err) != SL_OK ||
      count != n || memcmp(ids, again, n * sizeof *ids) != 0)
    abort();
  free(text);
  free(ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char *const names[] = {"config.json", "tokenizer.sluice.json",
                                      "generation_config.json", "model.safetensors"};
  for (size_t i = 0; i < 4; i++) scratch_file(names[i], next_section(&data, &size, i == 3));
  const char *folder = scratch_folder();
  sl_parameters p;
  sl_tokenizer *tokenizer = NULL;
  sl_error err = {SL_OK, ""};
  if (sl_model_folder_read(&p, &tokenizer, folder, &err) != SL_OK) {
    if (!err.message[0]) abort();
    return 0;
  }
#ifdef SLUICE_CANARY /* a planted defect that the fuzzer must find */
  if (p.layout->shape.max_positions == 9) abort();
#endif
  read_back(&p, tokenizer, folder);
  if (tokenizer) check_tokenizer(tokenizer);
  sl_tokenizer_destroy(tokenizer);
  sl_parameters_free(&p);
  return 0;
}
