"""Every argument of TRL's GRPO that can reach its loss: what GatedGRPOTrainer does with it.

A name that a TRL has and no list here has is refused, by the trainer and by a test (unlisted).
Internal.
"""
import ast
import dataclasses
import inspect
import textwrap
from typing import Any, Iterator

from ._errors import InvalidInput, Unavailable

SUPPORTED = ("1.16",)
"""Versions of TRL whose `_compute_loss` these lists were read from; later patches count."""

HONOURED = frozenset("""
    beta cast_lm_head_to_fp32 delta disable_dropout entropy_coef epsilon epsilon_high
    importance_sampling_level loss_type mask_truncated_completions max_completion_length
    num_generations num_generations_eval num_iterations off_policy_mask_threshold
    pad_to_multiple_of router_aux_loss_coef sapo_temperature_neg sapo_temperature_pos
    steps_per_generation generation_batch_size temperature top_entropy_quantile
    use_adaptive_entropy use_bias_correction_kl vllm_importance_sampling_cap
    vllm_importance_sampling_clip_max vllm_importance_sampling_clip_min
    vllm_importance_sampling_correction vllm_importance_sampling_mode
    bf16 gradient_checkpointing use_liger_kernel""".split())
"""Of GRPOConfig: they affect the loss or its inputs, and mean here what they mean there. Of some
`refused` refuses values. use_liger_kernel is about the model's own kernels, before the loss."""

WITHOUT_EFFECT = frozenset("""
    entropy_coef_delta entropy_coef_max entropy_coef_min entropy_target vespo_k_neg vespo_k_pos
    vespo_lambda_neg vespo_lambda_pos""".split())
"""Of GRPOConfig: parameters of what is refused (use_adaptive_entropy, loss_type vespo)."""

ELSEWHERE = frozenset("""
    cache_implementation chat_template_kwargs ds3_gather_for_generation generation_kwargs
    learning_rate log_completions log_completions_hub_repo log_multimodal log_unique_prompts
    logging_steps lr_scheduler_kwargs max_tool_calling_iterations min_p model_init_kwargs
    multi_objective_aggregation num_completions_to_print ref_model_mixup_alpha ref_model_sync_steps
    remove_unused_columns repetition_penalty reward_weights scale_rewards shuffle_dataset
    sync_ref_model top_k top_p torch_empty_cache_steps transformers_continuous_batching_config
    trust_remote_code use_transformers_continuous_batching use_transformers_paged use_vllm
    vllm_enable_sleep_mode vllm_gpu_memory_utilization vllm_group_port vllm_max_model_length
    vllm_mode vllm_model_impl vllm_server_base_url vllm_server_host vllm_server_port
    vllm_server_timeout vllm_structured_outputs_regex vllm_tensor_parallel_size""".split())
"""Of GRPOConfig: model, data, sampling, rewards, logging. TRL reads them before the loss or after
it, and GatedGRPOTrainer leaves that as it is."""

ATTRIBUTES = frozenset("""
    _compute_loss _entropy_bonus_enabled _entropy_window_stats _get_per_token_logps_and_entropies
    _last_world_entropy _metrics accelerator args aux_loss_enabled beta
    current_gradient_accumulation_steps entropy_coef epsilon_high epsilon_low get_gamma_weights
    get_high_entropy_mask get_off_policy_mask importance_sampling_level loss_type
    max_completion_length model off_policy_mask_threshold router_aux_loss_coef
    top_entropy_quantile use_adaptive_entropy use_vllm vllm_importance_sampling_correction
    """.split())
"""What TRL's loss reads of the trainer: arguments above, and how it computes."""

FORWARD = ("pixel_values", "image_grid_thw", "num_images", "pixel_attention_mask",
           "spatial_shapes", "num_tiles", "image_sizes", "token_type_ids", "mm_token_type_ids",
           "image_position_ids")
"""Inputs that go to the model as they are."""

INPUTS = frozenset("""
    advantages completion_ids completion_mask importance_sampling_ratio num_items_in_batch
    old_per_token_logps prompt_ids prompt_mask ref_per_token_logps sampling_per_token_logps
    tool_mask""".split()) | frozenset(FORWARD)
"""Keys of the inputs: all are honoured."""

CLIPPED = ("grpo", "bnpo", "dr_grpo", "dapo", "luspo")
LOSSES = (*CLIPPED, "sapo", "cispo")


def _reads(function: Any) -> "Iterator[str]":
    """What a method reads, as `self.x`, `args.x` or `inputs[x]`."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    for node in ast.walk(tree):
        key: "ast.expr | None" = None
        if isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value)
            if owner in ("self", "self.args"):
                yield f"{owner.removeprefix('self.')}.{node.attr}"
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == "inputs":
            key = node.slice
        elif isinstance(node, ast.Call) and ast.unparse(node.func).startswith("inputs."):
            key = node.args[0] if node.args else node.func
        elif isinstance(node, ast.Compare) and ast.unparse(node.comparators[0]) == "inputs":
            key = node.left
        if isinstance(key, ast.Constant):
            yield f"inputs[{key.value!s}]"
        elif key is not None:
            yield f"inputs[{ast.unparse(key)}]"


def unlisted(trainer: type, config: type) -> "frozenset[str]":
    """What this TRL's loss or GRPOConfig has, and no list."""
    arguments = HONOURED | WITHOUT_EFFECT | ELSEWHERE
    known = {f"args.{name}" for name in arguments} | {f"self.{name}" for name in ATTRIBUTES}
    known |= {f"inputs[{name}]" for name in INPUTS}
    found: "set[str]" = set()
    for name in ("_compute_loss", "compute_loss", "get_high_entropy_mask"):
        found |= set(_reads(getattr(trainer, name)))
    own = [base for base in config.__mro__ if base.__module__.startswith("trl.")]
    fields = {field.name for field in dataclasses.fields(config)}
    for base in own:
        found |= {f"args.{name}" for name in inspect.get_annotations(base) if name in fields}
    return frozenset(found - known)


def check_version(version: str, trainer: type, config: type) -> None:
    """Errors: Unavailable, for a TRL that is not supported, or whose loss has an unknown name."""
    if not any(version == known or version.startswith(known + ".") for known in SUPPORTED):
        raise Unavailable(f"TRL {version} is not supported: GatedGRPOTrainer replaces a method "
                          f"that differs by version; it knows {', '.join(SUPPORTED)}")
    new = sorted(unlisted(trainer, config))
    if new:
        raise Unavailable(f"TRL {version} has arguments of its loss that GatedGRPOTrainer does not "
                          f"know: {', '.join(new)}")


def check_inputs(inputs: "dict[str, Any]", own: str) -> None:
    """Errors: InvalidInput, for a key that is on no list; `own` is the trainer's own one."""
    new = sorted(set(inputs) - INPUTS - {own})
    if new:
        raise InvalidInput(f"the loss's inputs have {', '.join(new)}, which GatedGRPOTrainer does "
                           "not know: it would have no effect")


def _refusals(args: Any) -> "Iterator[tuple[bool, str]]":
    """Each value that is refused, and what to do."""
    loss, level = args.loss_type, args.importance_sampling_level
    yield loss == "vespo", (
        "loss_type='vespo': its weight is of the product of a sequence's ratios, not of a ratio")
    yield loss not in LOSSES, f"loss_type='{loss}': it is none of {', '.join(LOSSES)}"
    yield level not in ("token", "sequence"), (
        f"importance_sampling_level='{level}': it is neither 'token' nor 'sequence'")
    yield args.use_adaptive_entropy, (
        "use_adaptive_entropy=True: pass entropy_coef alone, which stays as it is")
    yield args.beta < 0, f"beta={args.beta}: it is below 0"
    yield args.beta != 0.0 and args.use_bias_correction_kl, (
        "use_bias_correction_kl=True with beta: the KL term is k3 as it is; pass False")
    by_token = args.use_vllm and args.vllm_importance_sampling_correction and (
        args.vllm_importance_sampling_mode not in ("sequence_mask", "sequence_truncate"))
    yield level == "sequence" and by_token, (
        f"vllm_importance_sampling_mode='{args.vllm_importance_sampling_mode}' with "
        "importance_sampling_level='sequence': a token's factor would go to all of its sequence; "
        "pass 'sequence_mask' or 'sequence_truncate'")
    yield level == "sequence" and args.top_entropy_quantile != 1.0, (
        f"top_entropy_quantile={args.top_entropy_quantile} with importance_sampling_level="
        "'sequence': its tokens have one ratio; pass 1.0")
    high = args.epsilon if args.epsilon_high is None else args.epsilon_high
    yield args.delta is not None and loss in CLIPPED and args.delta < 1 + high, (
        f"delta={args.delta}: it is below 1 + epsilon_high = {1 + high:g}, where the clip ends "
        "already")
    yield loss == "cispo" and not 1 <= high <= 100, (
        f"epsilon_high={high} (epsilon, where it is None): with loss_type='cispo' it is the cap of "
        "the ratio itself, from 1 to 100; 5.0 is usual")


def refused(args: Any) -> None:
    """Errors: InvalidInput, for a GRPOConfig with a value that the loss would not honour."""
    for is_so, text in _refusals(args):
        if is_so:
            raise InvalidInput(f"GatedGRPOTrainer refuses {text}")


def check_gate_alone(args: Any) -> None:
    """With a gate of the caller's TRL's parameters of gates have no effect. Errors: InvalidInput,
    for one that has another value than its default."""
    defaults = {field.name: field.default for field in dataclasses.fields(args)}
    for name in ("epsilon", "epsilon_high", "delta", "sapo_temperature_pos",
                 "sapo_temperature_neg"):
        if getattr(args, name) != defaults[name]:
            raise InvalidInput(f"{name}={getattr(args, name)} has no effect with a gate of your "
                               "own: pass the gate's parameters, or no gate")
