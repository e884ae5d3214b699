/* Places in size[] of the problems, for those who read them beside the files of cases. */
#ifndef SLUICE_EQUIV_SIZES_H
#define SLUICE_EQUIV_SIZES_H

enum { SL_LAYER_T, SL_LAYER_D, SL_LAYER_VOCAB, SL_LAYER_N_SEQ, SL_LAYER_ALIAS, SL_LAYER_HEADS };
enum {
  SL_HEADS_T,
  SL_HEADS_D,
  SL_HEADS_HEADS,
  SL_HEADS_KV_HEADS,
  SL_HEADS_N_SEQ,
  SL_HEADS_CAPACITY,
  SL_HEADS_SLOTS
};
enum { SL_LOGITS_T, SL_LOGITS_D, SL_LOGITS_VOCAB, SL_LOGITS_N_SEQ, SL_LOGITS_PACK };
enum { SL_LOSS_N_SEQ };
enum { SL_FLAT_N };

#endif
