"""Tests: python3 -m unittest discover tests, from the folder that holds the package."""
import json
import re
import subprocess
import sys
import tempfile
import unittest
from fractions import Fraction
from pathlib import Path

import gmpy2
import numpy as np

from conformance import (configuration, examples, functions, gate_choice, gates, modelfolder,
                         numerics, objective, records, rewards, tasks)
from conformance.model import Shape, initial_parameters
from conformance.numerics import F32

ROOT = Path(__file__).resolve().parent.parent


def bits(x):
    return np.asarray(x, F32).view(np.uint32).tolist()


class Rounding(unittest.TestCase):
    """Vectorised arithmetic against MPFR, element by element."""

    def setUp(self):
        self.random = np.random.default_rng(1)
        self.ieee = gmpy2.ieee(32)

    def fma_by_mpfr(self, *arguments):
        with np.errstate(all="ignore"):
            return bits([float(self.ieee.fma(*(gmpy2.mpfr(float(x)) for x in row)))
                         for row in zip(*arguments)])

    def near_ties(self):
        """Sums next to the middle of two binary32 numbers, normal and subnormal."""
        n = 2000
        a = (1 - self.random.integers(1, 9, n) * 2.0 ** -23).astype(F32)
        b = ((1 + self.random.integers(0, 9, n) * 2.0 ** -23) * 2.0 ** -24).astype(F32)
        c = (1 + self.random.integers(0, 99, n) * 2.0 ** -23).astype(F32)
        small, half = F32(2.0 ** -126), F32(2.0 ** -64)
        yield a, b, c
        yield a * half * F32(2), b * half * half * F32(4), c * small * F32(0.5)

    def test_fma(self):
        random_bits = self.random.integers(0, 2 ** 32, (3, 5000), dtype=np.uint32).view(F32)
        for a, b, c in [tuple(random_bits), *self.near_ties()]:
            expected = np.array(self.fma_by_mpfr(a, b, c), np.uint32)
            with np.errstate(all="ignore"):
                found = numerics.fma(a, b, c)
            good = ~np.isnan(found)
            self.assertEqual(expected[good].tolist(), np.array(bits(found))[good].tolist())

    def test_chains_without_care(self):
        for a, b, c in self.near_ties():
            one = np.ones((1, len(a)), F32)
            left, right = np.concatenate([one, [a]]), np.concatenate([[c], [b]])
            self.assertEqual(self.fma_by_mpfr(a, b, c), bits(numerics.dot(left, right)))

    def test_functions(self):
        x = self.random.integers(0, 2 ** 32, 300, dtype=np.uint32).view(F32)
        for name, function in functions.NAMES.items():
            with self.subTest(name), np.errstate(all="ignore"):
                y = function(x)
                inside = np.isfinite(x) & np.isfinite(y)
                for argument, value in zip(x[inside], y[inside]):
                    self.assertEqual(bits(function.decide(float(argument))), bits(value))

    def test_ends_of_domains(self):
        nan = 0x7FC00000
        self.assertEqual(bits(functions.log(F32([-1, -0.0, np.nan]))), [nan, 0xFF800000, nan])
        self.assertEqual(bits(functions.sin(F32([-0.0, 131073, -1]))), [0x80000000, nan, nan])
        self.assertEqual(bits(functions.rsqrt(F32([-0.0, np.inf]))), [0x7F800000, 0])
        self.assertEqual(bits(functions.lorentz(F32([2.0 ** 75, 2.0 ** 74]))), [0, 2])
        self.assertEqual(bits(functions.rhypot3(F32([2.0 ** 49, -2.0 ** 50, np.inf]))), [4, 0, 0])
        self.assertEqual(bits(functions.gaussh(F32([-0.0, -14, -np.inf]))), [0x3F800000, 196, 0])

    def test_registry(self):
        """The functions and domains of spec/functions.def."""
        rows = re.findall(r"^SL_FUNCTION\((\w+), ([^,]+), ([^)]+)\)",
                          (ROOT.parents[1] / "spec" / "functions.def").read_text(), re.MULTILINE)
        value = lambda text: float(re.sub("(?<=[0-9])f$", "", text.replace("INFINITY", "inf")))
        self.assertEqual({name: (value(low), value(high)) for name, low, high in rows},
                         {name: (f.low, f.high) for name, f in functions.NAMES.items()})


class Records(unittest.TestCase):
    def test_example_that_differs(self):
        """A changed bit is seen, and so is a call that is not known."""
        text = "example a\ncall residual_add\nin a f32 (1) 0x1p+0\nin b f32 (1) 0x1p+0\n"
        for end, word in (("out y f32 (1) 0x1p+1\n", None), ("out y f32 (1) 0x1p+2\n", "differ"),
                          ("out z f32 (1) 0x1p+1\n", "not computed")):
            with tempfile.TemporaryDirectory() as folder:
                (Path(folder) / "a.txt").write_text(text + end, encoding="utf-8")
                count, lines = examples.check(folder)
            self.assertEqual((count, len(lines)), (1, 1 if word else 0))
            self.assertTrue(word is None or word in lines[0])
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "a.txt").write_text("example a\ncall b\n", encoding="utf-8")
            with self.assertRaisesRegex(ValueError, "no call b"):
                examples.check(folder)

    def test_record_that_differs(self):
        found = records.Found("0" * 32, "text")
        right = f"# state {found.state}\n# ledger {found.ledger}\n"
        for text, count in ((f"{right}# measures {found.measures}\n", 0),
                            (f"{right}# measures {'1' * 32}\n", 1),
                            (f"# state {found.state}\n# ledger {'1' * 32}\n"
                             f"# measures {found.measures}\n", 1),
                            (right, 1)):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "run.yaml"
                path.write_text(text, encoding="utf-8")
                self.assertEqual(len(records.differences(path, found)), count)

    def test_other_version(self):
        done = subprocess.run([sys.executable, "-m", "conformance", "--numerics", "1", "examples",
                               "."], cwd=ROOT, capture_output=True, text=True, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("version 1 is not known", done.stderr)


class Texts(unittest.TestCase):
    def test_numbers(self):
        for text, wanted in {
                "is 1,234.50!": (1, (False, "12345", 4)), "12,3456": (1, (False, "123456", 2)),
                "x-5": (1, (False, "5", 1)), "a = - 5": (1, (True, "5", 1)),
                "-0.0": (1, (False, "", 0)),
                "1,2,3": (3, (False, "3", 1)), "3.": (1, (False, "3", 1)), "1/2": (1, None),
                "2e3 cm^2": (1, (False, "2", 4)), "-$5": (1, (True, "5", 1)),
                "1e9999999999": (1, None), "none": (0, None)}.items():
            self.assertEqual(rewards.numbers(text), wanted, text)

    def test_equations(self):
        text = "<<2*3=6>> <<<10 / 5 = 2>>, <<1+1=3>>, <<1+1<<2-1=1>> <<1234*1234=1522756>>"
        self.assertEqual(list(tasks.equations(text)),
                         [(2, "*", 3, 6), (10, "/", 5, 2), (2, "-", 1, 1)])

    def test_configuration(self):
        for body, word in {"run: {sede: 1}": "no such key", "run: {seed: 1.5}": "an integer",
                           "run: {seed: 1, seed: 2}": "repeated", "run: [1]": "mapping",
                           "rl: {prompts: 3, updates: 2}": "divides"}.items():
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "run.yaml"
                path.write_text(body, encoding="utf-8")
                with self.assertRaisesRegex(configuration.ConfigurationError, word):
                    configuration.read(path)

    def test_gate_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.gate"
            path.write_text("gate a\nf = 2 * q\n", encoding="ascii")
            with self.assertRaisesRegex(gates.GateError, r"a.gate:2:9: expected an expression"):
                gates.GateFile(path)


    def test_gate_parameters(self):
        """A parameter with a value is a number node; its range holds for given values too."""
        file = gates.GateFile("a", "gate a param p in [0, 2] default 1 f = p*r + 1*exp(r)")
        program = file.program(1)
        r = program.trees.node("r")
        self.assertEqual(program.trees.nodes[program.w],
                         ("+", program.trees.number(1), program.trees.node("exp", r)))
        self.assertEqual(file.values(1, {"p": "0.5"}), {"p": Fraction(1, 2)})
        for given in ({"p": "3"}, {"q": "1"}):
            with self.assertRaises(gates.GateError):
                file.values(1, given)

    def test_kernel_of_a_gate(self):
        """A file with `kernel` is compared at the values that hold, and NaN is no agreement."""
        text = "gate a kernel identity param p in [0, 1] default 0 f = r + p*r"
        gate_choice.side_of(gates.GateFile("a", text), 1, {})
        for other, given in ((text, {"p": "0.5"}), (text.replace("p*r", "sqrt(p - 1)*r"), {})):
            with self.assertRaises(gates.GateError):
                gate_choice.side_of(gates.GateFile("a", other), 1, given)

    def test_kernels_by_sign(self):
        """Each sign has its kernel, or its expression, and needs that kernel's parameter only."""
        text = ("gate a param high in [0, 1] default 0.3 pos kernel clip "
                "pos f = r if r <= 1 + high | 1 + high otherwise neg f = 2*r")
        file = gates.GateFile("a", text)
        self.assertEqual(file.kernels, [None, "clip"])
        gate = objective.GateBySign(*(gate_choice.side_of(file, side, {}) for side in (0, 1)))
        r = F32([0.5, 1.25, 1.5])
        self.assertEqual(gate.weight(r, 1).tolist(), [1, 1, 0])
        self.assertEqual(gate.weight(r, 0).tolist(), [2, 2, 2])
        for side, other in ((0, text.replace("pos kernel", "kernel")),
                            (1, text.replace("high", "low"))):
            with self.assertRaisesRegex(gates.GateError, "no parameter"):
                gate_choice.side_of(gates.GateFile("a", other), side, {})

    def test_once(self):
        """gate and cite at most once, kernel at most once for a sign, a sign where it may be."""
        for end in ("gate b", "cite \"a\"", "pos kernel erf", "kernel erf", "pos cite \"a\""):
            text = f"gate a pos kernel identity {end} f = r"
            if "cite" in end and "pos" not in end:
                text += " cite \"b\""
            with self.assertRaises(gates.GateError, msg=end):
                gates.GateFile("a", text)
        self.assertEqual(gates.GateFile("a", "gate a neg kernel erf pos kernel clip f = r").kernels,
                         ["erf", "clip"])

    def test_kernel_alone(self):
        """A kernel without f has that of its family, with its parameters (G1.3)."""
        file = gates.GateFile("a", "gate a param tau in [2, 3] default 2 kernel arctan")
        program = file.program(1)
        self.assertEqual(program.evaluate64(program.w, np.array([1, 1.5])).tolist(), [1, 0.5])
        file = gates.GateFile("a", "gate a pos kernel clip neg f = r")
        self.assertEqual(file.kernel_value(1), 0.2)
        for again in ("f = r f = r", "f = r weight = 1", "pos weight = 1 f = r"):
            with self.assertRaises(gates.GateError, msg=again):
                gates.GateFile("a", f"gate a {again}")

    def test_values_of_gates(self):
        """O2.3 where a square would overflow binary32, and at r = 1."""
        r = F32([1, 2.0 ** 100])
        for family, c in (("softsign", 0.5), ("erf", np.sqrt(np.pi / 2) / 2),
                          ("arctan", np.pi / 4)):
            value, centred = objective.SmoothGate(family, 2, 2).value(r, 1)
            f = F32(1) + F32(c) if family == "arctan" else 1 + c
            self.assertEqual(bits(value), bits([1, f]))
            self.assertEqual(centred.tolist(), [0, float(F32(c))])


class Folders(unittest.TestCase):
    def test_model_folder(self):
        shape = Shape(8, 1, 2, 1, 4, 6, 5, 10000.0, F32(1e-6), False)
        parameters = initial_parameters(shape, 3, 0)
        header, at = {}, 0
        for name, tensor in parameters.items():
            header[name] = {"dtype": "F32", "shape": list(tensor.shape),
                            "data_offsets": [at, at + tensor.nbytes]}
            at += tensor.nbytes
        text = json.dumps(header).encode()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder)
            (path / "model.safetensors").write_bytes(
                len(text).to_bytes(8, "little") + text
                + b"".join(tensor.tobytes() for tensor in parameters.values()))
            (path / "config.json").write_text(json.dumps({
                "architectures": ["Qwen2ForCausalLM"], "hidden_size": 8, "intermediate_size": 6,
                "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1,
                "head_dim": 4, "vocab_size": 5, "max_position_embeddings": 16,
                "rms_norm_eps": 1e-6, "rope_theta": 10000}), encoding="utf-8")
            found, tensors, positions, tokenizer = modelfolder.read(folder)
        self.assertEqual((found, positions, tokenizer), (shape, 16, None))
        self.assertEqual([bits(x) for x in tensors.values()],
                         [bits(x) for x in parameters.values()])


if __name__ == "__main__":
    unittest.main()
