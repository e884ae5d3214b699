"""Tasks, the tokenizer and data order: formats.md F1.5, F3.1 to F3.5, F3.11, F3.14 and F3.15,
training.md L1.3."""
import json
import math
import os
import re
from dataclasses import dataclass, field

from . import answer_text, random, rewards
from .equations import equations, result_of

DIGITS_ALPHABET = "0123456789+-*/="


class Problem(tuple):
    """A prompt and an answer; gold is what a completion is compared with, question the prompt
    without the task's system text (F3.4, F3.11)."""

    def __new__(cls, prompt, answer, gold=None, question=None):
        problem = super().__new__(cls, (prompt, answer))
        problem.gold = answer if gold is None else gold
        problem.question = prompt if question is None else question
        return problem


@dataclass
class Task:
    """Three lists of problems, each (prompt, answer), and an alphabet (F3)."""
    warm_start: list
    training: list
    held_out: list
    alphabet: str
    kind: str = "exact"
    parts: list = field(default_factory=list)       # of a mixture: (share, training problems)


class Tokenizer:
    """The character tokenizer (L1.3, F1.5): 0 pads, 1 ends, 2 + i is character i."""

    END = 1

    def __init__(self, alphabet):
        self.alphabet = alphabet
        self.ids = {character: 2 + i for i, character in enumerate(alphabet)}
        self.size = 2 + len(alphabet)

    def encode(self, text):
        """The ids of a text; a character outside the alphabet is an error (F1.5)."""
        for i, character in enumerate(text):
            if character not in self.ids:
                line = text.count("\n", 0, i) + 1
                column = i - text.rfind("\n", 0, i)
                raise ValueError(f"{line}:{column}: {character!r} is not in the alphabet")
        return [self.ids[character] for character in text]


class Problems:
    """A list's data order (F3.5): problems are taken one by one, epoch after epoch."""

    def __init__(self, problems, seed, sequence):
        self.problems, self.seed, self.sequence = problems, seed, sequence
        self.epoch, self.offset = 0, 0
        self.order = None

    def take(self, count):
        """The next problems; after the last of epoch e the position is (e + 1, 0)."""
        taken = []
        for _ in range(count):
            if self.order is None:
                self.order = random.shuffled(len(self.problems), self.seed, self.sequence,
                                             self.epoch, random.ORDER)
            taken.append(self.problems[self.order[self.offset]])
            self.offset += 1
            if self.offset == len(self.problems):
                self.epoch, self.offset, self.order = self.epoch + 1, 0, None
        return taken


class MixedProblems:
    """The data order of a mixture (F3.14); epoch and offset are its block and slot."""

    def __init__(self, parts, seed, stream):
        self.parts, self.seed, self.stream = parts, seed, stream
        self.epoch, self.offset = 0, 0

    def take(self, count):
        return [self.draw() for _ in range(count)]

    def draw(self):
        owner = [k for k, (share, _) in enumerate(self.parts) for _ in range(share)]
        slots = random.shuffled(len(owner), self.seed, 2 ** 16 + self.stream, self.epoch,
                                random.ORDER)
        owners = [owner[slot] for slot in slots]
        k = owners[self.offset]
        share, problems = self.parts[k]
        i = self.epoch * share + owners[:self.offset].count(k)
        order = random.shuffled(len(problems), self.seed, 2 ** 16 + 2 + 2 * k + self.stream,
                                i // len(problems), random.ORDER)
        self.offset += 1
        if self.offset == len(owner):
            self.epoch, self.offset = self.epoch + 1, 0
        return problems[order[i % len(problems)]]


def shuffled(problems, seed, sequence, step):
    """"Shuffled (s, t)" of F3."""
    return [problems[i] for i in random.shuffled(len(problems), seed, sequence, step, random.TASK)]


def load(config):
    """The task of a configuration (F3)."""
    task = {"arithmetic": arithmetic, "gsm8k-calc": gsm8k, "mixture": mixture}.get(
        config["task.name"], jsonl)(config)
    if config["task.characters"]:
        task.alphabet = config["task.characters"]
    return task


# ---- prompts above the limit (F3.15)

def cut(question, fits):
    """A question without as many bytes at its beginning as bisection finds."""
    data = question.encode()

    def behind(dropped):
        while dropped < len(data) and data[dropped] & 0xC0 == 0x80:
            dropped += 1
        return data[dropped:].decode()

    few, many = 0, len(data)
    while many - few > 1:
        middle = few + (many - few) // 2
        few, many = (few, middle) if fits(behind(middle)) else (middle, many)
    if not behind(many):
        raise ValueError(f"nothing is left of {question!r}")
    return behind(many)


def limited(task, config, tokenizer):
    """A task whose prompts are within the limit."""
    limit, over = config["task.prompt_limit"], config["task.prompt_over"]
    size = lambda question: len(tokenizer.encode(prompt_of(config, question)))

    def judge(problem):
        if size(problem.question) <= limit:
            return [problem]
        if over == "error":
            raise ValueError(f"{problem[0]!r} has more than {limit} tokens")
        if over == "drop":
            return []
        question = cut(problem.question, lambda text: size(text) <= limit)
        return [Problem(prompt_of(config, question), problem[1], problem.gold, question)]

    every = lambda problems: [kept for problem in problems for kept in judge(problem)]
    if not limit:
        return task
    lists = [every(part) for part in (task.warm_start, task.training, task.held_out)]
    parts = [(share, every(part)) for share, part in task.parts]
    if not all(lists) or not all(part for _, part in parts):
        raise ValueError(f"a list has no prompt of at most {limit} tokens")
    return Task(*lists, task.alphabet, task.kind, parts)


def arithmetic(config):
    """F3.2."""
    seed, half = config["task.seed"], config["task.held_out"] // 2
    sums = [problem_of(a, "+", b, a + b) for a in range(10, 100) for b in range(10, 100)]
    differences = [problem_of(a, "-", b, a - b) for a in range(10, 100) for b in range(10, a + 1)]
    sums, differences = shuffled(sums, seed, 0, 0), shuffled(differences, seed, 1, 0)
    training = sums[half:] + differences[half:] * 2
    return Task(training, training, sums[:half] + differences[:half], DIGITS_ALPHABET)


# ---- JSON lines

def without_repeats(items):
    """An object whose keys are distinct (F3.1)."""
    if len({key for key, _ in items}) != len(items):
        raise ValueError("a repeated key")
    return dict(items)


def json_lines(path):
    """The objects of a JSON-lines file (F3.1)."""
    with open(path, encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(file, 1):
            try:
                value = json.loads(line, object_pairs_hook=without_repeats)
            except json.JSONDecodeError as error:
                raise ValueError(f"{path}:{number}:{error.colno}: {error.msg}") from None
            except ValueError as error:
                raise ValueError(f"{path}:{number}:1: {error}") from None
            if not isinstance(value, dict):
                raise ValueError(f"{path}:{number}:1: expected an object")
            yield number, value


def prompt_of(config, question):
    """A question behind the task's system text (F3.4)."""
    return f"{config['task.system']}\n\n{question}\n" if config["task.system"] else question


def gsm8k_line(value, config):
    """Question, reasoning and gold answer of a line (F3.11, 1)."""
    question, answer = value.get(config["task.prompt_key"]), value.get(config["task.answer_key"])
    reasoning, gold = answer.rsplit("####", 1)
    return question, re.sub(r"<<(?:(?!>>).)*>>", "", reasoning, flags=re.DOTALL), gold


def math_line(value, config):
    """The same of a line of math (F3.11, 2)."""
    question, answer, solution = (value.get(config[f"task.{key}_key"])
                                  for key in ("prompt", "answer", "solution"))
    return question, solution or "", answer_text.boxed(solution) if answer is None else str(answer)


def language_problem(value, config):
    """A problem of gsm8k or math (F3.11); None where the line is none."""
    is_math = config["task.name"] == "math"
    question, reasoning, gold = (math_line if is_math else gsm8k_line)(value, config)
    reasoning, gold = reasoning.strip(rewards.WHITE), gold.strip(rewards.WHITE)
    if not question or not answer_text.clean(gold):
        return None
    tags = rewards.tags_of(config)
    if config["reward.answer_in"] == "tags":
        answer = f"{tags[0]} {reasoning} {tags[1]} {tags[2]} {gold} {tags[3]}"
    else:
        answer = f"{reasoning}\n" + (f"\\boxed{{{gold}}}" if is_math else f"#### {gold}")
    return Problem(prompt_of(config, question), answer, gold, question)


def jsonl_problem(value, config):
    """A problem of a file (F3.4); None where the line is none."""
    question, answer = (value.get(config[f"task.{key}_key"]) for key in ("prompt", "answer"))
    if not all(isinstance(x, str) and x for x in (question, answer)):
        return None
    return Problem(prompt_of(config, question), answer, None, question)


def jsonl_problems(path, config):
    """The problems of a file (F3.4, F3.11)."""
    problems = []
    make = jsonl_problem if config["task.name"] == "jsonl" else language_problem
    numbers = config["task.reward"] == "numeric" or "numeric" in config["reward.weights"]
    for number, value in json_lines(path):
        problem = make(value, config)
        if problem is None:
            raise ValueError(f"{path}:{number}:1: expected prompt and answer, texts not empty")
        inside = rewards.between(problem.gold, rewards.tags_of(config)) \
            if config["reward.answer_in"] == "tags" else None
        if numbers and not rewards.is_one_number(problem.gold if inside is None else inside):
            raise ValueError(f"{path}:{number}:1: expected one number as the answer")
        problems.append(problem)
    if not problems:
        raise ValueError(f"{path}: no problems")
    return problems


def held_out_of(problems, chosen):
    """The problems of the chosen prompts, in file order (F3.4, 2)."""
    return [problem for problem in problems if problem[0] in chosen]


def jsonl(config):
    """F3.4."""
    training = jsonl_problems(config["task.train"], config)
    if config["task.test"]:
        held_out = jsonl_problems(config["task.test"], config)
        both = {p for p, _ in training} & {p for p, _ in held_out}
        if both:
            raise ValueError(f"the prompt {min(both)!r} is in both files")
        everything = training + held_out
    else:
        everything = training
        prompts = list(dict.fromkeys(prompt for prompt, _ in training))
        n = len(prompts)
        m = math.floor(config["task.held_out_fraction"] * n)
        if m in (0, n):
            raise ValueError(f"{m} of {n} prompts would be held out")
        order = random.shuffled(n, config["task.seed"], 3, 0, random.TASK)
        chosen = [prompts[i] for i in order[:m]]
        held_out = held_out_of(everything, chosen)
        training = [problem for problem in everything if problem[0] not in chosen]
    return Task(training, training, held_out, alphabet_of(everything), config["task.reward"])


def alphabet_of(problems):
    """The code points of prompts and answers, ascending (F3.4)."""
    return "".join(sorted({c for problem in problems for text in problem for c in text}))


# ---- mixtures (F3.14)

PART_KEYS = ("prompt_key", "answer_key", "solution_key", "held_out_fraction")


def part_of(value, config, folder):
    """The task of a line."""
    kind = value["task"]
    defaults = {"prompt_key": {"gsm8k": "question", "math": "problem"}.get(kind, "prompt"),
                "answer_key": "answer", "solution_key": "solution",
                "held_out_fraction": config["task.held_out_fraction"]}
    own = {f"task.{key}": value.get(key, defaults[key]) for key in PART_KEYS}
    paths = {f"task.{key}": os.path.join(folder, value[key]) if value.get(key) else ""
             for key in ("train", "test")}
    return jsonl({**config, **own, **paths, "task.name": kind})


def mixture(config):
    path, parts, shares = config["task.train"], [], []
    for _, value in json_lines(path):
        parts.append(part_of(value, config, os.path.dirname(path)))
        shares.append(value["share"])
    training = [problem for part in parts for problem in part.training]
    held_out = [problem for part in parts for problem in part.held_out]
    both = {p for p, _ in training} & {p for p, _ in held_out}
    if both:
        raise ValueError(f"one part trains on {min(both)!r}, another holds it out")
    return Task(training, training, held_out, alphabet_of(training + held_out),
                config["task.reward"], list(zip(shares, (part.training for part in parts))))


# ---- gsm8k-calc

def problem_of(a, operation, b, c):
    """The problem of an equation (F3.3, 4)."""
    return Problem(f"{a}{operation}{b}=", str(c))


def gsm8k_problems(path):
    """The distinct problems of a file, as equations by prompt."""
    found = {}
    for number, value in json_lines(path):
        if not isinstance(value.get("answer"), str):
            raise ValueError(f"{path}:{number}:1: expected a text `answer`")
        for equation in equations(value["answer"]):
            found[problem_of(*equation)[0]] = equation
    if not found:
        raise ValueError(f"{path}: no equation")
    return found


def look_alike(j, models, config):
    """Look-alike j of F3.3, 8 to 11, as (a, op, b, c)."""
    position = 0

    def draw(n):
        nonlocal position
        u = random.draws(config["task.seed"], position, j, 1, random.TASK)
        position += 1
        return random.high64(u, n)

    def redraw(number):
        return int("".join(d if d == "0" else str(1 + draw(9)) for d in str(number)))

    a, operation, b, c = models[draw(len(models))]
    if operation == "/":
        b = redraw(b)
        c = redraw(c)
        return b * c, operation, b, c
    a = redraw(a)
    b = redraw(b)
    if operation == "-":
        a, b = max(a, b), min(a, b)
    return a, operation, b, result_of(a, operation, b)


def gsm8k(config):
    """F3.3."""
    by_bytes = lambda found: [found[prompt] for prompt in sorted(found)]
    train, test = gsm8k_problems(config["task.train"]), gsm8k_problems(config["task.test"])
    models = by_bytes(train)
    held_out = by_bytes({prompt: e for prompt, e in test.items() if prompt not in train})
    if not held_out:
        raise ValueError("nothing is held out")
    held_out = shuffled(held_out, config["task.seed"], 2, 0)
    warm_start = list(models)
    for j in range(config["task.lookalikes"]):
        a, operation, b, c = look_alike(j, models, config)
        left = f"{a}{operation}{b}"
        if len(left) <= 8 and c <= 99999 and f"{left}=" not in test:
            warm_start.append((a, operation, b, c))
    lists = ([problem_of(*e) for e in part] for part in (warm_start, models, held_out))
    return Task(*lists, DIGITS_ALPHABET)
