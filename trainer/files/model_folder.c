/* Reading a model folder in Hugging Face's format (spec F1.2). */
#include "model_folder.h"

#include "bpe_file.h"
#include "file.h"
#include "model_present.h"
#include "model_weights.h"

#include <stdlib.h>

/* A tokenizer.json that cannot be read is no error here: token ids still work (spec F1.6). */
static sl_status read_tokenizer(sl_tokenizer **out, const sl_model_shape *shape, const char *folder,
                                sl_error *err) {
  sl_tokenizer *tokenizer = NULL;
  const sl_status status = sl_tokenizer_of_folder(&tokenizer, folder, err);
  if (status == SL_ERR_INPUT && !sl_path_holds(folder, SL_MODEL_TOKENIZER_FILE)) {
    *out = NULL;
    return SL_OK;
  }
  if (status != SL_OK) return status;
  if (tokenizer && sl_tokenizer_vocab(tokenizer) > shape->vocab) {
    size_t size;
    sl_fail(err, SL_ERR_INPUT, "%s/%s: %zu token ids, but config.json has vocab_size %zu", folder,
            sl_tokenizer_json(tokenizer, &size) ? SL_BPE_FILE : SL_MODEL_TOKENIZER_FILE,
            sl_tokenizer_vocab(tokenizer), shape->vocab);
    sl_tokenizer_destroy(tokenizer);
    return SL_ERR_INPUT;
  }
  *out = tokenizer;
  return SL_OK;
}

/* The registry that config.json alone has, of as many layers as a registry may take memory for. */
static sl_status bare_layout(sl_model_layout **out, const sl_model_shape *shape, const char *path,
                             sl_error *err) {
  const sl_status status = sl_model_check_present(path, SL_MODEL_WEIGHTS_FILE, err);
  if (status) return status;
  if (shape->layers > SL_BARE_LAYERS)
    return sl_fail(err, SL_ERR_INPUT,
                   "%s: no weights, and config.json has %zu layers: at most %zu are planned so",
                   path, shape->layers, SL_BARE_LAYERS);
  return sl_model_layout_create(out, shape, err);
}

static sl_status describe(sl_model_layout **out, sl_tokenizer **tokenizer, int bare,
                          const char *path, sl_error *err) {
  sl_model_shape shape;
  sl_model_layout *layout = NULL;
  sl_status status = sl_model_check_present(path, SL_MODEL_CONFIG_FILE, err);
  if (status == SL_OK) status = sl_model_config_read(&shape, path, err);
  if (status == SL_OK)
    status = bare ? bare_layout(&layout, &shape, path, err)
                  : sl_model_weights_layout(&layout, &shape, path, err);
  if (status == SL_OK && tokenizer) status = read_tokenizer(tokenizer, &shape, path, err);
  if (status != SL_OK) {
    sl_model_layout_destroy(layout);
    return status;
  }
  *out = layout;
  return SL_OK;
}

sl_status sl_model_folder_describe(sl_model_layout **out, sl_tokenizer **tokenizer,
                                   const char *path, sl_error *err) {
  return describe(out, tokenizer, 0, path, err);
}

sl_status sl_model_folder_plan(sl_model_layout **out, sl_tokenizer **tokenizer, int *bare,
                               const char *path, sl_error *err) {
  *bare = !sl_path_holds(path, SL_MODEL_WEIGHTS_FILE) && !sl_path_holds(path, SL_MODEL_INDEX_FILE);
  return describe(out, tokenizer, *bare, path, err);
}

sl_status sl_model_folder_read(sl_parameters *out, sl_tokenizer **tokenizer, const char *path,
                               sl_error *err) {
  sl_parameters made = {NULL, NULL, NULL};
  sl_tokenizer *ours = NULL;
  sl_status status = sl_model_folder_describe(&made.layout, tokenizer ? &ours : NULL, path, err);
  if (status == SL_OK) status = sl_model_weights_read(&made, path, err);
  if (status != SL_OK) {
    sl_tokenizer_destroy(ours);
    sl_parameters_free(&made);
    return status;
  }
  if (tokenizer) *tokenizer = ours;
  *out = made;
  return SL_OK;
}
