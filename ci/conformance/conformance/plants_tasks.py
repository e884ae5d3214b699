"""Faults in tasks, rewards, grading and evaluations, rows as in plants.py."""
from . import answer_text, answer_values, evaluation, grading, rewards, tasks


def without_end(tokens, limit, buffer, original=rewards.length):
    """A length that leaves out the end token (F3.9)."""
    return original(tokens - 1, limit, buffer)


def any_order(text, tags):
    """A format that is met if all tags are there (F3.8)."""
    return float(all(tag in text for tag in tags))


def shuffled_held_out(problems, chosen):
    """Held-out problems in the shuffled order (F3.4)."""
    return [problem for prompt in chosen for problem in problems if problem[0] == prompt]


def percent_alone(a, b):
    """Items that are equal by value alone, be there a sign of percent or not (F3.13, 7)."""
    return a[2] == b[2] and a[0] == b[0]


def first_box(text):
    """What the first box holds (F3.12)."""
    at = text.find("\\boxed{")
    end = None if at < 0 else answer_text.closing(text, at + 7)
    return None if end is None else text[at + 7:end].strip(answer_text.WHITE)


def from_the_left(self):
    """Powers that bind from the left (F3.13, 3)."""
    value = self.base()
    while self.char("^"):
        minus = self.char("-")
        exponent = answer_values.rational(self.base())
        value = answer_values.power(value, -exponent if minus else exponent, self.work)
    return value


def in_order(a, b):
    """Lists whose order counts (F3.13, 8)."""
    return a[0] == b[0] and len(a[1]) == len(b[1]) and all(
        map(grading.equal_groups, a[1], b[1]))


def any_shares(self, parts, seed, stream, original=tasks.MixedProblems.__init__):
    """A mixture whose parts have equal shares (F3.14)."""
    original(self, [(1, problems) for _, problems in parts], seed, stream)


def cut_end(question, fits):
    """A question that loses its end (F3.15)."""
    while question and not fits(question):
        question = question[:-1]
    return question


def biased_pass(counts, samples, k):
    """pass@k as 1 - (1 - c / K)^k (L4.5, 4)."""
    return sum(1 - (1 - c / samples) ** k for c in counts) / len(counts)


PLANTS = {
    "end-token": ("lengths without the end token", "rewards", rewards, "length", without_end),
    "any-order": ("tags in any order", "rewards", rewards, "template", any_order),
    "percent": ("percentages equal by value alone", "grades", grading, "equal_items",
                percent_alone),
    "box": ("the first box in place of the last", "grades", answer_text, "boxed", first_box),
    "towers": ("powers from the left", "grades", grading.Reader, "power", from_the_left),
    "lists": ("lists in order", "grades", grading, "equal_values", in_order),
    "sampled": ("sequences numbered sample by sample", "sampled", evaluation, "sequence_of",
                lambda p, m, samples: m * samples + p),
    "pass": ("pass@k with bias", "sampled", evaluation, "pass_at", biased_pass),
    "trials": ("Wilson's interval of as many trials as completions", "sampled", evaluation,
               "wilson", lambda share, n, original=evaluation.wilson: original(share, 6 * n)),
    "shares": ("a mixture of equal shares", "words", tasks.MixedProblems, "__init__", any_shares),
    "cut": ("prompts cut at their end", "words", tasks, "cut", cut_end),
    "held-out": ("held-out problems in the order of the shuffle", "variants", tasks, "held_out_of",
                 shuffled_held_out),
}
