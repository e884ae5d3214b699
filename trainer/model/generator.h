/* What a generator holds; generator.c makes it, generate.c runs it. Internal. */
#ifndef SLUICE_GENERATOR_H
#define SLUICE_GENERATOR_H

#include "generate.h"

#include "block.h"
#include "model.h"

struct sl_generator {
  sl_context *ctx;
  const sl_model_layout *layout;
  sl_model *model;
  size_t max_sequences, max_length;
  size_t rows;    /* tokens at a time: one of each sequence, or a whole sequence; of a lane */
  size_t n_lanes; /* 1: kernels have all threads */
  const sl_lanes *lanes;
  sl_lanes *own_lanes;   /* the same, or NULL where they are the caller's */
  size_t place;          /* of a lane's first sequence in the rollout */
  size_t lane_sequences; /* the most at a time, of a lane */
  size_t logit_rows;
  void *block;        /* that holds the next four; NULL: they lie in the caller's memory */
  float *logits;      /* (logit_rows, V), of each lane */
  float *hidden;      /* (rows, D) of a piece of the prefill, of each lane */
  float *last_hidden; /* (lane_sequences, D) of the open sequences, of each lane */
  float *token_rows;  /* of the first layer, see sl_model_set_token_rows; NULL: none */
  sl_mirror mirror;   /* of the host and the context: everything below but the caches' own memory,
                         which is beside the logits */
  sl_layer_cache *caches; /* by layer, of lane_sequences slots a lane; then of each lane */
  /* By sequence, tokens at stride max_length while they grow: */
  uint32_t *grid, *length;
  float *grid_logp, *grid_entropy;
  uint32_t *slot; /* of the cache, which sequences of the same tokens share */
  /* Of the sequences that are still open: */
  uint32_t *open, *open_number, *open_row; /* open_row: of the decoding step */
  /* Of the rows of a decoding step; open_position also of what is drawn. By slot, the last row that
     came from it, and by row the one before that: */
  uint32_t *open_ids, *open_slot, *open_position, *slot_row, *next_row;
  uint32_t *drawn; /* this and the next two lie one after the other, for one copy to the host */
  float *drawn_logp, *drawn_entropy;
  /* Of a piece of the prefill: */
  uint32_t *piece_seq, *piece_ids, *piece_slot, *piece_position;
  uint32_t *fork_to, *fork_from, *fork_length;
  sl_rollout rollout;
  const uint32_t *ends; /* the caller's, n_ends of them */
  size_t n_ends;
  sl_token_watch *watch; /* or NULL */
  void *watcher;
  size_t kept; /* tokens of sequence 0 whose keys and values the cache has; 0: the model is not
                  packed */
};

#endif
