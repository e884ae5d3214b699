/* The chat template of a run (spec F7.7 to F7.10): recognised once, and named in config.yaml. */
#include "run_template.h"

#include "trainer/files/chat_template.h"

/* Tasks whose problems are written for a person (spec F7.10). */
static int is_chat(int task) {
  return task == SL_TASK_GSM8K || task == SL_TASK_MATH || task == SL_TASK_MIXTURE;
}

sl_status sl_template_settle(sl_config *c, const char *folder, int has_json, sl_error *err) {
  sl_template_kind kind = SL_TEMPLATE_PLAIN;
  const int name = c->template.name, is_default = name == SL_CONFIG_TEMPLATE_DEFAULT;
  int found = 0;
  sl_error why;
  sl_status status = SL_OK;
  if (!is_default && name != SL_CONFIG_TEMPLATE_FOLDER) return SL_OK;
  if (is_default && has_json && folder && *folder && is_chat(c->task.name))
    status = sl_chat_template_recognise(&kind, &found, folder, &why);
  else if (!is_default && folder && *folder)
    status = sl_chat_template_of_folder(&kind, folder, &why);
  else if (!is_default)
    return sl_config_fail(c, SL_KEY_template_name, err,
                          "folder: there is no folder of a model; expected " SL_TEMPLATE_CHOICES);
  if (status) return sl_fail(err, status, "%s", why.message); /* the folder's, not the key's */
  c->template.name = SL_CONFIG_TEMPLATE_FIRST + (int)kind;
  return SL_OK;
}

sl_status sl_template_apply(sl_config *c, const char *folder, sl_tokenizer *tokenizer,
                            sl_error *err) {
  size_t size;
  sl_error why;
  SL_TRY(sl_template_settle(c, folder, sl_tokenizer_json(tokenizer, &size) != NULL, err));
  const sl_template t = sl_config_template(c);
  const sl_status status = sl_tokenizer_set_template(tokenizer, &t, &why);
  if (status == SL_ERR_MEMORY) return sl_fail(err, status, "%s", why.message);
  const sl_config_key key =
      t.kind == SL_TEMPLATE_PLAIN ? SL_KEY_template_system : SL_KEY_template_name;
  return status ? sl_config_fail(c, key, err, "%s", why.message) : SL_OK;
}

sl_status sl_template_apply_task(sl_config *c, const char *folder, sl_tokenizer *tokenizer,
                                 sl_task *task, sl_error *err) {
  size_t size;
  SL_TRY(sl_template_apply(c, folder, tokenizer, err));
  if (sl_config_template(c).kind == SL_TEMPLATE_PLAIN && sl_task_has_turns(task))
    return sl_config_fail(c, SL_KEY_template_name, err,
                          "plain: the task has conversations of several turns (messages), and "
                          "plain has no turns; folder is that of model.folder");
  if (sl_config_template(c).kind != SL_TEMPLATE_PLAIN) sl_task_separate_system(task);
  if (c->task.prompt_limit)
    SL_TRY(sl_task_limit(task, tokenizer, (size_t)c->task.prompt_limit,
                         (sl_prompt_over)c->task.prompt_over, err));
  const int is_measured = !c->task.prompt_limit && !sl_tokenizer_json(tokenizer, &size);
  return is_measured ? SL_OK : sl_task_measure(task, tokenizer, err);
}
