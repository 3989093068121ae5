"""Throws damaged and forged state archives at pureml-io: whatever comes, it is an ArchiveError or a sound state.

    python tools/fuzz_archive.py --count 1000000 --load-share 0.05 [--seed 0] [--only INDEX] [--keep FOLDER]

Real archives are mutated as bytes, as zips, in their JSON and in their chunks, the latter three with all checksums made
right again, for somebody who forges a file does that too. Each one goes to `validate`, a share of them, and all with
a forged chunk, to `load`. A finding is: another exception, a state that differs from the archive's though only
stray bytes changed, more memory than the limit allows, more than ten seconds. Archive i of a seed is always the same.
"""

import argparse
import collections
import copy
import faulthandler
import io
import json
import random
import struct
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
from numcodecs.checksum32 import CRC32C
from pureml_core.state import State
from pureml_io import ArchiveError, load, save, validate
from pureml_io.container import END, Reader, Writer

MAX_BYTES = 64 << 20  # given to `load`
MEMORY = 256 << 20  # beyond what the process has at first: MAX_BYTES, and what it takes to get there
SECONDS = 10

NUMBERS = [0, 1, 2, 3, 7, 255, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1, 2**62, 2**63, 2**64 - 1]
VALUES = [
    *(None, True, False, -1, 0.5, 1e308, "", "x", "../../x", "/x", "a\\b", "\ud800", "object", "<f4", "float64"),
    *([], {}, [[]], [0], [-1], [2**40], [1] * 40, [2**62, 2**62], {"a": 1}, *NUMBERS),
]
TEXTS = ["[" * 5000, "NaN", "-Infinity", "1e999", "9" * 5000, '{"a":1,"a":2}', "\x00", '"\\ud800"', "//", "}", ""]


class Seed:
    """A real archive: its bytes, its entries, its state."""

    def __init__(self, state: State, level: int) -> None:
        with tempfile.TemporaryDirectory() as folder:
            self.data = save(state, Path(folder) / "seed", compression_level=level).read_bytes()
        archive = Reader(io.BytesIO(self.data))
        self.entries = [(name, bytes(archive.read(name))) for name in archive.entries]
        self.state = load(io.BytesIO(self.data))


def seeds() -> list[Seed]:
    rng = np.random.default_rng(0)
    model = State(
        "demo.Model/1",
        {
            "blocks.0.W": rng.standard_normal((16, 5)).astype("f4"),
            "blocks.0.b": np.zeros(5, "f4"),
            "mask": rng.random(9) < 0.5,
            "é/1": np.arange(3) * 1j,
            "none": np.zeros((0, 3), "i2"),
        },
        {"lr": 0.1, "deep": [{"a": [1, None, "é"]}], "big": "0x" + "f" * 30},
    )
    large = State("demo.Large/1", {"table": np.repeat(np.arange(300), 4096).reshape(-1, 64)}, {})  # several chunks
    small = State("demo.Small/1", {"t": np.array(7), "p": rng.integers(0, 9, (2, 1, 3)).astype("u1")}, {})
    return [Seed(model, 3), Seed(model, 0), Seed(small, 9), Seed(State("demo.Empty/1"), 3), Seed(large, 3)]


def zipped(entries: list[tuple[str, bytes]]) -> bytes:
    file = io.BytesIO()
    archive = Writer(file)
    for name, content in entries:
        archive.write(name, [content])
    archive.close()
    return file.getvalue()


# ---- bytes: nothing is made right again


def mutated_bytes(data: bytes, rng: random.Random) -> bytes:
    out = bytearray(data)
    at = rng.randrange(len(out))
    n = rng.choice([1, 1, 2, 4, 8, 30, 300])
    match rng.randrange(8):
        case 0 | 1:
            out[at] ^= 1 << rng.randrange(8)
        case 2:
            out[at : at + n] = rng.randbytes(n)
        case 3:
            return bytes(out[:at])
        case 4:
            del out[at : at + n]
        case 5:
            out[at:at] = out[at : at + n]
        case 6:
            to = rng.randrange(len(out))
            out[to : to + n] = out[at : at + n]
        case 7:  # a field of zip's own
            found = [at for mark in (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06") for at in places(out, mark)]
            if found:
                size = rng.choice([1, 2, 4])
                at = rng.choice(found) + 4 + rng.randrange({1: 42, 2: 41, 4: 39}[size])
                out[at : at + size] = (rng.choice(NUMBERS) % 256**size).to_bytes(size, "little")
    return bytes(out)


def places(data: bytes | bytearray, mark: bytes) -> list[int]:
    found, at = [], data.find(mark)
    while at >= 0:
        found.append(at)
        at = data.find(mark, at + 1)
    return found


# ---- a zip with other entries


def mutated_zip(seed: Seed, others: list[Seed], rng: random.Random) -> bytes:
    entries = list(seed.entries)
    i = rng.randrange(len(entries))
    name, content = entries[i]
    match rng.randrange(10):
        case 0:
            entries.append(entries[i])
        case 1:
            del entries[i]
        case 2:
            entries[i] = rng.choice(["../x", "/x", "", "zarr.json", name + "/0", name.upper(), "x" * 999]), content
        case 3:
            rng.shuffle(entries)
        case 4:
            entries[i] = name, rng.choice(rng.choice(others).entries)[1]
        case 5:
            entries.append(rng.choice(rng.choice(others).entries))
        case 6:
            entries[i] = name, content[: rng.randrange(len(content) + 1)]
        case 7:
            entries[i] = name, content * rng.choice([2, 50]) + rng.randbytes(rng.randrange(5))
        case 8:  # as others write zips
            file = io.BytesIO()
            method = rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
            with zipfile.ZipFile(file, "w", method) as archive:
                archive.comment = rng.choice([b"", b"", b"PK\x05\x06" + bytes(18)])
                for entry in entries:
                    archive.writestr(*entry)
            return file.getvalue()
        case 9:  # the directory forged in one field of one entry
            out = bytearray(zipped(entries))
            offset = END.unpack(out[-END.size :])[6]
            at = rng.choice(places(out[offset:], b"PK\x01\x02")) + offset
            field = rng.choice([(10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2), (42, 4)])
            out[at + field[0] : at + sum(field)] = rng.choice(NUMBERS).to_bytes(8, "little")[: field[1]]
            return bytes(out)
    return zipped(entries)


# ---- JSON that says something else


def mutated_json(seed: Seed, rng: random.Random) -> bytes:
    entries = list(seed.entries)
    i = rng.choice([i for i, (name, _) in enumerate(entries) if name.endswith("zarr.json")] + [0] * 3)
    name, content = entries[i]
    if rng.random() < 0.15:
        text = content.decode()
        at = rng.randrange(len(text))
        cut = text[:at] + rng.choice(TEXTS) + text[at + rng.choice([0, 0, 1, 5]) :]
        entries[i] = name, cut.encode("utf-8", "surrogatepass")
        return zipped(entries)
    tree = json.loads(content)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        change(tree, rng)
    entries[i] = name, json.dumps(tree).encode()
    if rng.random() < 0.5 and i == 0:
        entries = followed(entries, tree)
    return zipped(entries)


def change(tree: object, rng: random.Random) -> None:
    """Change one node of a tree in place."""
    nodes = [(tree, key) for key in keys(tree)]
    for node, key in nodes:
        nodes.extend((node[key], inner) for inner in keys(node[key]))
    if not nodes:
        return
    node, key = rng.choice(nodes)
    match rng.randrange(6):
        case 0 | 1 | 2:
            node[key] = copy.deepcopy(rng.choice(VALUES))
        case 3:
            other, its_key = rng.choice(nodes)
            node[key] = copy.deepcopy(other[its_key]) if other is not tree else rng.choice(NUMBERS)
        case 4 if isinstance(node, dict):
            node[rng.choice(["", "x", "../x", "W", "\ud800", key + "."])] = node.pop(key)
        case 4:
            node.append(node[key])
        case 5 if isinstance(node, list) and type(node[key]) is int:
            node[key] = max(0, node[key] + rng.choice([-1, 1, 1000, 10**9]))
        case 5:
            del node[key]


def keys(node: object) -> list:
    return list(node) if isinstance(node, dict) else list(range(len(node))) if isinstance(node, list) else []


def followed(entries: list[tuple[str, bytes]], tree: object) -> list[tuple[str, bytes]]:
    """The arrays' own metadata made to say what a forged manifest says, as far as it makes sense."""
    out = dict(entries)
    try:
        for given in tree["attributes"]["manifest"].values():
            entry = f"{given['path']}/zarr.json"
            at = json.loads(out[entry])
            at["shape"], at["data_type"] = given["shape"], given["dtype"]
            at["chunk_grid"]["configuration"]["chunk_shape"] = given["chunks"]
            out[entry] = json.dumps(at).encode()
    except (KeyError, TypeError, AttributeError):
        pass
    return list(out.items())


# ---- chunks whose checksums are right


def mutated_chunk(seed: Seed, rng: random.Random) -> bytes:
    entries = list(seed.entries)
    chunks = [i for i, (name, _) in enumerate(entries) if not name.endswith("zarr.json")]
    if not chunks:
        return mutated_json(seed, rng)
    i = rng.choice(chunks)
    name, content = entries[i]
    packed = bytearray(content[:-4])
    for _ in range(rng.choice([1, 1, 2, 5])):
        at = rng.randrange(min(len(packed), rng.choice([16, 40, 1 << 20])) or 1)
        match rng.randrange(6):
            case 0 | 1:
                packed[at : at + 1] = bytes([packed[at] ^ 1 << rng.randrange(8)]) if packed else b"x"
            case 2:
                packed[at : at + 4] = (rng.choice(NUMBERS) % 2**32).to_bytes(4, "little")
            case 3:
                packed[at : at + rng.randrange(9)] = rng.randbytes(rng.randrange(9))
            case 4:
                packed = packed[: rng.randrange(len(packed) + 1)]
            case 5:
                packed = bytearray(rng.choice(entries)[1])
    if rng.random() < 0.7 and len(packed) >= 16:  # Blosc's header right as well
        packed[12:16] = len(packed).to_bytes(4, "little")
        if rng.random() < 0.5:
            packed[:8] = content[:8]
    entries[i] = name, bytes(packed) + struct.pack("<I", CRC32C.checksum(bytes(packed)))
    return zipped(entries)


# ---- the trial


def archive(i: int, seed: int, all_seeds: list[Seed]) -> tuple[str, Seed, bytes, random.Random]:
    """The i-th archive of a seed: how it was made, from what, its bytes, and the generator that goes on."""
    rng = random.Random(seed << 40 | i)
    source = rng.choices(all_seeds, [5, 3, 5, 1, 0.2])[0]
    how = rng.choice(["bytes", "zip", "json", "json", "chunk"])
    match how:
        case "bytes":
            data = source.data
            for _ in range(rng.choice([1, 1, 1, 2, 4])):
                data = mutated_bytes(data, rng) or b"P"
        case "zip":
            data = mutated_zip(source, all_seeds, rng)
        case "json":
            data = mutated_json(source, rng)
        case _:
            data = mutated_chunk(source, rng)
    return how, source, data, rng


def equal(a: State, b: State) -> bool:
    return (
        (a.kind, a.literals, list(a.arrays)) == (b.kind, b.literals, list(b.arrays))
        and [x.dtype for x in a.arrays.values()] == [x.dtype for x in b.arrays.values()]
        and all(np.array_equal(x, b.arrays[name]) for name, x in a.arrays.items())
    )


def tried(how: str, source: Seed, data: bytes, full: bool) -> str:
    """What became of an archive; any exception from here is a finding."""
    try:
        contents = validate(io.BytesIO(data), max_bytes=MAX_BYTES)
    except ArchiveError:
        if not full:
            return "refused by validate"
        contents = None
    if not full:
        return "accepted by validate"
    try:
        state = load(io.BytesIO(data), max_bytes=MAX_BYTES)
    except ArchiveError:
        return "refused by load" if contents else "refused by validate, and by load"
    assert contents, "load accepted what validate refused"
    assert sum(x.nbytes for x in state.arrays.values()) <= MAX_BYTES, "more was allocated than allowed"
    assert how != "bytes" or equal(state, source.state), "stray bytes changed the state"
    return "loaded"


def limited() -> None:
    """Bound the memory of this process, where the system can."""
    try:
        import resource
    except ImportError:
        return
    load(io.BytesIO(seeds()[0].data))  # the threads' stacks are reserved, which counts
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
    if pages:
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY,) * 2)


def fuzz(first: int, count: int, seed: int, load_share: float, keep: Path | None) -> collections.Counter[str]:
    """How many archives met which fate.

    Raises:
        SystemExit: at the first finding; the archive is kept if a folder is given.
    """
    fates: collections.Counter[str] = collections.Counter()
    all_seeds = seeds()
    slowest = 0.0
    for i in range(first, first + count):
        how, source, data, rng = archive(i, seed, all_seeds)
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        start = time.perf_counter()
        try:
            fates[f"{how}: {tried(how, source, data, how == 'chunk' or rng.random() < load_share)}"] += 1
        except Exception as error:
            if keep:
                (keep / f"{seed}-{i}.pureml.zip").write_bytes(data)
            raise SystemExit(f"archive {i} of seed {seed} ({how}): {type(error).__name__}: {error}") from error
        finally:
            faulthandler.cancel_dump_traceback_later()
        slowest = max(slowest, time.perf_counter() - start)
        if i % 50_000 == 49_999:
            print(f"{i + 1} archives, the slowest took {slowest:.3f} s", file=sys.stderr, flush=True)
    return fates


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--count", type=int, default=10_000, help="archives")
    options.add_argument("--load-share", type=float, default=0.05, help="the part of them that is loaded")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--only", type=int, help="only the archive of this number")
    options.add_argument("--keep", type=Path, help="a folder for archives that are findings")
    given = options.parse_args()
    limited()
    first, count = (0, given.count) if given.only is None else (given.only, 1)
    start = time.perf_counter()
    fates = fuzz(first, count, given.seed, given.load_share, given.keep)
    for fate, n in sorted(fates.items()):
        print(f"{n:9d}  {fate}")
    loads = sum(n for fate, n in fates.items() if "load" in fate)
    print(f"{fates.total()} archives, {loads} of them loaded, no finding; {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
