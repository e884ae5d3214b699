"""Byte-level BPE: formats.md F7.1, F7.2 and F7.4."""
import json
import unicodedata

from . import expressions

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
PRINTABLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
OTHERS = [b for b in range(256) if b not in PRINTABLE]
LETTERS = {**{b: chr(b) for b in PRINTABLE}, **{b: chr(0x100 + i) for i, b in enumerate(OTHERS)}}
JOINERS = {0x200C, 0x200D}
BYTES = {letter: b for b, letter in LETTERS.items()}


def is_white(c):
    return ord(c) in expressions.WHITE


def longest(tokens, text, at):
    """The longest of the added tokens that stand here."""
    return max((t for t in tokens if text.startswith(t["content"], at)),
               key=lambda t: len(t["content"]), default=None)


def counts(token, text, at, end, parsed):
    """Whether a match is a token (F7.2, step 1)."""
    if token["special"] and not parsed:
        return False
    word = expressions.named("w") | JOINERS
    beside = text[max(at - 1, 0):at] + text[end:end + 1]
    return not (token["single_word"] and any(ord(c) in word for c in beside))


def white_before(text, at):
    while at > 0 and is_white(text[at - 1]):
        at -= 1
    return at


def white_behind(text, at):
    while at < len(text) and is_white(text[at]):
        at += 1
    return at


def find(tokens, text, parsed):
    """Added tokens in a text: (begin, end, id), and what they take (F7.2, steps 1 and 2)."""
    found, at, taken = [], 0, 0
    while at < len(text):
        token = longest(tokens, text, at)
        if token is None:
            at += 1
            continue
        begin, at = at, at + len(token["content"])
        if not counts(token, text, begin, at, parsed):
            continue
        if token["lstrip"]:
            if begin < taken:
                continue
            begin = max(taken, white_before(text, begin))
        taken = white_behind(text, at) if token["rstrip"] else at
        found.append((begin, taken, token["id"]))
    return found


def digits(text, individual):
    """Digits of F7.2, step 4."""
    numbers, out = expressions.category("N"), []
    for c in text:
        kind = ord(c) in numbers
        if out and out[-1][1] == kind and not (kind and individual):
            out[-1][0] += c
        else:
            out.append([c, kind])
    return [piece for piece, _ in out]


def split(text, pattern, removed, invert):
    """Split of F7.2, step 4."""
    pieces, at = [], 0
    for match in pattern.finditer(text):
        pieces += [(text[at:match.start()], False), (match.group(), True)]
        at = match.end()
    pieces.append((text[at:], False))
    return [piece for piece, matched in pieces if piece and not (removed and matched != invert)]


def string_pattern(text):
    return expressions.compiled("".join("\\" + c if c in r"\^$.|?*+()[]{}" else c for c in text))


def step_of(row):
    """A component of pre_tokenizer, as a function from a piece to pieces."""
    if row["type"] == "Digits":
        return lambda piece: digits(piece, row["individual_digits"])
    if row["type"] == "Split":
        regex = row["pattern"].get("Regex")
        pattern = (string_pattern(row["pattern"]["String"]) if regex is None
                   else expressions.compiled(regex))
        return lambda piece: split(piece, pattern, row["behavior"] == "Removed", row["invert"])
    if row["type"] != "ByteLevel":
        raise ValueError(f"pre_tokenizer {row['type']} is not read here")

    def bytes_of(piece):
        if row["add_prefix_space"] and not piece.startswith(" "):
            piece = " " + piece
        return split(piece, expressions.compiled(GPT2), False, False) if row["use_regex"] \
            else [piece]
    return bytes_of


def listed(row, members):
    """A component, a Sequence of them or null, as a list."""
    if row is None:
        return []
    return row[members] if row["type"] == "Sequence" else [row]


def single_of(doc):
    """The ids before and behind a text (F7.2, step 8)."""
    for row in listed(doc["post_processor"], "processors"):
        if row["type"] == "TemplateProcessing":
            ids, place = ([], []), 0
            for part in row["single"]:
                if "Sequence" in part:
                    place = 1
                else:
                    ids[place].extend(row["special_tokens"][part["SpecialToken"]["id"]]["ids"])
            return ids
    return [], []


class Bpe:
    """A tokenizer.json; `more` are special tokens that are numbered on."""

    def __init__(self, path, more=()):
        with open(path, encoding="utf-8") as file:
            doc = json.load(file)
        model = doc["model"]
        self.vocab = model["vocab"]
        pairs = [m.split(" ") if isinstance(m, str) else m for m in model["merges"]
                 if not (isinstance(m, str) and m.startswith("#version"))]
        self.ranks = {(self.vocab[a], self.vocab[b]): (i, self.vocab[a + b])
                      for i, (a, b) in enumerate(pairs)}
        self.whole_words = model.get("ignore_merges", False)
        self.composed = bool(listed(doc["normalizer"], "normalizers"))
        self.added = doc["added_tokens"]
        first = len(self.vocab) + len(self.added)
        self.added += [{"id": first + i, "content": text, "special": True, "normalized": False,
                        "single_word": False, "lstrip": False, "rstrip": False}
                       for i, text in enumerate(more)]
        self.raw = [t for t in self.added if not t["normalized"]]
        self.normal = [{**t, "content": self.normalize(t["content"])} for t in self.added
                       if t["normalized"]]
        self.special = {t["content"] for t in self.added if t["special"]}
        self.steps = [step_of(row) for row in listed(doc["pre_tokenizer"], "pretokenizers")]
        self.single = single_of(doc)
        self.texts = {**{i: text for text, i in self.vocab.items()},
                      **{t["id"]: t["content"] for t in self.raw + self.normal}}

    def normalize(self, text):
        return unicodedata.normalize("NFC", text) if self.composed else text

    def merge(self, ids):
        """Neighbours become one, the earliest merge first, of equal ones the leftmost."""
        while True:
            best = min(((*self.ranks[pair], i) for i, pair in enumerate(zip(ids, ids[1:]))
                        if pair in self.ranks), key=lambda x: (x[0], x[2]), default=None)
            if best is None:
                return ids
            ids = ids[:best[2]] + [best[1]] + ids[best[2] + 2:]

    def word(self, piece):
        """Steps 5 to 7."""
        letters = [LETTERS[b] for b in piece.encode()]
        text = "".join(letters)
        if self.whole_words and text in self.vocab and text not in self.special:
            return [self.vocab[text]]
        return self.merge([self.vocab[c] for c in letters if c in self.vocab])

    def words(self, text):
        """Steps 4 to 7."""
        pieces = [text]
        for step in self.steps:
            pieces = [part for piece in pieces if piece for part in step(piece)]
        return [i for piece in pieces for i in self.word(piece)]

    def parts(self, parts):
        """Ids of texts that stand side by side, each with its mode (F7.9); no `single`."""
        text, matches, edges = "", [], []
        for part, parsed in parts:
            matches += [(len(text) + a, len(text) + b, i)
                        for a, b, i in find(self.raw, part, parsed)]
            text += part
            edges.append((len(text), parsed))
        ids, at = [], 0
        for begin, end, token in matches + [(len(text), len(text), None)]:
            ids += self.between(text[at:begin], [(edge - at, parsed) for edge, parsed in edges])
            ids += [] if token is None else [token]
            at = end
        return ids

    def between(self, text, edges):
        """Step 3 and on, of what lies between tokens; edges are where parts end in it."""
        whole, matches, start = self.normalize(text), [], 0
        for edge, parsed in edges:
            left = self.normalize(text[:max(edge, 0)])
            stop = next((i for i, (a, b) in enumerate(zip(whole, left)) if a != b),
                        min(len(whole), len(left)))
            stop = len(whole) if edge >= len(text) else stop
            matches += [(start + a, start + b, i)
                        for a, b, i in find(self.normal, whole[start:stop], parsed)]
            start = max(start, stop)
        ids, at = [], 0
        for begin, end, token in matches:
            ids += self.words(whole[at:begin]) + [token]
            at = end
        return ids + self.words(whole[at:])

    def encode(self, text, parsed):
        """F7.2."""
        ids, (before, behind) = self.parts([(text, parsed)]), self.single
        if len(before) == 1 and ids[:1] == before:
            before = []
        return before + ids + behind

    def decode(self, ids):
        """F7.4."""
        out = b""
        for i in ids:
            text = self.texts.get(i, f"<{i}>")
            in_letters = i in self.texts and all(c in BYTES for c in text)
            out += bytes(BYTES[c] for c in text) if in_letters else text.encode()
        return out.decode("utf-8", "replace")
