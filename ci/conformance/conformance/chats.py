"""A folder's own template and chats: formats.md F7.10 and F7.12; vectors of F7.10 to F7.12."""
import hashlib
import json
import re
from pathlib import Path

from . import configuration, modelfolder, random, templates, tokenizer
from .model import Model
from .texts import rows_of

ROOT = Path(__file__).resolve().parents[3]
TABLE = ROOT / "trainer" / "files" / "chat_templates.def"
OWN_TASKS = ("gsm8k", "math", "mixture")


class Refused(ValueError):
    """A template that F7.10 refuses."""


def known():
    """The templates by the SHA-256 of their texts."""
    rows = re.findall(r'^SL_CHAT_TEMPLATE\((\w+),\s*"([0-9a-f]{64})"', TABLE.read_text("utf-8"),
                      re.MULTILINE)
    named = {"QWEN2_5": "qwen2.5", "LLAMA3_2": "llama3.2"}
    return {digest: named.get(name, name.lower()) for name, digest in rows}


def text_of(files):
    """The text of a folder's own template, or None; files are names and their texts."""
    if "chat_template.jinja" in files:
        return files["chat_template.jinja"]
    if any(name.startswith("additional_chat_templates/") for name in files):
        raise Refused("no default")
    value = json.loads(files.get("tokenizer_config.json", "{}")).get("chat_template")
    if isinstance(value, list):
        value = {row["name"]: row["template"] for row in value}.get("default")
        if value is None:
            raise Refused("no default")
    return value


def of_folder(files):
    """The name of a folder's own template, or None."""
    text = text_of(files)
    if text is None:
        return None
    name = known().get(hashlib.sha256(text.encode()).hexdigest())
    if name is None:
        raise Refused("not known")
    return name


def settled(name, task, files):
    """What `template.name` becomes (F7.10)."""
    if name == "folder":
        found = of_folder(files)
        if found is None:
            raise Refused("no template")
        return found
    if name != "default":
        return name
    asked = task in OWN_TASKS and "tokenizer.json" in files
    return (of_folder(files) if asked else None) or "plain"


def folders(vectors):
    """How many folders folders.jsonl has, and those whose template is settled otherwise."""
    rows, wrong = rows_of(vectors, "folders.jsonl"), []
    for row in rows:
        try:
            found = settled(row["name"], row["task"], row["files"])
        except Refused:
            found = None
        if found != row["template"]:
            wrong.append(f"{row['name']}, {row['task']}, {sorted(row['files'])}: {found}")
    return len(rows), wrong


def counted(vectors):
    """How many conversations counted.jsonl has, and those of which other ids count (F7.11)."""
    rows, wrong = rows_of(vectors, "counted.jsonl"), []
    for row in rows:
        out = templates.rendered(row["template"], row["turns"], False, row["thinking"],
                                 row["date"], row["own"])
        bpe = tokenizer.Bpe(vectors / "tokenizers" / row["tokenizer"], row["added"])
        found = templates.counted(bpe, out)
        if found != (row["ids"], row["trained"]):
            wrong.append(f"{row['template']}, {row['own']}, {row['turns']}: {found}, "
                         f"not {row['ids'], row['trained']}")
    return len(rows), wrong


class Chat:
    """A model that answers (F7.12)."""

    def __init__(self, folder, bpe, row):
        shape, parameters, positions, _ = modelfolder.read(folder)
        self.model = Model(shape, parameters, positions)
        self.bpe, self.row, self.turns = bpe, row, []
        self.temperature = configuration.strtof(repr(row["temperature"]))
        ends = modelfolder.load_json(folder / "config.json")["eos_token_id"]        # F7.5
        out = templates.rendered(row["template"], [{"role": "assistant", "content": ""}], False,
                                 True, "")
        close = templates.closing_token(bpe, out.parts[out.edges[-1]:])             # F7.9
        self.ends = {*ends, close["id"]} if close else set(ends)

    def prompt(self):
        """The ids of the whole conversation, up to where an answer begins."""
        row, turns = self.row, self.turns
        if row["system"] and turns[0]["role"] != "system":                          # F7.8
            turns = [{"role": "system", "content": row["system"]}, *turns]
        out = templates.rendered(row["template"], turns, True, row["thinking"], row["date"])
        before = self.bpe.single[0] if row["template"] == "plain" else []
        return before + templates.ids(self.bpe, out)

    def sampled(self, ids):
        """The completion of ids, by N5.5 as sequence 0 of rollout 0."""
        row, ids, first = self.row, list(ids), len(ids)
        while len(ids) < first + row["max_new"] and not (len(ids) > first and ids[-1] in self.ends):
            logits = self.model.last_logits([ids])
            ids += random.sample(logits, self.temperature, row["top_k"], row["top_p"], row["seed"],
                                 [0], 0, [len(ids)]).tolist()
        return ids[first:]

    def answer(self, said):
        """Ids and text of the answer to one more turn."""
        self.turns.append({"role": "user", "content": said})
        ids = self.sampled(self.prompt())
        text = self.bpe.decode(ids[:-1] if ids[-1] in self.ends else ids).replace("\0", "\x1a")
        self.turns.append({"role": "assistant", "content": text})
        return {"ids": ids, "text": text}


def chats(vectors):
    """How many answers chats.jsonl has, and those that are others."""
    bpe = tokenizer.Bpe(vectors / "tokenizers" / "qwen.json")
    count, wrong = 0, []
    for row in rows_of(vectors, "chats.jsonl"):
        chat = Chat(vectors / "chat", bpe, row)
        for said, wanted in zip(row["said"], row["answers"], strict=True):
            count, found = count + 1, chat.answer(said)
            if found != wanted:
                wrong.append(f"{row['template']}, {said!r}: {found}, not {wanted}")
    return count, wrong
