"""Faults in reading tokenizers, templates (F7) and answers (F3.13), rows as in plants.py."""
from . import answer_values, chats, expressions, grading, templates, tokenizer
from .tokenizer import Bpe


def shortest(tokens, text, at):
    """The shortest added token in place of the longest (F7.2, step 1)."""
    return min((t for t in tokens if text.startswith(t["content"], at)),
               key=lambda t: len(t["content"]), default=None)


def always(token, text, at, end, parsed):
    """Special tokens in any text, beside letters too (F7.2, step 1)."""
    return True


def tied_last(self, ids):
    """Of equal pairs the rightmost first (F7.2, step 7)."""
    while True:
        best = min(((*self.ranks[pair], -i) for i, pair in enumerate(zip(ids, ids[1:]))
                    if pair in self.ranks), key=lambda x: (x[0], x[2]), default=None)
        if best is None:
            return ids
        ids = ids[:-best[2]] + [best[1]] + ids[2 - best[2]:]


def by_merges(self, piece):
    """Words that are tokens merged like any other (F7.2, step 5)."""
    letters = [tokenizer.LETTERS[b] for b in piece.encode()]
    return self.merge([self.vocab[c] for c in letters if c in self.vocab])


def begin_twice(self, text, parsed):
    """A begin token before one of the text (F7.2, step 8)."""
    before, behind = self.single
    return before + self.parts([(text, parsed)]) + behind


def joined(parts):
    """What is said and what the template says as one text (F7.9)."""
    return [("".join(text for text, _ in parts), True)]


def kept(turns, i, thoughts):
    """Thoughts of every answer (F7.8)."""
    return bool(thoughts) or i == len(turns) - 1


def asks_any(turn):
    """Tools' answers ask (F7.8)."""
    return turn["role"] == "user"


def one_newline(content):
    """One line end dropped in place of all (F7.8)."""
    if "</think>" not in content:
        return "", content
    before = content.split("</think>")[0].removesuffix("\n")
    return (before.split("<think>")[-1].removeprefix("\n"),
            content.split("</think>")[-1].removeprefix("\n"))


def one_by_one(value, exponent, work, original=answer_values.power):
    """Powers without squaring (F3.13, 10)."""
    if exponent.denominator > 1 or exponent <= 0:
        return original(value, exponent, work)
    result = value
    for _ in range(int(exponent) - 1):
        result = answer_values.multiply(result, value, work)
    return result


def settings_first(files, original=chats.text_of):
    """tokenizer_config.json before chat_template.jinja (F7.10)."""
    return original({name: text for name, text in files.items() if name != "chat_template.jinja"
                     or "tokenizer_config.json" not in files})


def first_listed(files, original=chats.text_of):
    """The first of a list in place of its default (F7.10)."""
    value = chats.json.loads(files.get("tokenizer_config.json", "{}")).get("chat_template")
    if isinstance(value, list) and value:
        files = {"tokenizer_config.json": chats.json.dumps({"chat_template": value[0]["template"]})}
    return original(files)


def without_line_end(files, original=chats.text_of):
    """Texts without the line ends at their end (F7.10)."""
    text = original(files)
    return text and text.rstrip("\n")


def without_close(bpe, out, original=templates.counted):
    """Answers without the token that ends them (F7.11)."""
    ids, ranges = original(bpe, out)
    return ids, [[begin, max(begin, end - 1)] for begin, end in ranges]


def last_alone(bpe, out, original=templates.counted):
    """The last answer alone (F7.11)."""
    ids, ranges = original(bpe, out)
    return ids, ranges[-1:]


def at_once(bpe, out, original=templates.counted):
    """The ids of the whole conversation in place of its pieces' (F7.11)."""
    return templates.ids(bpe, out), original(bpe, out)[1]


def ids_again(self, said, original=chats.Chat.answer):
    """Answers that stand in the conversation by their ids (F7.12)."""
    found = original(self, said)
    self.turns[-1]["content"] = "".join(self.bpe.decode([i]) for i in found["ids"]
                                        if i not in self.ends)
    return found


def with_end(self, said, original=chats.Chat.answer):
    """Answers that stand in the conversation with the token that ends them (F7.12)."""
    found = original(self, said)
    self.turns[-1]["content"] = self.bpe.decode(found["ids"])
    return found


def sampled_as(*arguments, original=chats.random.sample):
    """Draws of sequence 1 (F7.12)."""
    return original(*arguments[:5], [1], *arguments[6:])


PLANTS = {
    "unbounded": ("work without bounds", "grades", grading, "WORK", 10 ** 9),
    "less-work": ("499 units of work", "grades", grading, "WORK", 499),
    "more-work": ("501 units of work", "grades", grading, "WORK", 501),
    "one-by-one": ("powers without squaring", "grades", answer_values, "power", one_by_one),
    "shortest": ("the shortest added token", "ids", tokenizer, "longest", shortest),
    "special": ("special tokens in any text", "ids", tokenizer, "counts", always),
    "joiners": ("the two joiners are no word", "ids", tokenizer, "JOINERS", set()),
    "left-space": ("lstrip takes no space", "ids", tokenizer, "white_before",
                   lambda text, at: at),
    "right-space": ("rstrip takes no space", "ids", tokenizer, "white_behind",
                    lambda text, at: at),
    "nfc": ("texts as they are, without NFC", "ids", Bpe, "normalize", lambda self, text: text),
    "rightmost": ("of equal merges the rightmost", "ids", Bpe, "merge", tied_last),
    "whole-words": ("ignore_merges ignored", "ids", Bpe, "word", by_merges),
    "begin-twice": ("the begin token twice", "ids", Bpe, "encode", begin_twice),
    "digits": ("digits one by one", "ids", tokenizer, "digits",
               lambda text, individual, original=tokenizer.digits: original(text, True)),
    "decimal": ("\\d and \\p{N} of Nd alone", "ids", expressions, "category",
                lambda name, original=expressions.category: original(
                    "Nd" if name == "N" else name)),
    "letters": ("\\w of letters alone", "ids", expressions, "named",
                lambda letter, original=expressions.named: expressions.category("L")
                if letter == "w" else original(letter)),
    "gpt2": ("GPT-2's expression without its last space", "ids", tokenizer, "GPT2",
             tokenizer.GPT2.replace(r"\s+(?!\S)|", "")),
    "no-system": ("no system turn of the template's", "conversations", templates, "OWN_SYSTEM",
                  {"qwen2.5": None, "smollm2": None}),
    "kept-thoughts": ("thoughts of every answer", "conversations", templates, "keeps_thoughts",
                      kept),
    "tools-ask": ("tools' answers ask", "conversations", templates, "asks", asks_any),
    "one-newline": ("one line end dropped, not all", "conversations", templates, "thoughts_of",
                    one_newline),
    "spaces": ("llama3's contents as they are", "conversations", templates, "stripped",
               lambda text: text),
    "said": ("what is said can end a turn", "conversations", templates, "ids",
             lambda bpe, out: bpe.parts(joined(out.parts))),
    "settings-first": ("settings before a template's own file", "folders", chats, "text_of",
                       settings_first),
    "first-listed": ("the first of a list of templates", "folders", chats, "text_of",
                     first_listed),
    "line-end": ("templates without their last line ends", "folders", chats, "text_of",
                 without_line_end),
    "all-tasks": ("a folder's own template for every task", "folders", chats, "OWN_TASKS",
                  ("gsm8k", "math", "mixture", "jsonl", "arithmetic")),
    "close": ("answers without the token that ends them", "counted", templates, "counted",
              without_close),
    "last-answer": ("the last answer alone", "counted", templates, "counted", last_alone),
    "at-once": ("a conversation's ids at once", "counted", templates, "counted", at_once),
    "shortest-close": ("the shortest token ends an answer", "counted", tokenizer, "longest",
                       shortest),
    "ids-again": ("answers by their ids", "chats", chats.Chat, "answer", ids_again),
    "with-end": ("answers with the token that ends them", "chats", chats.Chat, "answer", with_end),
    "sequence-1": ("draws of another sequence", "chats", chats.random, "sample", sampled_as),
}
