/* Rollouts: completions of prompts by sampling or greedily (spec N5.5, T3, T4.4). */
#ifndef SLUICE_GENERATE_H
#define SLUICE_GENERATE_H

#include "model.h"

/* Encoded prompts, one after the other. */
typedef struct {
  size_t n;
  uint32_t *offset; /* (n + 1) */
  uint32_t *ids;
} sl_prompts;

/* Sequences of a rollout, packed: prompt, completion (its end token included, if it ended).
 * Sequence p * group + g is completion g of prompt p, and has the number first + p * group + g. */
typedef struct {
  size_t n;
  uint32_t first;
  uint32_t *seq;            /* (n + 1) offsets of tokens */
  uint32_t *prompt_length;  /* (n) */
  uint8_t *ended;           /* (n) 1 if the end token was drawn */
  uint32_t *ids, *position; /* (T) */
  float *logp, *entropy; /* (T) at the place of the token that predicts: logp[i] is that of ids[i +
                            1]; 0 in prompts and in the last slot (spec L1.5) */
} sl_rollout;

typedef struct sl_generator sl_generator;

/* A generator for up to max_sequences sequences of up to max_length tokens (prompt and completion
 * together). Owns a cache for all of them, a model without backward pass that takes
 * max(max_sequences, max_length) tokens at a time, and buffers; allocates nothing afterwards.
 * Prompts of at most `group` completions each go over lanes of its own where the model is small
 * (sl_model_lanes). */
sl_status sl_generator_create(sl_generator **out, sl_context *ctx, const sl_model_layout *layout,
                              const float *parameters, size_t max_sequences, size_t max_length,
                              size_t group, sl_error *err);
/* How prompts are shared out over lanes: each takes prompts that follow one another, with all of
 * their completions, where there are as many prompts as lanes. */
typedef struct {
  const sl_lanes *lanes; /* not needed for a plan */
  size_t n;              /* of them; 0: none, kernels have all threads */
  size_t group;          /* the most completions of a prompt */
} sl_generator_lanes;

/* The same with all but tokens and the model's tables at `memory`, of the context, which stays the
 * caller's and which others may have between two rollouts; on lanes, which outlive it; NULL: none.
 */
sl_status sl_generator_create_in(sl_generator **out, sl_context *ctx, const sl_model_layout *layout,
                                 const float *parameters, size_t max_sequences, size_t max_length,
                                 const sl_generator_lanes *lanes, void *memory, sl_error *err);
void sl_generator_destroy(sl_generator *generator);

/* The tokens of which any ends a completion, as its last token (spec F7.5): n ids that stay the
 * caller's. At first SL_TOKEN_EOS alone. */
void sl_generator_set_ends(sl_generator *generator, const uint32_t *ids, size_t n);

/* Sees each token as it is drawn, with its sequence's place in the rollout; what it returns, if not
 * 0, ends the sequence there. Lanes call it at the same time, for sequences of their own. */
typedef int sl_token_watch(void *user, size_t sequence, uint32_t id);
void sl_generator_set_watch(sl_generator *generator, sl_token_watch *watch, void *user);

/* Bytes that such a generator would take: the model, with the activations of all lanes; work
 * (logits, hidden rows and cache); tokens. cache is the part of work that the cache takes. */
typedef struct {
  sl_model_memory model;
  size_t work, cache, tokens;
  size_t lanes, lane_sequences; /* lanes that there will be, 1: none; the most sequences of one */
} sl_generator_memory;
sl_status sl_generator_bytes(sl_generator_memory *out, sl_context *ctx,
                             const sl_model_layout *layout, size_t max_sequences, size_t max_length,
                             const sl_generator_lanes *lanes, sl_error *err);

/* Runs the largest prefill, decoding step and draw that there can be, on zeros, so that kernels
 * claim the workspace of all later ones. */
sl_status sl_generator_rehearse(sl_generator *generator, sl_error *err);

/* `group` completions of each prompt, of at most max_new tokens, numbered from `first` on. Each
 * prompt is prefilled once and its cache forked. The rollout's arrays stay the generator's, valid
 * until the next call. A completion's bits depend on its own tokens and on (sampling, its number,
 * its positions) alone. SL_ERR_INPUT if a prompt is empty or the lengths exceed what was planned; a
 * kernel's error. */
sl_status sl_generate(sl_generator *generator, const sl_prompts *prompts, size_t group,
                      size_t max_new, uint32_t first, const sl_sampling *sampling, sl_rollout *out,
                      sl_error *err);

/* One completion of one prompt, number 0, with the bits that sl_generate gives it. Keys and values
 * of the beginning that prompt and completion of the last such call share with it are not computed
 * again. */
sl_status sl_generate_further(sl_generator *generator, const uint32_t *ids, size_t n,
                              size_t max_new, const sl_sampling *sampling, sl_rollout *out,
                              sl_error *err);

#endif
