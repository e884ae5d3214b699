"""TRL's side of the demo's RL step: GRPOTrainer with SAPO's loss on the demo's warm model. A
request is one rollout and its four optimiser steps. Usage: trl_loop.py MODEL_FOLDER THREADS"""
import json
import os
import sys
import tempfile
import time

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

from demo_task import GROUP, LEARNING_RATE, NEW, PROMPTS, TEMPERATURES, UPDATES, problems


class Requests(TrainerCallback):
    """Between RL steps it waits for a request. The first two are not timed: they take memory."""

    def __init__(self):
        self.out = os.fdopen(os.dup(1), "w", encoding="utf-8")  # the trainer prints, too
        os.dup2(2, 1)
        self.begin = 0.0

    def on_step_end(self, args, state, control, **_):
        done, rest = divmod(state.global_step, UPDATES)
        if rest or done < 2:
            return
        said = {} if done == 2 else {"seconds": time.perf_counter() - self.begin}
        print(json.dumps(said), file=self.out, flush=True)
        if not sys.stdin.readline():
            control.should_training_stop = True
        self.begin = time.perf_counter()


def right(prompts, completions, answer, **_):
    """The demo's reward: the completion, without its end token, is the answer."""
    return [float(c == a) for c, a in zip(completions, answer)]


def main(folder, threads):
    torch.set_num_threads(threads)
    found = problems()
    data = Dataset.from_dict({"prompt": [p for p, _ in found], "answer": [a for _, a in found]})
    with tempfile.TemporaryDirectory() as work:
        options = GRPOConfig(
            output_dir=work, loss_type="sapo", sapo_temperature_pos=TEMPERATURES[0],
            sapo_temperature_neg=TEMPERATURES[1], beta=0.0, num_generations=GROUP,
            per_device_train_batch_size=PROMPTS * GROUP // UPDATES, steps_per_generation=UPDATES,
            max_completion_length=NEW, max_steps=10**6, temperature=1.0, top_k=0, top_p=1.0,
            learning_rate=LEARNING_RATE, optim="adamw_torch_fused", adam_beta2=0.95,
            save_strategy="no", logging_strategy="no", report_to=[], use_cpu=True, bf16=False,
            gradient_checkpointing=False, disable_tqdm=True)
        trainer = GRPOTrainer(
            model=AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32),
            processing_class=AutoTokenizer.from_pretrained(folder, padding_side="left"),
            reward_funcs=right, train_dataset=data, args=options, callbacks=[Requests()])
        trainer.train()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
