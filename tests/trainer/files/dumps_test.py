"""Files that NumPy and Python's zipfile write, good and damaged, and what the reader of dumps makes
of them (spec F6). Usage: dumps_test.py DUMP_PRINT BY_SAFETENSORS

What a good file holds is compared with the arrays that were saved. A damaged one must be refused
with a message that holds the words beside it. Files whose names begin with `planted` have a wrong
expectation, which must be seen. BY_SAFETENSORS was written by the safetensors library
(0.4.5) with bfloat16 of ml_dtypes; its numbers stand here.
"""
import io
import json
import os
import struct
import subprocess
import sys
import tempfile
import warnings
import zipfile
import zlib

import numpy as np

PRINT, BY_SAFETENSORS = sys.argv[1:]
FOLDER = tempfile.mkdtemp()
TYPES = {'f8': 'F64', 'f4': 'F32', 'f2': 'F16', 'i8': 'I64', 'i4': 'I32', 'i2': 'I16',
         'i1': 'I8', 'u8': 'U64', 'u4': 'U32', 'u2': 'U16', 'u1': 'U8', 'b1': 'BOOL'}
good, bad = {}, {}


def values_of(array):
    wide = array.astype(np.float64).ravel(order='C')
    return ''.join(' nan' if np.isnan(x) else ' %x' % x.view(np.uint64) for x in wide)


def count_of(flags):
    return '%d' % flags.sum() + ('@%d' % flags.argmax() if flags.any() else '')


def line_of(name, array, kind=None):
    array = np.asarray(array)
    wide = array.astype(np.float64).ravel(order='C')
    return '%s %s (%s) nan %s inf %s:%s' % (
        name, kind or TYPES[array.dtype.str[1:]], ' '.join(map(str, array.shape)),
        count_of(np.isnan(wide)), count_of(np.isinf(wide)), values_of(array))


def keep(table, name, data, expected):
    with open(os.path.join(FOLDER, name), 'wb') as file:
        file.write(data)
    assert name not in good and name not in bad, name
    table[name] = expected


def npz(arrays, write=np.savez):
    out = io.BytesIO()
    write(out, **arrays)
    return out.getvalue()


def npy(array):
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def header(text, data=b'', version=(1, 0), length=None):
    """A .npy with this header, whatever it says."""
    text = text if isinstance(text, bytes) else text.encode()
    n = len(text) if length is None else length
    return (b'\x93NUMPY' + bytes(version) +
            struct.pack('<H' if version[0] == 1 else '<I', n) + text + data)


def archive(members, method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, 'w', method) as file:
        warnings.simplefilter('ignore')  # of a name that is there twice
        for name, data in members:
            file.writestr(zipfile.ZipInfo(name), data, method)
    return out.getvalue()


def patched(data, at, new):
    return data[:at] + new + data[at + len(new):]


def central(data):
    """Where the first entry of the directory at the archive's end begins."""
    return data.index(b'PK\x01\x02')


# Good files.

special = {
    'f8': [[1.5, -0.0, 5e-324], [np.inf, np.nan, -1.7976931348623157e308]],
    'f4': [[1.5, -0.0, 1e-45], [-np.inf, np.nan, 3.4028234663852886e38]],
    'f2': [[1.5, -0.0, 6e-8], [np.inf, np.nan, -65504]],
    'i8': [[-2**53, 2**53, -1], [0, 1, 7]], 'u8': [[0, 2**53, 1], [2, 3, 4]],
    'b1': [[True, False, True], [False, False, True]],
}
for code in TYPES:
    if code in special:
        values = special[code]
    else:
        limits = np.iinfo(code)
        values = [[limits.min, limits.max, 1], [0, 2, 3]]
    for order in '<>':
        array = np.array(values).astype(order + code)
        swapped = 'be' if order == '>' else 'le'
        for shape in ((6,), (2, 3), (3, 1, 2), (1, 1, 1, 6, 1, 1, 1, 1)):
            for layout in 'CF':
                name = '%s-%s-%d%s.npz' % (code, swapped, len(shape), layout)
                x = np.asarray(array.reshape(shape), order=layout)
                for how, write in (('', np.savez), ('deflated-', np.savez_compressed)):
                    keep(good, how + name, npz({'x': x}, write), [line_of('x', x)])
                keep(good, name[:-1] + 'y', npy(x), [line_of(name[:-4], x)])

x = np.arange(60000, dtype='<i4').reshape(20, 30, 100)
big = np.asfortranarray(x.astype('>f8'))  # more than one piece of the reader
keep(good, 'pieces.npz', npz({'c': x, 'f': big}, np.savez_compressed),
     [line_of('c', x), line_of('f', big)])
one = np.float32(0.25)
keep(good, 'scalar.npz', npz({'s': one}), [line_of('s', one)])
keep(good, 'scalar.npy', npy(one), [line_of('scalar', one)])
keep(good, 'none.npz', npz({'x': np.zeros((3, 0, 2), order='F')}),
     ['x F64 (3 0 2) nan 0 inf 0:'])
keep(good, 'nothing.npz', npz({}), [])
keep(good, 'names.npz', npz({'é': one, 'a.b': one, 'x.npy': one}),
     [line_of('é', one), line_of('a.b', one), line_of('x.npy', one)])
for version in ((1, 0), (2, 0), (3, 0)):
    out = io.BytesIO()
    np.lib.format.write_array(out, x[0, 0, :3], version)
    keep(good, 'version-%d.npz' % version[0], archive([('v.npy', out.getvalue())]),
         [line_of('v', x[0, 0, :3])])
keep(good, 'spaced.npy',
     header("{\n 'shape' : ( 2 , ),\"descr\":'<u2','fortran_order':False}", b'\1\0\2\0'),
     [line_of('spaced', np.array([1, 2], '<u2'))])


limit, zipfile.ZIP64_LIMIT = zipfile.ZIP64_LIMIT, 50  # all sizes and places in zip64 fields
keep(good, 'zip64.npz', archive([('x.npy', npy(x)), ('y.npy', npy(one))], zipfile.ZIP_DEFLATED),
     [line_of('x', x), line_of('y', one)])
zipfile.ZIP64_LIMIT = limit


class Pipe(io.RawIOBase):
    """As a pipe is: sizes follow the data."""
    def __init__(self):
        self.data = b''

    def writable(self):
        return True

    def write(self, data):
        self.data += bytes(data)
        return len(data)


pipe = Pipe()
with zipfile.ZipFile(pipe, 'w', zipfile.ZIP_DEFLATED) as file:
    with file.open('x.npy', 'w', force_zip64=True) as member:
        member.write(npy(x[0]))
keep(good, 'pipe.npz', pipe.data, [line_of('x', x[0])])

metadata = {'op': 'attention', 'scale': '0.125', 'é': 'ü "', 'bfloat16': 'q,v'}
text = json.dumps(metadata, ensure_ascii=False)
q = np.array([0x3f80, 0xc049, 0x7f80, 0x7fc0], '<u2')
lines = [k + '=' + v for k, v in metadata.items()]
wide = (q.astype('<u4') << 16).view('<f4')
lines += [line_of('q', wide, 'BF16'), line_of('k', q), line_of('v', wide[:1], 'BF16')]
bits = {'q': q, 'k': q, 'v': q[:1]}
for how, array in (('row', np.frombuffer(text.encode(), np.uint8)),
                   ('bytes', np.array(text.encode())), ('text', np.array(text)),
                   ('swapped', np.array(text).astype('>U%d' % (len(text) + 3))),
                   ('padded', np.array(text.encode(), 'S1000'))):
    for write in np.savez, np.savez_compressed:
        keep(good, 'metadata-%s-%s.npz' % (how, write.__name__),
             npz({**bits, '__metadata__': array}, write), lines)
bits = {'op': 'attention', 'scale': '0.125'}
keep(good, 'by_safetensors.safetensors', open(BY_SAFETENSORS, 'rb').read(), [
    *(k + '=' + v for k, v in bits.items()),
    line_of('f64', [[1.5, -2.25], [1e300, 5e-324]]), line_of('f32', np.float32([1, -0.0, 3.25])),
    line_of('f16', np.float16([[0.5], [65504]])),
    line_of('bf16', np.float32([1, -3.140625, np.inf, np.nan]), 'BF16'),
    line_of('i64', [-3, 2**53]), line_of('i32', np.int32(-7)), line_of('i16', np.int16([[[300]]])),
    line_of('i8', np.int8([-128, 127])), line_of('u64', np.uint64([7])),
    line_of('u32', np.uint32([4294967295])), line_of('u16', np.uint16([65535])),
    line_of('u8', np.uint8([255, 0])), line_of('bool', np.array([True, False, True])),
    line_of('empty', np.zeros((0, 4), np.float32)), line_of('é/ü', np.float32([2]))])

# Files of another kind.

small = npz({'x': np.arange(6, dtype='<f4'), 'y': np.zeros(3)})
packed = npz({'x': np.arange(100, dtype='<f4')}, np.savez_compressed)
keep(bad, 'empty', b'', 'byte 0: the file is empty')
keep(bad, 'gzip', b'\x1f\x8b\x08' + bytes(30), 'compressed by gzip')
keep(bad, 'lfs', b'version https://git-lfs.github.com/spec/v1\noid', 'Git LFS pointer')
keep(bad, 'page', b'<!doctype html><title>404</title>', 'this is a web page')
for protocol in range(2, 6):
    keep(bad, 'pickle-%d' % protocol, b'\x80%c' % protocol + b'}q\x00.' + bytes(9),
         'this is a Python pickle')
keep(bad, 'torch.npz', archive([('archive/data.pkl', b'\x80\x02}.'), ('archive/data/0', b'abcd')]),
     "member archive/data.pkl: this is PyTorch's own format, a pickle, which is never read")
keep(bad, 'text', b'0.5 0.25\n0.125 1\n', 'this is no safetensors file')

# Damaged archives.

for n in range(1, len(small)):
    keep(bad, 'cut-%04d' % n, small[:n],
         'truncated at byte' if n < 10 and small[:n][:4] != b'PK\x03\x04' else '')
at = small.index(struct.pack('<f', 5.0))
keep(bad, 'crc', patched(small, at, b'\xff'), 'x.npy: byte 152: damaged (CRC error)')
at = packed.index(b'PK\x01\x02') - 20
keep(bad, 'crc-deflated', patched(packed, at, bytes([packed[at] ^ 1])), 'member x.npy: byte')
locked = patched(small, 6, b'\x01')
keep(bad, 'encrypted', patched(locked, central(locked) + 8, b'\x01'), 'x.npy: it is encrypted')
for method, number in ((zipfile.ZIP_BZIP2, 12), (zipfile.ZIP_LZMA, 14)):
    keep(bad, 'method-%d' % number, archive([('x.npy', npy(one))], method),
         'member x.npy: compression method %d, expected 0 (stored) or 8 (deflated)' % number)
keep(bad, 'nested', archive([('a/x.npy', npy(one))]), "member a/x.npy: a folder in the archive")
keep(bad, 'folder', archive([('a/', b'')]), "member a/: a folder in the archive")
keep(bad, 'utf8', archive([('é.npy', npy(one))]).replace(b'\xc3\xa9', b'\xc3\xc3'),
     'a damaged zip archive')
keep(bad, 'other', archive([('x.npy', npy(one)), ('notes.txt', b'hello')]),
     'member notes.txt: this is no .npy array')
keep(bad, 'nameless', archive([('.npy', npy(one))]), 'member .npy: this is no .npy array')
keep(bad, 'no-array', archive([('x.npy', b'hello, this is a text')]),
     'tensor x: byte 0: this is no .npy array')
keep(bad, 'short-array', archive([('x.npy', b'\x93NUMPY\x01')]), 'tensor x: truncated at byte 7')
keep(bad, 'twice', archive([('x.npy', npy(one)), ('y.npy', npy(one)), ('x.npy', npy(one))]),
     'tensor x: this name is there twice')
keep(bad, 'directory', patched(small, central(small), b'XX'), 'no list of members at its end')
at = central(small) + 42  # where the first member begins
keep(bad, 'offset', patched(small, at, struct.pack('<I', 7)), 'member x.npy: byte 0: damaged')
# The second member's entry names the first one's data, and the sum of both exceeds the file.
double = archive([('x.npy', npy(np.arange(5000.)))])
entry = double[central(double):double.index(b'PK\x05\x06')]
end = double[double.index(b'PK\x05\x06'):]
entries = entry + entry.replace(b'x.npy', b'y.npy')
end = end[:8] + struct.pack('<HHI', 2, 2, len(entries)) + end[16:]
keep(bad, 'overlap', double[:central(double)] + entries + end, 'member y.npy: members overlap')
# 8 TiB of a few bytes: the directory, the header and zip64 agree with each other.
claim = header("{'descr': '<f8', 'fortran_order': False, 'shape': (%d,), }" % 2**40, bytes(64))
size = len(claim) - 64 + 8 * 2**40
body = zlib.compress(claim)[2:-4]
extra = struct.pack('<HHQQ', 1, 16, size, len(body))
fields = struct.pack('<HHHHIIIHH', 0, 8, 0, 0, 0, 2**32 - 1, 2**32 - 1, 5, len(extra))
local = b'PK\x03\x04' + struct.pack('<H', 45) + fields + b'x.npy' + extra + body
entry = (b'PK\x01\x02' + struct.pack('<HH', 45, 45) + fields + struct.pack('<HHHII', 0, 0, 0, 0, 0)
         + b'x.npy' + extra)
end = b'PK\x05\x06' + struct.pack('<HHHHIIH', 0, 0, 1, 1, len(entry), len(local), 0)
keep(bad, 'bomb', local + entry + end,
     'member x.npy: %d bytes cannot come from %d that are deflated' % (size, len(body)))
wrong = patched(small, central(small) + 24, struct.pack('<I', 200))
keep(bad, 'stored-size', wrong, '200 bytes cannot come from 152 that are stored')
# What is deflated ends before the size that header and directory agree on, or goes on behind it.
for name, delta, words in (('ends', 4, 'x.npy: ends at byte'), ('goes-on', -4, 'x.npy: byte')):
    n = 100 + delta // 4
    data = npy(np.arange(n, dtype='<f4'))[:128] + np.arange(100, dtype='<f4').tobytes()
    whole = archive([('x.npy', data)], zipfile.ZIP_DEFLATED)
    keep(bad, 'size-' + name, patched(whole, central(whole) + 24, struct.pack('<I', 128 + 4 * n)),
         words)

# Headers of arrays.

ok = "'fortran_order': False, 'shape': (1,), }"
four = bytes(4)
headers = {
    'void2': ("{'descr': '|V2', " + ok, four, "dtype '|V2' is not supported: if it is bfloat16"),
    'void2-le': ("{'descr': '<V2', " + ok, four, "or as safetensors"),
    'void1': ("{'descr': '<V1', " + ok, four, 'if it is an 8-bit float, save it as float32'),
    'object': ("{'descr': '|O', " + ok, four, 'Python objects in a pickle, which is never read'),
    'complex': ("{'descr': '<c8', " + ok, bytes(8), 'save real and imaginary parts'),
    'long': ("{'descr': '<f16', " + ok, bytes(16), "dtype '<f16' is not supported"),
    'date': ("{'descr': '<M8[ns]', " + ok, bytes(8), "dtype '<M8[ns]' is not supported"),
    'text': ("{'descr': '<U1', " + ok, four, 'a text is no tensor; metadata go into __metadata__'),
    'bytes': ("{'descr': '|S4', " + ok, four, 'a text is no tensor'),
    'bytes-of': ("{'descr': '|Sx', " + ok, four, "dtype '|Sx' is malformed"),
    'bytes-none': ("{'descr': '|S', " + ok, four, "dtype '|S' is malformed"),
    'record': ("{'descr': [('a', '<f4')], " + ok, four, 'a structured dtype is not supported'),
    'native': ("{'descr': '=f4', " + ok, four, "dtype '=f4' names no byte order"),
    'orderless': ("{'descr': 'f4', " + ok, four, "dtype 'f4' names no byte order"),
    'bar': ("{'descr': '|f4', " + ok, four, "dtype '|f4' names no byte order"),
    'no-type': ("{'descr': '', " + ok, four, "dtype '' names no byte order"),
    'number': ("{'descr': 4, " + ok, four, "byte 20: descr: expected a text such as '<f4'"),
    'escape': ("{'descr': '\\x3cf4', " + ok, four, 'this character is no part of a name'),
    'open': ("{'descr': '<f4", four, 'byte 24: this character is no part of a name'),
    'endless': ("{'descr': '<" + 40 * 'f' + "', " + ok, four, 'this text is too long'),
    'list': ("[1]", four, "byte 10: the header does not start with '{'"),
    'no-text': ("", four, 'byte 8: a header of 0 bytes, expected 2 to 65526'),
    'missing': ("{'descr': '<f4', 'shape': (1,), }", four, "has no key 'fortran_order'"),
    'nothing': ("{}", four, "has no key 'descr'"),
    'key-twice': ("{'descr': '<f4', 'descr': '<f4', " + ok, four, 'byte 27: a key that was there'),
    'key': ("{'descr': '<f4', 'more': 1, " + ok, four, 'byte 27: a key other than descr'),
    'no-key': ("{'descr': '<f4', 1: 1, " + ok, four, 'byte 27: expected a key'),
    'comma': ("{'descr': '<f4' " + ok, four, "byte 26: expected ',' or '}'"),
    'colon': ("{'descr' '<f4', " + ok, four, "byte 19: expected ':'"),
    'behind': ("{'descr': '<f4', " + ok + ' 7', four, "goes on behind its '}'"),
    'maybe': ("{'descr': '<f4', 'fortran_order': None, 'shape': (1,)}", four,
              'fortran_order: expected True or False'),
    'negative': ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", four,
                 'byte 61: shape: a size below 0'),
    'nan': ("{'descr': '<f4', 'fortran_order': False, 'shape': (nan,)}", four,
            'shape: expected a non-negative integer'),
    'real': ("{'descr': '<f4', 'fortran_order': False, 'shape': (1.5,)}", four,
             "shape: expected ',' or ')'"),
    'old': ("{'descr': '<f4', 'fortran_order': False, 'shape': (1L,)}", four,
            "shape: expected ',' or ')'"),
    'lone': ("{'descr': '<f4', 'fortran_order': False, 'shape': (1)}", four,
             'shape: expected a tuple of sizes'),
    'brackets': ("{'descr': '<f4', 'fortran_order': False, 'shape': [1]}", four,
                 'shape: expected a tuple of sizes'),
    'huge': ("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", four,
             'shape: a size beyond 2^64'),
    'product': ("{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}",
                four, 'the product of its shape overflows'),
    'dimensions': ("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", four,
                   'shape: more than 8 sizes'),
    'few': ("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", four,
            '4 bytes of items (truncated), its shape needs 8'),
    'many': ("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", bytes(8),
             '8 bytes of items, its shape needs 4'),
}
for name, (text, data, words) in headers.items():
    keep(bad, 'header-%s.npy' % name, header(text, data), words)
    keep(bad, 'header-%s.npz' % name, archive([('t.npy', header(text, data))]), words)
usual = "{'descr': '<f4', " + ok
keep(bad, 'version-4', header(usual, four, (4, 0)), 'byte 6: version 4.0, expected 1.0')
keep(bad, 'version-1.1', header(usual, four, (1, 1)), 'byte 6: version 1.1, expected 1.0')
keep(bad, 'header-large', header(usual, four, (2, 0), 70000),
     'byte 8: a header of 70000 bytes, expected 2 to 65524')
keep(bad, 'header-cut', header(usual, b'', (1, 0), 200), 'truncated at byte 67: the header ends')
keep(bad, 'array-cut', b'\x93NUMPY\x01\x00', 'truncated at byte 8: no room for a header')
with warnings.catch_warnings():
    warnings.simplefilter('ignore')
    keep(bad, 'objects.npz', npz({'o': np.array([1, 'a', None], dtype=object)}),
         "tensor o: byte 20: dtype '|O' is Python objects")

# Metadata.

row = {
    'json': ('{"a": }', '__metadata__: byte'), 'array': ('["a"]', 'expected an object'),
    'real': ('{"a": 0.5}', '__metadata__: a: expected a string'),
    'twice': ('{"a": "1", "a": "2"}', 'duplicate object key'),
    'nul': ('{"a": "\0"}', '__metadata__: byte'),
    'utf8': (b'{"a": "\xff"}', '__metadata__: byte'),
    'absent': ('{"bfloat16": "x,q"}', "bfloat16: 'q' is no array of uint16"),
    'type': ('{"bfloat16": "y"}', "bfloat16: 'y' is no array of uint16"),
}
for name, (text, words) in row.items():
    text = text if isinstance(text, bytes) else text.encode()
    arrays = {'x': q, 'y': one, '__metadata__': np.frombuffer(text, np.uint8)}
    keep(bad, 'metadata-%s.npz' % name, npz(arrays), words)
for name, array in (('matrix', np.zeros((2, 2), np.uint8)), ('texts', np.array(['{}', '{}'])),
                    ('numbers', np.zeros(3)), ('large', np.zeros(2**20 + 1, np.uint8))):
    keep(bad, 'metadata-%s.npz' % name, npz({'__metadata__': array}),
         '__metadata__: expected a row of uint8 or one text')
for point in 0xd800, 0x110000, 0:
    array = header("{'descr': '<U2', 'fortran_order': False, 'shape': ()}",
                   struct.pack('<II', point, 65))
    keep(bad, 'metadata-%x.npz' % point, archive([('__metadata__.npy', array)]), 'not a text')
keep(bad, 'metadata-again.npz', archive(2 * [('__metadata__.npy', npy(np.array('{}')))]),
     'tensor __metadata__: this name is there twice')

# Values that binary64 or BOOL lacks.

keep(bad, 'int64.npz', npz({'n': np.array([[0, 1], [2**53 + 1, 0]])}),
     'tensor n[2] is 9007199254740993: beyond 2^53')
keep(bad, 'bool.npy', header("{'descr': '|b1', 'fortran_order': False, 'shape': (2,)}", b'\1\2'),
     'tensor bool[1] is 2, but BOOL is 0 or 1')

# Wrong expectations: the last bit of a number, the other layout, a type, a refusal.

x = np.array([[0.5, 1, 2], [3, 4, 5]])
keep(good, 'planted-bit.npz', npz({'x': x}), [line_of('x', np.nextafter(x, 9))])
keep(good, 'planted-layout.npz', npz({'x': np.asfortranarray(x)}),
     [line_of('x', x.T.reshape(2, 3))])
keep(good, 'planted-type.npz', npz({'x': x.astype('<f4')}), [line_of('x', x)])
keep(good, 'planted-metadata.npz', npz({'x': x, '__metadata__': np.array('{"a": "b"}')}),
     ['a=c', line_of('x', x)])
keep(bad, 'planted-refusal.npz', npz({'x': x}), '')
planted = {name for name in [*good, *bad] if name.startswith('planted')}


def read_all():
    """What the reader prints of each file."""
    names = [*good, *bad]
    out = {}
    for start in range(0, len(names), 500):
        paths = [os.path.join(FOLDER, name) for name in names[start:start + 500]]
        run = subprocess.run([PRINT, *paths], stdout=subprocess.PIPE, check=True)
        lines = run.stdout.decode().split('\n')
        for name in names[start:start + 500]:
            assert lines.pop(0) == name, name
            out[name] = []
            while lines and lines[0] not in good and lines[0] not in bad and lines[0]:
                out[name].append(lines.pop(0))
    return out


wrong = set()
for name, lines in read_all().items():
    if name in good:
        fits = sorted(lines) == sorted(good[name])
        wanted = good[name]
    else:
        fits = (len(lines) > 0 and lines[-1].startswith('error ') and bad[name] in lines[-1] and
                os.path.join(FOLDER, name) + ': ' in lines[-1])
        wanted = 'an error with: ' + bad[name]
    if not fits:
        wrong.add(name)
    if fits == (name in planted):
        print('%s: wanted %s\n  got %s' % (name, str(wanted)[:500], str(lines)[:500]))
for name in os.listdir(FOLDER):
    os.remove(os.path.join(FOLDER, name))
os.rmdir(FOLDER)
print('%d files as saved, %d refused, %d wrong, of which %d are planted' %
      (len(good), len(bad), len(wrong), len(planted)))
sys.exit(wrong != planted)
