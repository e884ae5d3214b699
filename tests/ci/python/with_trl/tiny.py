"""A tiny model of transformers with random weights, its tokenizer of characters, and a run of TRL
on them: nothing is downloaded."""
import datasets
import torch
import transformers
import trl
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

import sluice.trl

LETTERS = "0123456789+-= "


def tokenizer():
    """One token a character, and one each for padding and end."""
    words = {word: i for i, word in enumerate(["<pad>", "<end>", *LETTERS])}
    inner = Tokenizer(models.WordLevel(words, unk_token="<pad>"))
    inner.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", eos_token="<end>")


def model(seed=1):
    """Two layers of width 32."""
    torch.manual_seed(seed)
    ends = dict(pad_token_id=0, eos_token_id=1, bos_token_id=None)
    config = transformers.LlamaConfig(
        vocab_size=2 + len(LETTERS), hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=64, initializer_range=0.3, **ends)
    return transformers.LlamaForCausalLM(config)


def reward(completions, **_):
    """The share of digits and a checksum: it differs within a group for long."""
    return [sum(c.isdigit() for c in text) / 8 + sum(map(ord, text)) % 7 / 7
            for text in completions]


PROMPTS = datasets.Dataset.from_list([{"prompt": f"{i}+{j}="} for i in range(4) for j in range(4)])
SETTINGS = dict(
    per_device_train_batch_size=8, gradient_accumulation_steps=2, num_generations=4,
    num_iterations=2, max_completion_length=12, learning_rate=2e-3, max_steps=20, bf16=False,
    use_cpu=True, report_to="none", logging_steps=1, save_strategy="no", seed=3,
    lr_scheduler_type="constant", disable_tqdm=True, use_bias_correction_kl=False,
    gradient_checkpointing=False)


def trainer(folder, kind=sluice.trl.GatedGRPOTrainer, own=None, policy=None, words=None,
            **settings):
    """A trainer of the tiny model, with these arguments of GRPOConfig, and its own ones."""
    args = trl.GRPOConfig(str(folder), **{**SETTINGS, **settings})
    made = kind(model=policy or model(), reward_funcs=reward, args=args, train_dataset=PROMPTS,
                eval_dataset=PROMPTS, processing_class=words or tokenizer(), **(own or {}))
    made.remove_callback(transformers.trainer_callback.PrinterCallback)
    return made
