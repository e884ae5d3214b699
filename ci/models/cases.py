"""Small random model folders of each architecture and scaling, as transformers saves them."""
import json

import torch
from safetensors.torch import load_file, save_file
from transformers import (LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM,
                          Qwen3Config, Qwen3ForCausalLM)

CLASSES = {"qwen2": (Qwen2Config, Qwen2ForCausalLM), "llama": (LlamaConfig, LlamaForCausalLM),
           "qwen3": (Qwen3Config, Qwen3ForCausalLM)}
LENGTH = 40  # of a sequence: beyond the 8 to 16 positions before scaling
TYPES = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}

LINEAR = {"rope_type": "linear", "factor": 4.0}
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 16}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}
BETAS = {**YARN, "beta_fast": 4.0, "beta_slow": 0.5, "attention_factor": 1.25}
MSCALE = {**YARN, "factor": 6.0, "mscale": 1.0, "mscale_all_dim": 0.5, "beta_fast": 2.0}
UNTRUNCATED = {**YARN, "truncate": False, "beta_fast": 8.0}
IMPLIED = {"rope_type": "yarn", "factor": 3.0}  # the length before scaling is all positions

# name, architecture, scaling, type of the weights, bytes of a file, tied, how RoPE is written
CASES = [
    ("qwen2", "qwen2", None, "F32", None, True, "rope_parameters"),
    ("qwen2-bf16", "qwen2", None, "BF16", 2000, False, "rope_parameters"),
    ("qwen2-f16", "qwen2", LINEAR, "F16", None, False, "rope_scaling"),
    ("qwen2-yarn", "qwen2", YARN, "F32", 3000, False, "type"),
    ("qwen2-implied", "qwen2", IMPLIED, "F32", None, False, "rope_scaling"),
    ("llama", "llama", None, "F32", None, False, "rope_scaling"),
    ("llama-linear", "llama", LINEAR, "F32", None, True, "rope_parameters"),
    ("llama3", "llama", LLAMA3, "BF16", 2000, False, "rope_scaling"),
    ("llama3-new", "llama", LLAMA3, "F32", None, True, "rope_parameters"),
    ("llama-mscale", "llama", MSCALE, "F32", None, False, "rope_parameters"),
    ("qwen3", "qwen3", None, "F32", None, False, "rope_parameters"),
    ("qwen3-yarn", "qwen3", YARN, "BF16", 2000, True, "rope_scaling"),
    ("qwen3-betas", "qwen3", BETAS, "F32", None, False, "rope_scaling"),
    ("qwen3-untruncated", "qwen3", UNTRUNCATED, "F16", None, False, "rope_parameters"),
]


def random_model(architecture, scaling, tied, seed):
    """Norms other than 1, biases not 0."""
    config_class, model_class = CLASSES[architecture]
    torch.manual_seed(seed)
    rope = {"rope_theta": 10000.0, "rope_type": "default", **(scaling or {})}
    config = config_class(
        hidden_size=16, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, vocab_size=23, max_position_embeddings=64,
        tie_word_embeddings=tied, rope_parameters=rope, rms_norm_eps=1e-5)
    model = model_class(config)
    for name, p in model.named_parameters():
        spread = torch.randn_like(p)
        p.data = 1 + 0.3 * spread if "norm" in name else 0.5 * spread
    return model


def rewrite_rope(folder, way):
    """config.json of transformers 5, in the words of an older one."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    rope = config["rope_parameters"]
    if way == "rope_parameters":
        return
    del config["rope_parameters"]
    config["rope_theta"] = rope.pop("rope_theta")
    if way == "type":
        rope["type"] = rope.pop("rope_type")
    config["rope_scaling"] = rope if len(rope) > 1 else None
    path.write_text(json.dumps(config, indent=1))


def make(folder, case, seed):
    name, architecture, scaling, dtype, file_bytes, tied, way = case
    model = random_model(architecture, scaling, tied, seed)
    model.to(TYPES[dtype]).save_pretrained(folder, max_shard_size=file_bytes or "5GB")
    if scaling is IMPLIED:
        config = json.loads((folder / "config.json").read_text())
        config["rope_parameters"].pop("original_max_position_embeddings", None)
        (folder / "config.json").write_text(json.dumps(config))
    rewrite_rope(folder, way)
    (folder / "generation_config.json").unlink()


def one_file(folder, change):
    """The tensors of a folder's files, changed, as one file."""
    tensors = {}
    for path in sorted(folder.glob("model*.safetensors")):
        tensors.update(load_file(path))
        path.unlink()
    (folder / "model.safetensors.index.json").unlink(missing_ok=True)
    save_file(change(tensors), folder / "model.safetensors", metadata={"format": "pt"})


def edit_config(folder, change):
    path = folder / "config.json"
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config, indent=1))
