"""The page of results that ci/peers writes: ci/results/peers-CPU.md."""
import re
import statistics
import textwrap

from measure import FLOOR_SHARE, number, time_text

HEAD = """
`ci/peers`: PyTorch and its kernels, transformers, TRL and libmvec do the same work, in turns
with Sluice. The ratio is the peer's time by Sluice's, the median over the pairs: above 1 is ahead.
Its range is that of the pairs; times are medians.

{machine}

{products}

{load}

A row's goal is the smaller of issue 17's figure and {share} of its floor ratio. That is the ratio
if Sluice took no more than the floor: multiply-adds at the rate of registers, bytes at that of a
copy, both measured in each pair (`sluice bench peak`), and functions at their own rate (`sluice
bench functions`).
"""

COLUMNS = ("work", "threads", "Sluice", "peer", "ratio", "range", "pairs", "floor ratio", "goal",
           "verdict")


def processor(text):
    """(name, vendor's part of a file name, family, model, vectors) by /proc/cpuinfo's text."""
    def of(key):
        found = re.search(rf"(?m)^{key}\s*: (.*)$", text)
        return found.group(1).strip() if found else "unknown"
    name, flags = of("model name"), of("flags").split()
    words = re.sub(r"\(R\)|\(TM\)", "", name, flags=re.I).split()
    kind = "-".join(words[:2]).lower() if len(words) > 1 else "unknown"
    vectors = "avx512" if "avx512f" in flags else "avx2"
    return name, re.sub(r"[^a-z0-9-]", "", kind), of("cpu family"), of("model"), vectors


def file_name(text):
    """As the other pages of results are named by their CPU, with its family and model: ratios of
    one are not those of the next."""
    _, kind, family, model, vectors = processor(text)
    return f"peers-{kind}-{family}-{model}-{vectors}.md"


def products_text(verbose, vectors):
    """What MKL, which PyTorch's products call, says of itself in MKL_VERBOSE's first line."""
    found = re.search(r"MKL_VERBOSE (.*?) for .*? architecture (.*?), Lnx", verbose)
    if not found:
        return "PyTorch's products are not MKL's."
    text = f"PyTorch's products: {found.group(1)}, as for \"{found.group(2)}\"."
    if vectors == "avx512" and "AVX-512" not in found.group(2):
        text += (" It takes no AVX-512 here, which Sluice does: rows made of products would have "
                 "lower ratios on a processor of Intel's.")
    return text


def load_text(before, after, processors):
    """A machine that others use gives ratios, but no times that another day would give again."""
    if max(before, after - 2) <= 0.5:  # the run itself makes up to two
        return f"The machine was quiet: load {before:.2f} before, {after:.2f} after."
    return (f"**Taken on a loaded machine**: load {before:.2f} before and {after:.2f} after, on "
            f"{processors} processors. Only the ratios count, which were taken in turns; the times "
            "would be others on a quiet machine, and two threads suffer more than one.")


def cells(row, result):
    if result.error:
        return [row.work, str(result.threads)] + ["-"] * 6 + [number(result.goal),
                                                              "not measured: " + result.error]
    floor = result.floor_ratio
    return [row.work, str(result.threads), time_text(statistics.median(result.ours)),
            time_text(statistics.median(result.peer)), number(result.ratio),
            f"{number(min(result.ratios))} to {number(max(result.ratios))}",
            str(len(result.ours)), "-" if floor is None else number(floor),
            number(result.bound) + ("" if result.bound == result.goal
                                    else f" (figure {number(result.goal)})"), result.verdict]


def table(rows, results):
    """rows by key; results in their order."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    lines += ["| " + " | ".join(cells(rows[r.key], r)) + " |" for r in results]
    return "\n".join(lines)


def summary(results):
    def count(*verdicts):
        return sum(r.verdict in verdicts for r in results)
    return (f"{len(results)} rows: {count('met', 'met: floor')} meet their goals, "
            f"{count('behind')} are behind, {count('not measured')} were not measured.")


def wrapped(text, indent=""):
    return textwrap.fill(" ".join(text.split()), 100, subsequent_indent=indent,
                         break_long_words=False, break_on_hyphens=False)


def page(facts, rows, results):
    """The whole page. facts: cpu, machine and products (sentences), before and after
    (loads), processors."""
    text = HEAD.format(share=FLOOR_SHARE, machine=facts["machine"], products=facts["products"],
                       load=load_text(facts["before"], facts["after"], facts["processors"]))
    paragraphs = [wrapped(p) for p in text.strip().split("\n\n")]
    notes = [wrapped(f"- {row.work}: {row.note}.", "  ") for key, row in rows.items()
             if row.note and any(r.key == key for r in results)]
    return "\n".join([f"# Beside the peers that promise nothing: {facts['cpu']}", "",
                      "\n\n".join(paragraphs), "", table(rows, results), "", summary(results), "",
                      "What each row does:", "", *notes, ""])
