"""The loop of a run: training.md."""
from types import SimpleNamespace

import numpy as np

from . import digests, modelfolder, numerics, objective, optimizer, random, rewards, tasks
from .gate_choice import gate_of
from .model import Model, Shape, decays, initial_parameters
from .numerics import F32, F64, rn32
from .sequences import Rollout, Sequences
from .transformer import sampled_logprobs

NUMERICS = 2                        # the version, in the ledger (F4.4)
SFT, RL, DONE = 0, 1, 2


class Run:
    """A run and its state (L1.2)."""

    def __init__(self, config, report):
        self.config, self.report = config, report
        self.seed, self.shards = config["run.seed"], config["rl.reduce_shards"]
        self.task = tasks.load(config)
        self.tokenizer = tasks.Tokenizer(self.task.alphabet)
        self.model = self.first_model()
        self.parameters = self.model.parameters
        self.reset_moments()
        self.phase, self.updates, self.rollouts = SFT, 0, 0
        self.task = tasks.limited(self.task, config, self.tokenizer)
        self.warm_start, self.training = (
            tasks.MixedProblems(self.task.parts, self.seed, stream) if self.task.parts else
            tasks.Problems(problems, self.seed, stream)
            for stream, problems in enumerate((self.task.warm_start, self.task.training)))
        self.rewards = rewards.Rewards(config, self.tokenizer, self.task.kind)
        self.reference = None
        self.gate = self.first_gate = gate_of(config)
        self.scale = F64(1) if config["gate.schedule"] == "eur" else None
        self.check_lengths()

    def first_model(self):
        """The model that a new run starts with (L1.2, L1.3)."""
        config = self.config
        if config["model.folder"]:
            shape, parameters, positions, tokenizer = modelfolder.read(config["model.folder"])
            self.tokenizer = tokenizer or self.tokenizer
            if self.tokenizer.size > shape.vocabulary:
                raise ValueError("the tokenizer has more ids than the model")
            return Model(shape, parameters, positions)
        sizes = (config[f"model.{key}"] for key in ("hidden", "layers", "heads", "kv_heads",
                                                    "head_dim", "ff"))
        shape = Shape(*sizes, self.tokenizer.size, config["model.rope_theta"],
                      config["model.rms_eps"], config["model.tie"])
        return Model(shape, initial_parameters(shape, self.seed, config["model.init_std"]),
                     config["model.max_positions"])

    def check_lengths(self):
        """L1.8: what is known at the start to be too long, or too few."""
        every = [p for part in (self.task.warm_start, self.task.training, self.task.held_out)
                 for p in part]
        for text in {text for problem in every for text in problem}:
            self.tokenizer.encode(text)
        longest = max(len(prompt) for prompt, _ in every) + max(
            self.config["rl.max_new_tokens"], 1 + max(len(answer) for _, answer in every))
        models = [self.model]
        if self.config["rl.beta"] > 0 and self.config["rl.reference"]:
            shape, _, positions, tokenizer = modelfolder.read(self.config["rl.reference"])
            if shape.vocabulary != self.model.shape.vocabulary or (
                    tokenizer and tokenizer.alphabet != self.tokenizer.alphabet):
                raise ValueError("the reference has another vocabulary or alphabet")     # F1.6
            models.append(SimpleNamespace(positions=positions))
        for model in models:
            if longest > model.positions:
                raise ValueError(f"sequences of {longest} tokens, but {model.positions} positions")
        if self.config["rl.prompts"] > len(self.task.training):
            raise ValueError("rl.prompts is larger than the number of training problems")

    def reset_moments(self):
        """Moments and products of a phase's start (L1.2, L2.6)."""
        self.m = {name: np.zeros_like(p) for name, p in self.parameters.items()}
        self.v = {name: np.zeros_like(p) for name, p in self.parameters.items()}
        self.products = (1.0, 1.0)

    def state(self):
        """The state hash (F4.2)."""
        counters = (self.phase, self.updates, self.rollouts, self.warm_start.epoch,
                    self.warm_start.offset, self.training.epoch, self.training.offset)
        return digests.state_hash(self.parameters.values(), self.m.values(), self.v.values(),
                                  self.products, counters, self.scale)

    def train(self):
        """The whole run; the final state hash (L4.3)."""
        self.report({"kind": "ledger", "version": 3, "numerics": NUMERICS,
                     "tensors": list(self.parameters)})
        if self.config["model.folder"] and self.config["sft.steps"]:
            self.report_evaluation("sft", 0)                        # L4.2
        self.run_warm_start()
        self.enter_rl()
        self.run_rl()
        self.phase = DONE
        return self.state()

    # ---- optimiser

    def step(self, gradient, lr):
        """Norm, clipping and AdamW (N6) of one update."""
        config = self.config
        norm = optimizer.gradient_norm(gradient.values())
        k = optimizer.clip_factor(norm, config["optimizer.max_norm"])
        for name, g in gradient.items():
            optimizer.refuse_large(name, g, k)
        beta1, beta2 = config["optimizer.beta1"], config["optimizer.beta2"]
        p1, c1 = optimizer.advance(self.products[0], beta1)
        p2, c2 = optimizer.advance(self.products[1], beta2)
        self.products = (p1, p2)
        for name, g in gradient.items():
            decay = config["optimizer.weight_decay"] if decays(name) else 0.0
            how = SimpleNamespace(k=k, lr=lr, beta1=beta1, beta2=beta2,
                                  eps=config["optimizer.eps"], c1=c1, c2=c2, weight_decay=decay)
            self.parameters[name], self.m[name], self.v[name] = optimizer.adamw(
                self.parameters[name], self.m[name], self.v[name], g, how)

    # ---- warm start

    def run_warm_start(self):
        """L2.1."""
        config = self.config
        while self.updates < config["sft.steps"]:
            self.warm_start_update()
            if self.updates % config["sft.eval_every"] == 0 or self.updates == config["sft.steps"]:
                success = self.report_evaluation("sft", self.updates)
                if success >= config["sft.stop_success"]:
                    break

    def warm_start_update(self):
        """L2.2 and L2.3."""
        config, encode = self.config, self.tokenizer.encode
        problems = self.warm_start.take(config["sft.batch"])
        prompts = [encode(prompt) for prompt, _ in problems]
        batch = Sequences([p + encode(answer) + [self.tokenizer.END]
                           for p, (_, answer) in zip(prompts, problems)], [len(p) for p in prompts])
        packed, (mask, target) = batch.packed(self.shards), batch.masks()
        trace = self.model.forward(batch.tokens(), packed)
        new, _ = self.model.logprobs(trace, target, mask, F32(1))
        c = F64(1) / int(np.count_nonzero(mask))
        gradient = self.model.backward(trace, np.where(mask, rn32(-c), F32(0)), None)
        lr = optimizer.learning_rate(self.updates + 1, config["sft.lr"], config["sft.warmup"],
                                     "constant", 1.0, config["sft.steps"])
        self.step(gradient, lr)
        self.updates += 1
        self.report(self.ledger_line("sft", self.updates, batch, [], new, [gradient]))

    # ---- reinforcement learning

    def enter_rl(self):
        """L2.6."""
        self.phase = RL
        self.reset_moments()
        if self.config["rl.beta"] > 0:
            self.reference = self.frozen_reference()
        self.report_evaluation("rl", 0)

    def frozen_reference(self):
        """The reference of L2.6, 3."""
        if self.config["rl.reference"]:
            return Model(*modelfolder.read(self.config["rl.reference"])[:3])
        return self.model.frozen()

    def run_rl(self):
        """L3.1."""
        config = self.config
        while self.rollouts < config["rl.steps"]:
            rollout = self.sample_rollout()
            gradients, measures = [], []
            self.set_tau()
            size = config["rl.prompts"] // config["rl.updates"]
            for e in range(config["rl.epochs"]):
                order = self.order_of_pass(e, len(rollout.rewards) // config["rl.group"])
                for u in range(config["rl.updates"]):
                    groups = order[u * size:(u + 1) * size]
                    if not groups:                                  # L3.12, 4
                        continue
                    gradient, eur = self.rl_update(rollout, groups, first=e == u == 0)
                    gradients.append(gradient)
                    measures.append(eur)
            self.move_scale(measures)
            self.rollouts += 1
            self.report(self.ledger_line("rl", self.rollouts, rollout.sequences, rollout.rewards,
                                         np.concatenate([np.zeros(0, F32), *rollout.old]),
                                         gradients))
            sampling = {} if not config["rl.dynamic_sampling"] else {
                "rounds": rollout.rounds, "dropped": rollout.dropped}
            self.report({"kind": "measures", "phase": "rl", "step": self.rollouts,
                         "eur": [f"{eur:.17g}" for eur in measures], **sampling})
            if self.rollouts % config["eval.every"] == 0 or self.rollouts == config["rl.steps"]:
                self.report_evaluation("rl", self.rollouts)

    def set_tau(self):
        """tau of a rollout (L3.11)."""
        config = self.config
        kind, final = config["gate.schedule"], F64(config["gate.scale_final"])
        if kind == "constant":
            return
        if kind == "eur":
            m = self.scale
        else:
            m = optimizer.factor(self.rollouts + 1, kind, final, config["rl.steps"])
            m = min(max(m, min(F64(1), final)), max(F64(1), final))
        self.gate = self.first_gate.scaled(m)

    def move_scale(self, measures):
        """The controller's move (L3.11), by the updates of a rollout but the first."""
        config = self.config
        if self.scale is None or len(measures) < 2:
            return
        total = F64(0)
        for eur in measures[1:]:
            total = total + eur
        later = total / F64(len(measures) - 1)
        wanted = self.scale * (1 + F64(config["gate.eur_gain"])
                               * (later - F64(config["gate.eur_target"])))
        self.scale = min(max(wanted, F64(config["gate.scale_low"])),
                         F64(config["gate.scale_high"]))

    def sample_rollout(self):
        """L3.2 to L3.6, in rounds where L3.12 says so."""
        config = self.config
        if not config["rl.dynamic_sampling"]:
            rollout = self.sample_round(0)
        else:
            rollout = Rollout(Sequences([], []), [], [], [])
            while rollout.rounds < config["rl.dynamic_sampling"] and \
                    len(rollout.rewards) < config["rl.prompts"] * config["rl.group"]:
                self.join_round(rollout, self.sample_round(rollout.rounds))
        rollout.advantage, _ = objective.advantages(
            rollout.rewards, range(0, len(rollout.rewards) + 1, config["rl.group"]),
            config["rl.advantage"], config["rl.advantage_eps"])
        if self.reference is not None and rollout.rewards:
            packed, (mask, target) = rollout.sequences.packed(1), rollout.sequences.masks()
            trace = self.reference.forward(rollout.sequences.tokens(), packed)
            ref, _ = self.reference.logprobs(trace, target, mask, self.inv_temperature())
            rollout.ref = np.split(ref, packed.seq[1:-1])
        return rollout

    def join_round(self, rollout, part):
        """The groups of a round that belong to the rollout (L3.12, 3)."""
        size = self.config["rl.group"]
        for first in range(0, len(part.rewards), size):
            members = range(first, first + size)
            if len({part.rewards[i] for i in members}) == 1:
                rollout.dropped += 1
            elif len(rollout.rewards) < self.config["rl.prompts"] * size:
                for i in members:
                    rollout.sequences.ids.append(part.sequences.ids[i])
                    rollout.sequences.prompt.append(part.sequences.prompt[i])
                    rollout.ended.append(part.ended[i])
                    rollout.old.append(part.old[i])
                    rollout.rewards.append(part.rewards[i])
        rollout.rounds += 1

    def sample_round(self, k):
        """L3.2 to L3.5 with the numbers of round k (L3.12)."""
        config = self.config
        group = config["rl.group"]
        problems = [problem for problem in self.training.take(config["rl.prompts"])
                    for _ in range(group)]
        prompts = [self.tokenizer.encode(prompt) for prompt, _ in problems]
        rollout = self.complete(prompts, config["rl.temperature"], k * len(problems))
        rollout.rewards = [self.rewards.reward(ids[len(prompt):], problem.gold)
                           for ids, prompt, problem
                           in zip(rollout.sequences.ids, prompts, problems)]
        if config["rl.shuffle_rewards"]:
            order = random.shuffled(len(problems), self.seed, k, self.rollouts,
                                    random.SHUFFLE_REWARDS)
            rollout.rewards = [rollout.rewards[i] for i in order]
        return rollout

    def inv_temperature(self):
        """invT = RN(1 / T) (L3.8)."""
        return F32(1) / self.config["rl.temperature"]

    def complete(self, prompts, temperature, first=0):
        """L3.3: a completion of every prompt, numbered from `first`; temperature 0 is greedy."""
        config = self.config
        ids = [list(prompt) for prompt in prompts]
        old = [[0.0] * (len(prompt) - 1) for prompt in prompts]
        ended = [False] * len(prompts)
        for _ in range(config["rl.max_new_tokens"]):
            live = [q for q in range(len(ids)) if not ended[q]]
            if not live:
                break
            logits = self.model.last_logits([ids[q] for q in live])
            tokens = random.sample(logits, temperature, config["rl.top_k"], config["rl.top_p"],
                                   self.seed, [first + q for q in live], self.rollouts,
                                   [len(ids[q]) for q in live])
            logps, _ = sampled_logprobs(logits, tokens, temperature)
            for q, token, logp in zip(live, tokens.tolist(), logps.tolist()):
                ids[q].append(token)
                old[q].append(logp)
                ended[q] = token == self.tokenizer.END
        return Rollout(Sequences(ids, [len(prompt) for prompt in prompts]), ended,
                       [np.array(row + [0.0], F32) for row in old], [])

    def order_of_pass(self, e, groups):
        """The groups of pass e (L3.7)."""
        if e == 0:
            return list(range(groups))
        return random.shuffled(groups, self.seed, e + 1, self.rollouts, random.ORDER)

    def rl_update(self, rollout, groups, first):
        """L3.8: one update; its gradient and its EUR (O5.3)."""
        config, size = self.config, self.config["rl.group"]
        numbers = [g * size + member for g in groups for member in range(size)]
        chosen = rollout.sequences.choose(numbers)
        packed, (mask, target) = chosen.packed(self.shards), chosen.masks()
        trace = self.model.forward(chosen.tokens(), packed)
        new, entropy = self.model.logprobs(trace, target, mask, self.inv_temperature())
        old = np.concatenate([rollout.old[i] for i in numbers])
        if first and (new != old).any():
            raise ValueError(f"token {np.nonzero(new != old)[0][0]}: new differs from old")
        ref = None if rollout.ref is None else np.concatenate([rollout.ref[i] for i in numbers])
        tokens = [len(ids) - prompt for ids, prompt in zip(chosen.ids, chosen.prompt)]
        step = config["rl.prompts"] // config["rl.updates"] // config["rl.loss_parts"] * size
        starts = range(0, len(tokens), step)                        # L3.12, 5
        coefficient = np.concatenate([objective.coefficients(
            np.array(tokens[start:start + step]), config["rl.aggregation"],
            config["rl.constant_length"]) / len(starts) for start in starts])
        bonus, mean = config["rl.entropy_bonus"], config["rl.entropy_mean"] == "tokens"
        how = objective.Objective(self.gate, config["rl.level"], config["rl.kl"], config["rl.beta"],
                                  0.0 if mean else bonus)
        d, e, sums = objective.gated_loss(how, objective.Batch(
            packed, mask, new, old, rollout.advantage[numbers], coefficient, ref, entropy))
        if mean:
            e = np.where(mask, rn32(-(bonus * (1 / F64(sum(tokens))))), F32(0)).astype(F32)
        gradient = self.model.backward(trace, d, e)
        lr = optimizer.learning_rate(self.rollouts + 1, config["rl.lr"], config["rl.warmup"],
                                     config["rl.decay"], config["rl.final"], config["rl.steps"])
        self.step(gradient, lr)
        return gradient, objective.effective_ratio(sums, size)

    # ---- evaluation and ledger

    def evaluate(self):
        """L4.1."""
        count = self.config["eval.problems"] or len(self.task.held_out)
        problems = self.task.held_out[:count]
        prompts = [self.tokenizer.encode(prompt) for prompt, _ in problems]
        done = self.complete(prompts, F32(0))
        success = [self.rewards.success(ids[len(prompt):], problem.gold) for ids, prompt, problem
                   in zip(done.sequences.ids, prompts, problems)]
        return numerics.ascending(success) / len(problems)

    def report_evaluation(self, phase, step):
        """An evaluation and its line (L4.2)."""
        success = self.evaluate()
        self.report({"kind": "evaluation", "phase": phase, "step": step,
                     "held_out_success": success})
        return success

    def ledger_line(self, phase, step, sequences, rewards, logprobs, gradients):
        """A line of the ledger (F4.4)."""
        tensor = lambda x: digests.hexadecimal(digests.tensor_digest(x))
        return {
            "kind": "step", "phase": phase, "step": step, "state": self.state(),
            "tokens": digests.bytes_digest(sequences.tokens().tobytes()),
            "rewards": digests.bytes_digest(np.array(rewards, F64).tobytes()),
            "logprobs": digests.bytes_digest(logprobs.astype(F32).tobytes()),
            "gradients": [[tensor(g) for g in gradient.values()] for gradient in gradients],
            "parameters": [tensor(p) for p in self.parameters.values()],
        }
