/* Two-digit additions and subtractions (spec F3.2). */
#include "lists.h"

#include <stdio.h>
#include <stdlib.h>

enum { SEQUENCE_PLUS = 0, SEQUENCE_MINUS = 1 };

static sl_status generate(sl_problem_list *list, sl_text_pool *pool, int minus, sl_error *err) {
  for (int a = 10; a < 100; a++)
    for (int b = 10; b <= (minus ? a : 99); b++) {
      char prompt[16], answer[16];
      snprintf(prompt, sizeof prompt, "%d%c%d=", a, minus ? '-' : '+', b);
      snprintf(answer, sizeof answer, "%d", minus ? a - b : a + b);
      const sl_status status = sl_problem_copy(list, pool, prompt, answer, minus ? "-" : "+", err);
      if (status != SL_OK) return status;
    }
  return SL_OK;
}

static sl_status append(sl_problem_list *to, const sl_problem_list *from, size_t begin, size_t end,
                        sl_error *err) {
  for (size_t i = begin; i < end; i++) {
    const sl_status status = sl_problem_push(to, from->items[i], err);
    if (status != SL_OK) return status;
  }
  return SL_OK;
}

sl_status sl_task_arithmetic(sl_task_lists *out, sl_text_pool *pool, const sl_task_options *options,
                             sl_error *err) {
  const size_t half = options->held_out / 2;
  sl_problem_list plus = {NULL, 0, 0}, minus = {NULL, 0, 0};
  sl_status status = generate(&plus, pool, 0, err);
  if (status == SL_OK) status = generate(&minus, pool, 1, err);
  if (status == SL_OK && (half == 0 || options->held_out % 2 || half >= minus.n))
    status = sl_fail(err, SL_ERR_USAGE,
                     "task arithmetic: held_out %zu; expected an even number from 2 to %zu",
                     options->held_out, 2 * (minus.n - 1));
  if (status == SL_OK) status = sl_problem_shuffle(&plus, options->seed, SEQUENCE_PLUS, err);
  if (status == SL_OK) status = sl_problem_shuffle(&minus, options->seed, SEQUENCE_MINUS, err);
  if (status == SL_OK) status = append(&out->held_out, &plus, 0, half, err);
  if (status == SL_OK) status = append(&out->held_out, &minus, 0, half, err);
  if (status == SL_OK) status = append(&out->train, &plus, half, plus.n, err);
  for (int twice = 0; twice < 2 && status == SL_OK; twice++)
    status = append(&out->train, &minus, half, minus.n, err); /* there are half as many */
  free(plus.items);
  free(minus.items);
  return status;
}
