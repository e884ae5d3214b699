/* Settings, inputs and outputs of the loss by number, in the order of sl_op_gated_loss. Internal;
 * the tests' kernels of the loss read them too. */
#ifndef SLUICE_CONTRACT_LOSS_SETTINGS_H
#define SLUICE_CONTRACT_LOSS_SETTINGS_H

enum {
  GATE,
  TAU_POS,
  TAU_NEG,
  CLIP_LOW,
  CLIP_HIGH,
  CAP,
  LEVEL,
  AGGREGATION,
  LENGTH,
  SEQUENCES,
  TOKENS,
  BETA,
  KL,
  GAMMA,
  CLAMP,
  WEIGHT_FORM,
  MICRO_BATCH /* sequences of a part: read by the wrong denominators of parts alone */
};            /* settings */
enum { NEW, OLD, REF, ENTROPY, MASK, ADVANTAGE, SAMPLER };     /* inputs */
enum { SEQUENCE_MEAN, TOKEN_MEAN, CONSTANT };                  /* aggregations */
enum { K1, K2, K3 };                                           /* KL kinds */
enum { SEQUENCE_LEVEL = 1, PRODUCT = 1, DLOGP = 0, LOSS = 2 }; /* LOSS, DLOGP: outputs */

#endif
