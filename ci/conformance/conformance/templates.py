"""Chat templates: formats.md F7.8, the ids of a conversation, F7.9, and those that count, F7.11."""
import re

from . import tokenizer

OWN_SYSTEM = {
    "qwen2.5": "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
    "smollm2": "You are a helpful AI assistant named SmolLM, trained by Hugging Face"}

NO_THOUGHTS = "<think>\n\n</think>\n\n"


class Parts:
    """What a template writes: texts of its own, where added tokens count, and contents.

    `edges` are the numbers of the parts that an answer begins with and that stand behind it.
    """

    def __init__(self):
        self.parts, self.edges = [], []

    def write(self, text):
        if self.parts and self.parts[-1][1] and len(self.parts) not in self.edges[-1:]:
            text = self.parts.pop()[0] + text
        self.parts.append((text, True))

    def say(self, text):
        self.parts.append((text, False))

    def edge(self):
        """An answer begins or has ended here (F7.11)."""
        self.edges.append(len(self.parts))

    def text(self):
        return "".join(text for text, _ in self.parts)

    def whole(self):
        """The parts, the template's texts between two contents as one (F7.9)."""
        out = Parts()
        for text, own in self.parts:
            (out.write if own else out.say)(text)
        return out.parts


def turn(out, role, open_text, content, close_text):
    """A turn whose answer, if it is one, is its content."""
    out.write(open_text)
    if role == "assistant":
        out.edge()
    out.say(content)
    if role == "assistant":
        out.edge()
    out.write(close_text)


def chatml_turn(out, role, content):
    turn(out, role, f"<|im_start|>{role}\n", content, "<|im_end|>\n")


def chatml(out, turns, generation, own=None):
    if own and turns[0]["role"] != "system":
        out.write(f"<|im_start|>system\n{own}<|im_end|>\n")
    for row in turns:
        chatml_turn(out, row["role"], row["content"])
    if generation:
        out.write("<|im_start|>assistant\n")


def thoughts_of(content):
    """Thoughts and what is said (qwen3, steps 1 and 2)."""
    if "</think>" not in content:
        return "", content
    before = content.split("</think>")[0].rstrip("\n")
    return (before.split("<think>")[-1].lstrip("\n"),
            content.split("</think>")[-1].lstrip("\n"))


def asks(row):
    content = row["content"]
    return row["role"] == "user" and not (content.startswith("<tool_response>")
                                           and content.endswith("</tool_response>"))


def keeps_thoughts(turns, i, thoughts):
    """Whether an answer stands with its thoughts (qwen3, steps 3 and 4)."""
    last = max((k for k, row in enumerate(turns) if asks(row)), default=len(turns) - 1)
    return i > last and (bool(thoughts) or i == len(turns) - 1)


def qwen3(out, turns, generation, thinking):
    for i, row in enumerate(turns):
        if row["role"] != "assistant":
            chatml_turn(out, row["role"], row["content"])
            continue
        thoughts, said = thoughts_of(row["content"])
        out.write("<|im_start|>assistant\n")
        if keeps_thoughts(turns, i, thoughts):
            thoughts, said = thoughts.strip("\n"), said.lstrip("\n")
            if not thoughts and not thinking:               # F7.11: empty ones stand before it
                out.write(NO_THOUGHTS)
                out.edge()
            else:
                out.edge()
                out.write("<think>\n")
                out.say(thoughts)
                out.write("\n</think>\n\n")
        else:
            out.edge()
        out.say(said)
        out.edge()
        out.write("<|im_end|>\n")
    if generation:
        out.write("<|im_start|>assistant\n" + ("" if thinking else NO_THOUGHTS))


def stripped(text):
    """Without White_Space and U+001C to U+001F at both ends."""
    return re.sub(r"\A[\s\x1c-\x1f]+|[\s\x1c-\x1f]+\Z", "", text)


def llama_head(out, role):
    out.write(f"<|start_header_id|>{role}<|end_header_id|>\n\n")


def llama_turn(out, role, content):
    turn(out, role, f"<|start_header_id|>{role}<|end_header_id|>\n\n", stripped(content),
         "<|eot_id|>")


def llama3(out, turns, generation, date=None):
    out.write("<|begin_of_text|>")
    if date is not None:
        has_system = turns[0]["role"] == "system"
        llama_head(out, "system")
        out.write(f"Cutting Knowledge Date: December 2023\nToday Date: {date}\n\n")
        out.say(stripped(turns[0]["content"]) if has_system else "")
        out.write("<|eot_id|>")
        turns = turns[has_system:]
    for row in turns:
        llama_turn(out, row["role"], row["content"])
    if generation:
        llama_head(out, "assistant")


def own(out, turns, generation, pieces):
    """A template of the user's pieces: `begin` and ROLE_open, ROLE_close."""
    out.write(pieces.get("begin", ""))
    for row in turns:
        role = row["role"]
        turn(out, role, pieces.get(f"{role}_open", ""), row["content"],
             pieces.get(f"{role}_close", ""))
    if generation:
        out.write(pieces.get("assistant_open", ""))


def rendered(name, turns, generation, thinking, date, pieces=None):
    """A conversation in a template, in parts."""
    out = Parts()
    if name == "qwen3":
        qwen3(out, turns, generation, thinking)
    elif name.startswith("llama3"):
        llama3(out, turns, generation, date if name == "llama3.2" else None)
    elif name in ("chatml", *OWN_SYSTEM):
        chatml(out, turns, generation, OWN_SYSTEM.get(name))
    elif name in ("own", "plain"):
        own(out, turns, generation, pieces or {})
    else:
        raise ValueError(f"template {name} is not read here")
    return out


def ids(bpe, out):
    """F7.9: no `single`, and nothing that is said ends a turn."""
    return bpe.parts(out.whole())


def closing_token(bpe, parts):
    """The token that ends an answer: the longest that the text behind it begins with (F7.9)."""
    return tokenizer.longest(bpe.added, parts[0][0] if parts else "", 0)


def pieces_of(out):
    """The parts before an answer, an answer's, those behind it up to the next, and so on."""
    edges = [0, *out.edges, len(out.parts)]
    return [out.parts[begin:end] for begin, end in zip(edges, edges[1:])]


def counted(bpe, out):
    """Ids as training has them, and the ranges of those that count (F7.11)."""
    ids_of_all, ranges = [], []
    for i, parts in enumerate(pieces_of(out)):
        first = len(ids_of_all)
        ids_of_all += bpe.parts(parts)
        if i % 2 == 1:
            ranges.append([first, len(ids_of_all)])
        elif i:                                         # the token that ends the answer before
            ranges[-1][1] += closing_token(bpe, parts) is not None
    return ids_of_all, ranges
