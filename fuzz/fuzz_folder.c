/* libFuzzer harness of a model folder (spec F1.2 to F1.8): config.json, tokenizer.sluice.json,
 * generation_config.json and model.safetensors, with section ends between them; after a first byte
 * SHARDED the index in place of the last, and two shards, a and b. What is accepted is written, in
 * one file and in shards, and reads back to the same bits; in BF16 to numbers that are BF16's.
 * Without the weights a plan has the layout of what is accepted. */
#include "input.h"

#include "trainer/files/companions.h"
#include "trainer/files/file.h"
#include "trainer/files/model_folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void read_back(const sl_parameters *p, const sl_tokenizer *tokenizer, int sharded,
                      const char *folder) {
  static char path[128];
  static const sl_model_format formats[2] = {{SL_TENSOR_F32, 0, NULL}, {SL_TENSOR_F32, 64, "0"}};
  sl_parameters again;
  sl_tokenizer *second = NULL;
  sl_error err;
  strcpy(path, scratch_folder()), strcat(path, "-again");
  for (int i = 0; i < 2; i++) /* the second in place of the first */
    if (sl_model_folder_publish(p, tokenizer, &formats[sharded], folder, path, &err) != SL_OK)
      abort();
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

/* A model in BF16, where its numbers are not too large, is as written when it is written again. */
static void round_trip(const sl_parameters *p) {
  static const sl_model_format bf16 = {SL_TENSOR_BF16, 200, "0"};
  static char path[128];
  sl_parameters once, twice;
  sl_error err;
  strcpy(path, scratch_folder()), strcat(path, "-bf16");
  const sl_status status = sl_model_folder_publish(p, NULL, &bf16, NULL, path, &err);
  if (status == SL_ERR_NONFINITE) return;
  if (status != SL_OK || sl_model_folder_read(&once, NULL, path, &err) != SL_OK ||
      sl_model_folder_publish(&once, NULL, &bf16, NULL, path, &err) != SL_OK ||
      sl_model_folder_read(&twice, NULL, path, &err) != SL_OK ||
      memcmp(once.data, twice.data, p->layout->n_floats * sizeof *p->data) != 0)
    abort();
  for (size_t i = 0; i < p->layout->n_floats; i++) {
    uint32_t bits;
    memcpy(&bits, &once.data[i], sizeof bits);
    if (bits & 0xffff) abort();
  }
  sl_parameters_free(&once);
  sl_parameters_free(&twice);
  if (sl_folder_remove(path, &err) != SL_OK) abort();
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

#define SHARDED 0x1d

/* The files of an input; 1 if it is one of shards. The others' weights are removed, not emptied. */
static int write_inputs(const uint8_t *data, size_t size) {
  static const char *const names[] = {"config.json",
                                      "tokenizer.sluice.json",
                                      "generation_config.json",
                                      "model.safetensors",
                                      "model.safetensors.index.json",
                                      "a",
                                      "b"};
  const int sharded = size && *data == SHARDED;
  const size_t n = sharded ? 6 : 4;
  char path[128];
  data += sharded, size -= (size_t)sharded;
  for (size_t i = 0; i < n; i++)
    scratch_file(names[i + (sharded && i > 2)], next_section(&data, &size, i + 1 == n));
  for (size_t i = 3; i < 7; i++) {
    snprintf(path, sizeof path, "%s/%s", scratch_folder(), names[i]);
    if ((i > 3) != sharded) remove(path);
  }
  return sharded;
}

/* The folder as a plan takes it, with its weights and without; n_floats: those of the model, 0 if
 * the folder was refused. */
static void check_plan(const char *folder, size_t n_floats) {
  static const char *const weights[] = {"model.safetensors", "model.safetensors.index.json"};
  for (int without = 0; without < 2; without++) {
    sl_model_layout *layout;
    sl_tokenizer *tokenizer = NULL;
    int bare;
    char path[128];
    sl_error err;
    for (size_t i = 0; without && i < 2; i++) {
      snprintf(path, sizeof path, "%s/%s", folder, weights[i]);
      remove(path);
    }
    const sl_status status = sl_model_folder_plan(&layout, &tokenizer, &bare, folder, &err);
    if (bare != without) abort();
    if (status != SL_OK) {
      if (n_floats) abort();
      continue;
    }
    if (n_floats && layout->n_floats != n_floats) abort();
    sl_model_layout_destroy(layout);
    sl_tokenizer_destroy(tokenizer);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const int sharded = write_inputs(data, size);
  const char *folder = scratch_folder();
  sl_parameters p;
  sl_tokenizer *tokenizer = NULL;
  sl_error err = {SL_OK, ""};
  if (sl_model_folder_read(&p, &tokenizer, folder, &err) != SL_OK) {
    if (!err.message[0]) abort();
    check_plan(folder, 0);
    return 0;
  }
#ifdef SLUICE_CANARY /* a planted defect that the fuzzer must find */
  if (p.layout->shape.rope_theta > 1e4 && p.layout->shape.rope_theta < 1e5) abort();
#endif
  read_back(&p, tokenizer, sharded, folder);
  round_trip(&p);
  if (tokenizer) check_tokenizer(tokenizer);
  check_plan(folder, p.layout->n_floats);
  sl_tokenizer_destroy(tokenizer);
  sl_parameters_free(&p);
  return 0;
}
