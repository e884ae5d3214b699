"""The files of spec/vectors/tokenizers: texts to ids and back, and conversations (F7)."""
import functools

from . import tasks, templates, tokenizer

DATE = "02 Jan 2025"


def rows_of(vectors, name):
    return [row for _, row in tasks.json_lines(vectors / "tokenizers" / name)]


def ids(vectors):
    """How many texts ids.jsonl has, and those with other ids, or that decode otherwise."""
    load = functools.cache(lambda name: tokenizer.Bpe(vectors / "tokenizers" / f"{name}.json"))
    rows, wrong = rows_of(vectors, "ids.jsonl"), []
    for row in rows:
        bpe = load(row["tokenizer"])
        for mode in ("parsed", "plain"):
            found = bpe.encode(row["text"], mode == "parsed")
            if found != row[mode]:
                wrong.append(f"{row['tokenizer']}, {mode}: {row['text']!r} has {found}")
        if bpe.decode(row["parsed"]) != row["decoded"]:
            wrong.append(f"{row['tokenizer']}: {row['parsed']} is {bpe.decode(row['parsed'])!r}")
    return len(rows), wrong


def conversations(vectors):
    """The same of conversations.jsonl and said.jsonl: the text of a template, and its ids."""
    load = functools.cache(lambda name: tokenizer.Bpe(vectors / "tokenizers" / name))
    rows = rows_of(vectors, "conversations.jsonl") + rows_of(vectors, "said.jsonl")
    wrong = []
    for row in rows:
        found = templates.rendered(row["template"], row["turns"], row["generation"],
                                   row["thinking"], DATE)
        if found.text() != row["text"]:
            wrong.append(f"{row['template']}, {row['turns']}: {found.text()!r}")
        if "ids" in row and templates.ids(load(row["tokenizer"]), found) != row["ids"]:
            wrong.append(f"{row['template']}, {row['turns']}: other ids")
    return len(rows), wrong
