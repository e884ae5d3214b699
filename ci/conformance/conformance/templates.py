"""Chat templates: formats.md F7.8, and the ids of a conversation, F7.9."""
import re

OWN_SYSTEM = {
    "qwen2.5": "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
    "smollm2": "You are a helpful AI assistant named SmolLM, trained by Hugging Face"}


class Parts:
    """What a template writes: texts of its own, where added tokens count, and contents."""

    def __init__(self):
        self.parts = []

    def write(self, text):
        if self.parts and self.parts[-1][1]:
            text = self.parts.pop()[0] + text
        self.parts.append((text, True))

    def say(self, text):
        self.parts.append((text, False))

    def text(self):
        return "".join(text for text, _ in self.parts)


def chatml_turn(out, role, content):
    out.write(f"<|im_start|>{role}\n")
    out.say(content)
    out.write("<|im_end|>\n")


def chatml(out, turns, generation, own=None):
    if own and turns[0]["role"] != "system":
        out.write(f"<|im_start|>system\n{own}<|im_end|>\n")
    for turn in turns:
        chatml_turn(out, turn["role"], turn["content"])
    if generation:
        out.write("<|im_start|>assistant\n")


def thoughts_of(content):
    """Thoughts and what is said (qwen3, steps 1 and 2)."""
    if "</think>" not in content:
        return "", content
    before = content.split("</think>")[0].rstrip("\n")
    return (before.split("<think>")[-1].lstrip("\n"),
            content.split("</think>")[-1].lstrip("\n"))


def asks(turn):
    content = turn["content"]
    return turn["role"] == "user" and not (content.startswith("<tool_response>")
                                           and content.endswith("</tool_response>"))


def keeps_thoughts(turns, i, thoughts):
    """Whether an answer stands with its thoughts (qwen3, steps 3 and 4)."""
    last = max((k for k, turn in enumerate(turns) if asks(turn)), default=len(turns) - 1)
    return i > last and (bool(thoughts) or i == len(turns) - 1)


def qwen3(out, turns, generation, thinking):
    for i, turn in enumerate(turns):
        if turn["role"] != "assistant":
            chatml_turn(out, turn["role"], turn["content"])
            continue
        thoughts, said = thoughts_of(turn["content"])
        out.write("<|im_start|>assistant\n")
        if keeps_thoughts(turns, i, thoughts):
            out.write("<think>\n")
            out.say(thoughts.strip("\n"))
            out.write("\n</think>\n\n")
            said = said.lstrip("\n")
        out.say(said)
        out.write("<|im_end|>\n")
    if generation:
        out.write("<|im_start|>assistant\n" + ("" if thinking else "<think>\n\n</think>\n\n"))


def stripped(text):
    """Without White_Space and U+001C to U+001F at both ends."""
    return re.sub(r"\A[\s\x1c-\x1f]+|[\s\x1c-\x1f]+\Z", "", text)


def llama_head(out, role):
    out.write(f"<|start_header_id|>{role}<|end_header_id|>\n\n")


def llama_turn(out, role, content):
    llama_head(out, role)
    out.say(stripped(content))
    out.write("<|eot_id|>")


def llama3(out, turns, generation, date=None):
    out.write("<|begin_of_text|>")
    if date is not None:
        has_system = turns[0]["role"] == "system"
        llama_head(out, "system")
        out.write(f"Cutting Knowledge Date: December 2023\nToday Date: {date}\n\n")
        out.say(stripped(turns[0]["content"]) if has_system else "")
        out.write("<|eot_id|>")
        turns = turns[has_system:]
    for turn in turns:
        llama_turn(out, turn["role"], turn["content"])
    if generation:
        llama_head(out, "assistant")


def rendered(name, turns, generation, thinking, date):
    """A conversation in a template, in parts."""
    out = Parts()
    if name == "qwen3":
        qwen3(out, turns, generation, thinking)
    elif name.startswith("llama3"):
        llama3(out, turns, generation, date if name == "llama3.2" else None)
    elif name in ("chatml", *OWN_SYSTEM):
        chatml(out, turns, generation, OWN_SYSTEM.get(name))
    else:
        raise ValueError(f"template {name} is not read here")
    return out


def ids(bpe, out):
    """F7.9: no `single`, and nothing that is said ends a turn."""
    return bpe.parts(out.parts)
