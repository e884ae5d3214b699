/* The ops that a contract can be given for (spec E2.4): their tensors, sizes and settings, and the
 * bounds of their outputs. */
#ifndef SLUICE_CONTRACT_OP_H
#define SLUICE_CONTRACT_OP_H

#include "arith.h"

#include <stdint.h>
#include <stdio.h>

enum { SL_OP_INPUTS = 8, SL_OP_OUTPUTS = 4, SL_OP_SETTINGS = 20, SL_OP_LETTERS = 26 };

typedef enum {
  SL_TENSOR_REAL,
  SL_TENSOR_LOGIT,    /* a real number, or -infinity */
  SL_TENSOR_POSITIVE, /* a real number that is not below 0 */
  SL_TENSOR_INDEX,    /* whole, below the size `below` */
  SL_TENSOR_LENGTH,   /* whole, from 1 to the size `below` */
  SL_TENSOR_FLAG      /* 0 or 1 */
} sl_tensor_kind;

/* A tensor of an op; its shape is written with the letters of the op's sizes, the outermost first;
 * a digit multiplies the letter after it. */
typedef struct {
  const char *name, *shape;
  sl_tensor_kind kind;
  char below;
  int optional;
  int only_dumps; /* optional, last of all, and no problem that is made from a seed has it */
} sl_op_tensor;

typedef struct {
  const char *name;
  double value, low, high; /* the default, and the range */
} sl_op_setting;

typedef struct sl_op sl_op;
struct sl_gate_form;

/* One call of an op: sizes by letter, inputs as binary64 (an absent one is NULL). form: of a gate
 * that is an expression (expression.h), the caller's, else NULL. */
typedef struct {
  const sl_op *op;
  sl_contract contract;
  size_t size[SL_OP_LETTERS];
  double setting[SL_OP_SETTINGS];
  const double *in[SL_OP_INPUTS];
  const struct sl_gate_form *form;
  int cause[2]; /* of cause.h; 0: none, the right formula */
} sl_op_case;

/* Where a walk writes its derivation, with numbers put in; NULL: nowhere. */
typedef FILE sl_notes;
void sl_note(sl_notes *notes, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct sl_op {
  const char *name, *summary;
  const char *sizes; /* letters, in the order in which they are shown */
  sl_op_tensor in[SL_OP_INPUTS], out[SL_OP_OUTPUTS];
  sl_op_setting setting[SL_OP_SETTINGS];
  /* Of a setting that is a choice: its names, by number, with | between them. */
  const char *choices[SL_OP_SETTINGS];
  const char *stored[SL_STORED_MAX + 1];
  /* 1 if a kernel reads that element of an input; NULL: it reads all. What is not read may be NaN.
   */
  int (*reads)(const sl_op_case *c, int input, size_t index);
  /* What settings and inputs must be together; NULL: nothing. */
  sl_status (*check)(const sl_op_case *c, sl_error *err);
  /* Balls of the elements [begin, end) of an output, in acc; SL_ERR_MEMORY. Notes are of the first
   * element. */
  sl_status (*walk)(const sl_op_case *c, int out, size_t begin, size_t end, sl_ball *balls,
                    sl_notes *notes);
  int reads_all; /* each call of walk reads all inputs: few long ranges cost less than many */
};

/* The op of that name, or NULL; and all of them, by number. */
const sl_op *sl_op_find(const char *name);
const sl_op *sl_op_at(size_t index);
size_t sl_op_count(void);

/* Tensors and settings of an op, each list ended by a NULL name. */
size_t sl_op_inputs(const sl_op *op);
size_t sl_op_drawn(const sl_op *op); /* inputs without those of dumps alone */
size_t sl_op_outputs(const sl_op *op);
size_t sl_op_settings(const sl_op *op);

/* A case with the op's default settings and contract; sizes 0, inputs absent. */
sl_op_case sl_op_case_of(const sl_op *op);
size_t sl_op_size(const sl_op_case *c, char letter);
/* Reads `letter=N,...` into the sizes; SL_ERR_USAGE for a letter that the op lacks or that is
 * there twice, or a size that is not from 1 to 2^32. */
sl_status sl_op_shape_parse(sl_op_case *c, const char *text, sl_error *err);
enum { SL_OP_SHAPE_TEXT = 160 };
void sl_op_shape_print(char out[SL_OP_SHAPE_TEXT], const sl_op_case *c);
/* Elements of a tensor of that case; SIZE_MAX where the product overflows. */
size_t sl_op_count_of(const sl_op_case *c, const sl_op_tensor *tensor);

/* Takes `name=value` for a setting: a number, or the name of a choice. SL_ERR_USAGE with what it
 * may be. */
sl_status sl_op_setting_parse(sl_op_case *c, const char *text, sl_error *err);

/* A setting's value as such a text has it. */
void sl_op_setting_text(char *out, size_t size, const sl_op_case *c, size_t setting);

/* SL_ERR_INPUT for inputs and settings that the op cannot be given, with tensor[index];
 * SL_ERR_NONFINITE for a NaN or an infinity. */
sl_status sl_op_check(const sl_op_case *c, sl_error *err);

/* The balls of the elements [begin, end) of output `out`, as `out` of the contract stores them. */
sl_status sl_op_bounds(const sl_op_case *c, int out, size_t begin, size_t end, sl_ball *balls,
                       sl_notes *notes);

/* The row of all ops; a file each, or one for those that share a walk. */
extern const sl_op sl_op_linear, sl_op_linear_input_grad, sl_op_linear_weight_grad, sl_op_add,
    sl_op_rmsnorm, sl_op_rmsnorm_backward, sl_op_swiglu, sl_op_swiglu_backward, sl_op_rope,
    sl_op_softmax, sl_op_logprob, sl_op_logprob_backward, sl_op_attention, sl_op_embedding,
    sl_op_embedding_grad, sl_op_adamw, sl_op_clip_grad_norm, sl_op_advantages, sl_op_gated_loss,
    sl_op_attention_backward;

#endif
