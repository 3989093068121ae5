"""ArrayStorage: what is written is read back, refused cleanly, or not there at all."""

import datetime
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pureml_io import ArchiveError, ArrayStorage

ROWS = np.arange(21.0).reshape(7, 3)


@pytest.fixture
def storage(tmp_path):
    with ArrayStorage(tmp_path / "s", "w") as s:
        s.write(list(ROWS), "b", arrays_per_chunk=3)
        yield s


def files(folder):
    return sorted(str(p.relative_to(folder)) for p in Path(folder).rglob("*") if p.is_file())


# ---- values

VALUES = {
    "bool": np.array([[True, False], [False, False]]),
    **{kind: np.array([[1, 2], [3, 4]], kind) for kind in ("i1", "u8", "f2", "f4", "c8", "c16")},
    "big-endian": np.array([1.5, 2.5], ">f8"),
    "special floats": np.array([np.nan, np.inf, -np.inf, -0.0]),
    "all zero": np.zeros((4, 5), np.float32),
    "0-d": np.array([1.5, 2.5]),
    "an empty axis": np.zeros((3, 0, 2)),
    "text": np.array(["", "abc", "ä✓"]),
    "a table of text": np.array([["a", "bcd"], ["", "e"]]),
    "bytes": np.array([b"xavier", b""]),
    "dates": np.array(["1970-01-01", "2026-11-25"], "M8[D]"),
    "durations": np.array([1, -2], "m8[ns]"),
}


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("form", [list, iter, np.asarray])
def test_every_dtype_comes_back(tmp_path, name, form):
    table = VALUES[name]
    given_rows = [np.array(row, table.dtype) for row in table] if form is not np.asarray else table
    with ArrayStorage(tmp_path / "s", "w") as s:
        s.write(form(given_rows), "b", arrays_per_chunk=2)
        path = s.compress(compression_level=5)
        for opened in (s, ArrayStorage(path, "r")):
            back = opened.read("b")
            assert back.dtype == table.dtype.newbyteorder("=") and back.flags.writeable
            np.testing.assert_array_equal(back, table)
            np.testing.assert_array_equal(opened.read("b", 1), table[1])
            np.testing.assert_array_equal(np.concatenate(list(opened.block_iter("b"))), table)


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_ids_are_those_of_numpy(data):
    n = data.draw(st.integers(1, 9))
    table = data.draw(arrays(np.int16, (n, 2)))
    number = st.integers(-n, n - 1)
    folder = tempfile.mkdtemp()
    try:
        with ArrayStorage(folder + "/s", "w") as s:
            cut = data.draw(st.integers(0, n))
            for part in (table[:cut], list(table[cut:])):
                s.write(part, "b", arrays_per_chunk=4)
            for ids in data.draw(st.lists(st.one_of(number, st.slices(n), st.lists(number, max_size=5)), max_size=5)):
                want = table[np.array(ids, dtype=int)] if isinstance(ids, list) else table[ids]
                np.testing.assert_array_equal(s.read("b", ids), want)
            step = data.draw(st.integers(1, 10))
            parts = list(s.block_iter("b", step=step))
            assert [len(p) for p in parts] == [min(step, n - i) for i in range(0, n, step)]
            np.testing.assert_array_equal(np.concatenate(parts), table)
    finally:
        shutil.rmtree(folder)


IDS = {
    "NumPy's integer": (np.int64(-1), ROWS[-1]),
    "0-d": (np.array(2), ROWS[2]),
    "an array": (np.array([5, 0], np.uint8), ROWS[[5, 0]]),
    "a tuple": ((3, -3, 3), ROWS[[3, -3, 3]]),
    "none of them": ([], ROWS[:0]),
    "NumPy's slice": (slice(np.int64(5), None, -2), ROWS[5::-2]),
    "a slice beyond": (slice(5, 100), ROWS[5:]),
    "an empty slice": (slice(5, 2), ROWS[:0]),
}


@pytest.mark.parametrize("name", IDS)
def test_ids(storage, name):
    ids, want = IDS[name]
    np.testing.assert_array_equal(storage.read("b", ids), want)


WRONG_IDS = {
    7: IndexError,
    -8: IndexError,
    (0, 7): IndexError,
    0.5: TypeError,
    "1": TypeError,
    True: TypeError,
    (True, False): TypeError,
    ((0, 1), (2, 3)): TypeError,
}


@pytest.mark.parametrize("ids", WRONG_IDS)
def test_wrong_ids(storage, ids):
    with pytest.raises(WRONG_IDS[ids]):
        storage.read("b", ids)


def test_zarrs_own_bounds_error(storage):
    with pytest.raises(zarr.errors.BoundsCheckError, match="7, but the block 'b' has 7"):
        storage.read("b", 7)


def test_plain_zarr_reads_it(storage, tmp_path):
    storage.write(np.array(["ab", "c"]), "text", arrays_per_chunk=2)
    path = storage.compress(compression_level=1)
    with zarr.storage.ZipStore(path, mode="r") as store:
        group = zarr.open_group(store, mode="r", zarr_format=3)
        np.testing.assert_array_equal(group["b"][:], ROWS)
        assert group["b"].chunks == (3, 3) and group["text"].dtype == np.uint32


def test_groups_of_plain_zarr_are_read_and_appended_to(tmp_path):
    group = zarr.create_group(tmp_path / "s.zarr")
    group.create_array("x", shape=(5, 2), chunks=(2, 1), dtype="f4")[:2] = 1  # the rest was never written
    with ArrayStorage(tmp_path / "s", "a") as s:
        s.write([np.ones(2, np.float32)], "x")
        assert s.read("x")[:, 0].tolist() == [1, 1, 0, 0, 0, 1]
        np.testing.assert_array_equal(ArrayStorage(s.compress(compression_level=0), "r").read("x"), s.read("x"))


# ---- modes and names

EXISTING = {"r": [7, RuntimeError], "r+": [7, 8], "a": [7, 8], "w": [0, 1], "w-": FileExistsError, "x": FileExistsError}
MISSING = {"r": FileNotFoundError, "r+": [0, 1], "a": [0, 1], "w": [0, 1], "w-": [0, 1], "x": [0, 1]}


@pytest.mark.parametrize(
    ("mode", "want", "exists"), [(m, w, e) for e, ms in ((True, EXISTING), (False, MISSING)) for m, w in ms.items()]
)
def test_modes(tmp_path, mode, want, exists):
    if exists:
        with ArrayStorage(tmp_path / "s", "w") as s:
            s.write(ROWS, "b", arrays_per_chunk=3)
    if isinstance(want, type):
        with pytest.raises(want):
            ArrayStorage(tmp_path / "s", mode)
        assert exists or not any(tmp_path.iterdir())
        return
    with ArrayStorage(tmp_path / "s", mode) as s:
        assert (s.mode, s.store_path) == (mode, (tmp_path / "s.zarr").resolve())
        assert isinstance(s.root, zarr.Group)
        assert len(s.block_names()) == (want[0] > 0)
        if want[1] is RuntimeError:
            for change in (
                lambda: s.write([ROWS[0]], "b"),
                lambda: s.delete_block("b"),
                lambda: s.add_attr("a", 1),
            ):
                with pytest.raises(RuntimeError, match="read-only"):
                    change()
        else:
            s.write([ROWS[0]], "b", arrays_per_chunk=3)
            assert len(s.read("b")) == want[1]


OPENING = {
    "a mode": (ValueError, lambda d: ArrayStorage(d / "s", "q")),
    "a path": (ValueError, lambda d: ArrayStorage(3, "r")),
    "no name": (ValueError, lambda d: ArrayStorage("/", "a")),
    "the folder above": (ValueError, lambda d: ArrayStorage(d / "..", "a")),
    "writing a zip": (ValueError, lambda d: ArrayStorage(d / "s.zip", "a")),
    "a missing zip": (FileNotFoundError, lambda d: ArrayStorage(d / "s.zip", "r")),
    "an array": (TypeError, lambda d: ArrayStorage(d / "array", "a")),
    "replacing other things": (FileExistsError, lambda d: ArrayStorage(d / "photos", "w")),
    "options of a URL": (ValueError, lambda d: ArrayStorage(d / "s", "a", storage_options={})),
}


@pytest.mark.parametrize("name", OPENING)
def test_what_cannot_be_opened(tmp_path, name):
    zarr.create_array(tmp_path / "array.zarr", shape=(2,), dtype="f4")
    (tmp_path / "photos.zarr").mkdir()
    (tmp_path / "photos.zarr" / "me.jpg").touch()
    error, f = OPENING[name]
    with pytest.raises(error):
        f(tmp_path)
    assert (tmp_path / "photos.zarr" / "me.jpg").exists()


def test_a_suffix_is_appended_and_eats_no_dot(tmp_path):
    for given_name in ("run.v1", "run.v2.zarr", "run"):
        with ArrayStorage(str(tmp_path / given_name), "w") as s:
            s.compress(compression_level=1)
    names = [f"{run}.{kind}" for run in ("run", "run.v1", "run.v2") for kind in ("zarr", "zip")]
    assert sorted(os.listdir(tmp_path)) == sorted(names)


@pytest.mark.parametrize("name", ["a.b", "a/b", "a/b.c/d", "c", "c/0", "x y", "ä", "...", "a.zarr.json"])
def test_names_are_kept(storage, name):
    storage.write(ROWS, name, arrays_per_chunk=2)
    assert storage.block_names() == sorted(["b", name])
    with ArrayStorage(storage.compress(compression_level=1), "r") as archive:
        assert archive.block_names() == sorted(["b", name])
        np.testing.assert_array_equal(archive.read(name), ROWS)
    storage.delete_block(name)
    storage.write(ROWS, name.split("/")[0], arrays_per_chunk=2)
    assert storage.block_names() == sorted(["b", name.split("/")[0]])


@pytest.mark.parametrize(
    "name", ["", "/", "/a", "a/", "a//b", ".", "../a", "a/..", "zarr.json", "__x", "a\\b", "b/a", 3]
)
def test_names_are_refused(storage, name):
    before = files(storage.store_path)
    with pytest.raises(TypeError if name == 3 else ValueError):
        storage.write(ROWS, name, arrays_per_chunk=2)
    assert files(storage.store_path) == before and storage.block_names() == ["b"]
    storage.write(ROWS, "g/a", arrays_per_chunk=2)
    with pytest.raises(ValueError, match="g/"):
        storage.write(ROWS, "g", arrays_per_chunk=2)
    for method in (storage.read, storage.delete_block):
        with pytest.raises(KeyError):
            method("g")


@pytest.mark.parametrize(
    "name", ["", "/", ".", "..", "../b", "b/..", "b/.", "a\0b", "zarr.json", "b/c/0/0", None, b"b"]
)
def test_names_that_no_block_has(storage, name):
    for method in (storage.read, storage.delete_block, lambda name: next(storage.block_iter(name))):
        with pytest.raises(KeyError, match="there is no block"):
            method(name)
    assert storage.block_names() == ["b"]


def test_arrays_of_others_without_rows(tmp_path):
    group = zarr.create_group(tmp_path / "s.zarr")
    group.create_array("scalar", shape=(), dtype="f4")
    group.create_array("empty", shape=(0, 2), dtype="f4")
    with ArrayStorage(tmp_path / "s", "a") as s:
        with pytest.raises(ValueError, match="without rows"):
            s.write([np.float32(1)], "scalar", arrays_per_chunk=1)
        with pytest.raises(KeyboardInterrupt):
            s.write(interrupted(np.ones((1, 2), np.float32)), "empty")
        assert s.block_names() == ["empty"]
        s.write(ROWS, "b", arrays_per_chunk=3)
        with ArrayStorage(s.compress(compression_level=1), "r") as archive:
            np.testing.assert_array_equal(archive.read("b"), ROWS)


# ---- refused and interrupted writes


def interrupted(rows):
    yield from rows
    raise KeyboardInterrupt


REFUSED = {
    "another shape": (RuntimeError, lambda s: s.write([np.ones(2)], "b")),
    "another dtype": (RuntimeError, lambda s: s.write([np.ones(3, np.float32)], "b")),
    "another chunk": (RuntimeError, lambda s: s.write([np.ones(3)], "b", arrays_per_chunk=4)),
    "ragged": (ValueError, lambda s: s.write([np.ones(3), np.ones(2)], "b")),
    "mixed": (ValueError, lambda s: s.write([np.ones(3), np.ones(3, int)], "b")),
    "ragged inside": (ValueError, lambda s: s.write([[[1.0], [1.0, 2.0]]], "b")),
    "objects": (TypeError, lambda s: s.write([np.array([None])], "b")),
    "None": (TypeError, lambda s: s.write([None], "b")),
    "records": (TypeError, lambda s: s.write([np.zeros(3, "i4,f4")], "b")),
    "80 bits": (TypeError, lambda s: s.write([np.zeros(3, np.longdouble)], "b")),
    "text for a list of texts": (TypeError, lambda s: s.write("abc", "b")),
    "a mapping": (TypeError, lambda s: s.write({0: np.ones(3)}, "b")),
    "a masked table": (TypeError, lambda s: s.write(np.ma.masked_less(np.eye(3), 1), "b")),
    "a masked array": (TypeError, lambda s: s.write([np.ones(3), np.ma.masked_less(np.ones(3), 2)], "b")),
    "no arrays but a number": (TypeError, lambda s: s.write(3, "b")),
    "a 0-d array": (TypeError, lambda s: s.write(np.array(3.0), "b")),
    "half a row a chunk": (TypeError, lambda s: s.write([np.ones(3)], "new", arrays_per_chunk=0.5)),
    "no row a chunk": (ValueError, lambda s: s.write([np.ones(3)], "new", arrays_per_chunk=0)),
    "too much a chunk": (ValueError, lambda s: s.write([np.ones(3)], "new", arrays_per_chunk=10**9)),
    "ragged at last": (ValueError, lambda s: s.write([*np.ones((50, 3)), np.ones(2)], "new", arrays_per_chunk=2)),
    "interrupted": (KeyboardInterrupt, lambda s: s.write(interrupted(np.ones((50, 3))), "b")),
    "interrupted at first": (
        KeyboardInterrupt,
        lambda s: s.write(interrupted([np.ones(3)]), "new", arrays_per_chunk=1),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_write_changes_nothing(storage, monkeypatch, name):
    monkeypatch.setattr("pureml_io.block.SLAB", 100)  # several tables: some are written before the error
    before = files(storage.store_path)
    error, f = REFUSED[name]
    with pytest.raises(error):
        f(storage)
    assert files(storage.store_path) == before and storage.block_names() == ["b"]
    np.testing.assert_array_equal(storage.read("b"), ROWS)
    storage.write(ROWS, "b", arrays_per_chunk=np.int64(3))
    storage.write([np.ones(2)], "new", arrays_per_chunk=np.uint8(4))
    np.testing.assert_array_equal(storage.read("b"), np.concatenate([ROWS, ROWS]))
    np.testing.assert_array_equal(storage.read("new"), np.ones((1, 2)))


@pytest.mark.parametrize("wrong", [3, None, np.array(3.0), "abc"])
def test_what_holds_no_arrays_is_named(storage, wrong):
    with pytest.raises(TypeError, match=f"write: given a {type(wrong).__name__}, needed arrays in an order"):
        storage.write(wrong, "b")


def test_no_arrays_change_nothing(storage):
    before = files(storage.store_path)
    for none in ([], iter(()), np.zeros((0, 3)), ()):
        storage.write(none, "b")
        storage.write(none, "new")
    assert files(storage.store_path) == before


def test_an_iterator_may_fill_one_array_again_and_again(storage):
    buffer = np.empty(3)

    def rows():
        for i in range(5):
            buffer[...] = i
            yield buffer

    storage.write(rows(), "new", arrays_per_chunk=2)
    np.testing.assert_array_equal(storage.read("new"), np.repeat(np.arange(5.0), 3).reshape(5, 3))


def test_the_default_chunk_is_warned_of_where_it_is_left_out(tmp_path):
    with ArrayStorage(tmp_path / "s", "w") as s:
        with pytest.warns(RuntimeWarning, match="arrays_per_chunk=10") as caught:
            s.write(list(ROWS), "b")
        assert caught[0].filename == __file__
        s.write(list(ROWS), "b")
        assert s.root["b"].chunks == (10, 3)


KILLED = """
import os, sys
import numpy as np, zarr
from pureml_io import ArrayStorage
from zarr.storage import LocalStore
import pureml_io.block
pureml_io.block.SLAB = 100

path, rows, new = sys.argv[1], np.arange(21.0).reshape(7, 3), np.ones((20, 3))
change = {"append": lambda s: s.write(new, "b"), "new": lambda s: s.write(new, "new", arrays_per_chunk=2),
          "delete": lambda s: s.delete_block("b")}[sys.argv[2]]
k = 0
while True:
    with ArrayStorage(path, "w") as s:
        s.write(rows, "b", arrays_per_chunk=3)
    child = os.fork()
    if child == 0:
        left = [k]
        def counted(method):
            async def call(*args, **kwargs):
                if left[0] == 0:
                    os._exit(1)
                left[0] -= 1
                return await method(*args, **kwargs)
            return call
        for name in ("set", "delete", "delete_dir"):
            setattr(LocalStore, name, counted(getattr(LocalStore, name)))
        change(ArrayStorage(path, "a"))
        os._exit(0)
    done = os.waitpid(child, 0)[1] == 0
    with ArrayStorage(path, "a") as s:
        names = set(s.block_names())
        b = s.read("b") if "b" in names else None
        assert names <= {"b", "new"}, names
        if sys.argv[2] == "append":
            assert np.array_equal(b, np.concatenate([rows, new]) if done else rows), (k, b)
        elif sys.argv[2] == "delete":
            assert (b is None) if done else b is None or np.array_equal(b, rows), (k, b)
        else:
            assert ("new" in names) == done and np.array_equal(b, rows), k
            if not done:
                s.write([np.float32(7)], "new", arrays_per_chunk=5)  # whatever was left does not matter
                assert s.read("new").tolist() == [7]
        s.write(rows, "b", arrays_per_chunk=3)
        assert np.array_equal(s.read("b")[-7:], rows)
    if done:
        break
    k += 1
print(k)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(("change", "steps"), [("append", 7), ("new", 10), ("delete", 2)])
def test_killed_at_every_step_of_a_change(tmp_path, change, steps):
    """Before each call that writes to the disk in turn, the process ends."""
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "s"), change], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= steps


# ---- deletion and attributes


def test_delete_block(storage):
    storage.delete_block("b")
    assert storage.block_names() == [] and files(storage.store_path) == ["zarr.json"]
    for f in (storage.read, storage.delete_block, lambda name: next(storage.block_iter(name))):
        with pytest.raises(KeyError, match="'b'"):
            f("b")
    storage.write([np.ones(5, np.int8)], "b", arrays_per_chunk=1)
    assert storage.read("b").shape == (1, 5)


@pytest.mark.parametrize("step", [1, 2, 3, 4, 5, 6, 7, 100])
def test_block_iter_reads_each_chunk_once(storage, monkeypatch, step):
    from pureml_io.stores import WithoutGaps

    storage.write(np.arange(60.0).reshape(20, 3), "b")  # 27 rows in chunks of 3
    read, get = [], WithoutGaps.get

    async def counted(self, key, *args, **kwargs):
        read.append(key)
        return await get(self, key, *args, **kwargs)

    monkeypatch.setattr(WithoutGaps, "get", counted)
    assert [len(part) for part in storage.block_iter("b", step=step)] == [min(step, 27 - i) for i in range(0, 27, step)]
    assert sorted(read) == sorted(f"b/c/{i}/0" for i in range(9))


def test_block_iter_checks_when_it_starts(storage):
    waiting = storage.block_iter("b", step=0)
    with pytest.raises(ValueError, match="step"):
        next(waiting)


ATTRIBUTES = {
    "nested": ({"a": [1, {"b": (np.float32(0.5), None, "é✓")}]}, {"a": [1, {"b": [0.5, None, "é✓"]}]}),
    "NumPy": (np.array([[1, 2]]), [[1, 2]]),
    "NumPy's scalars": ({"a": np.int64(3), "b": np.bool_(True), "c": np.str_("x")}, {"a": 3, "b": True, "c": "x"}),
    "arrays inside": ([np.arange(2), (np.array(1.5),)], [[0, 1], [1.5]]),
    "a set": ({3, 1, 20}, [1, 3, 20]),
    "sets inside": ({"a": frozenset({"b", "a"})}, {"a": ["a", "b"]}),
    "a mixed set": ({1, "a"}, ["a", 1]),
    "dates": ([datetime.date(2026, 1, 2), datetime.datetime(2026, 1, 2, 3)], ["2026-01-02", "2026-01-02T03:00:00"]),
    "infinities": ([float("inf"), -float("inf")], [float("inf"), -float("inf")]),
    "a large number": (2**70, 2**70),
    "empty": ([{}, [], ""], [{}, [], ""]),
}


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_attributes(storage, name):
    value, want = ATTRIBUTES[name]
    storage.add_attr("b", 0)
    storage.add_attr("b", value)  # a block has the name, too
    assert storage.get_attr("b") == want
    with ArrayStorage(storage.compress(compression_level=1), "r") as archive:
        assert archive.get_attr("b") == want
        with zipfile.ZipFile(archive.store_path) as z:
            assert b"NaN" not in z.read("zarr.json") and b"Infinity" not in z.read("zarr.json")


cyclic = []
cyclic.append(cyclic)
REFUSED_ATTRIBUTES = {
    "an object": {"a": [object()]},
    "bytes": b"x",
    "complex": 1j,
    "numbers as keys": {1: 2},
    "a list in itself": cyclic,
    "objects in a set": {object(), object()},
}


@pytest.mark.parametrize("name", REFUSED_ATTRIBUTES)
def test_attributes_are_refused(storage, name):
    storage.add_attr("a", 1)
    with pytest.raises(TypeError, match="'a'"):
        storage.add_attr("a", REFUSED_ATTRIBUTES[name])
    with pytest.raises(TypeError):
        storage.add_attr(3, 1)
    assert storage.get_attr("a") == 1
    with pytest.raises(KeyError, match="there is no attribute 'c'"):
        storage.get_attr("c")


# ---- zips


def test_compress(storage, tmp_path):
    for target, into in {
        tmp_path / "s.zip": None,
        tmp_path / "new" / "s.zip": tmp_path / "new",
        tmp_path / "deep" / "er" / "x.zip": str(tmp_path / "deep" / "er" / "x.zip"),
        tmp_path / "LOUD.ZIP": tmp_path / "LOUD.ZIP",
    }.items():
        assert storage.compress(into, compression_level=np.int64(4)) == str(target.resolve())
        with zipfile.ZipFile(target) as z:
            assert len(set(z.namelist())) == len(z.namelist()) == 5
        with ArrayStorage(target, "r") as archive:
            np.testing.assert_array_equal(archive.read("b"), ROWS)
            assert archive.compress(compression_level=1) == str(target.resolve())
    assert (tmp_path / "s.zip").read_bytes() == (tmp_path / "new" / "s.zip").read_bytes()


@pytest.mark.parametrize("level", [-1, 10, "5", None, 1.0])
def test_levels(storage, tmp_path, level):
    with pytest.raises((ValueError, TypeError), match="needed 0 to 9"):
        storage.compress(compression_level=level)
    with pytest.raises((ValueError, TypeError)), ArrayStorage.compress_and_cleanup(tmp_path / "x.zip", level):
        raise AssertionError("the level is checked first")
    with pytest.raises(TypeError):
        storage.compress()
    assert os.listdir(tmp_path) == ["s.zarr"]


def test_levels_compress(storage):
    storage.write(np.zeros((1000, 50)), "z", arrays_per_chunk=100)
    sizes = [os.path.getsize(storage.compress(compression_level=level)) for level in (0, 1)]
    assert sizes[0] > 400_000 > 20_000 > sizes[1]


def test_compress_and_cleanup(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    target = tmp_path / "x.zip"
    with ArrayStorage.compress_and_cleanup(target, 3) as s:
        s.write(ROWS, "b", arrays_per_chunk=3)
        s.add_attr("a", 1)
    before = target.read_bytes()
    with pytest.raises(KeyboardInterrupt), ArrayStorage.compress_and_cleanup(target, compression_level=3) as s:
        s.write(ROWS[:2], "b", arrays_per_chunk=3)
        raise KeyboardInterrupt
    assert target.read_bytes() == before and not any((tmp_path / "temporary").iterdir())
    with ArrayStorage(target, "r") as archive:
        assert archive.get_attr("a") == 1 and len(archive.read("b")) == 7
    with ArrayStorage.compress_and_cleanup(tmp_path / "folder", 3) as s:
        s.write(ROWS, "b", arrays_per_chunk=3)
    (written,) = (tmp_path / "folder").iterdir()
    assert written.suffix == ".zip" and not any((tmp_path / "temporary").iterdir())


@pytest.mark.parametrize(("given", "error"), [(None, TypeError), (3, TypeError), ("folder.zip", IsADirectoryError)])
def test_what_cannot_be_a_zip_is_refused_at_once(tmp_path, monkeypatch, given, error):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.zip").mkdir()
    with pytest.raises(error), ArrayStorage.compress_and_cleanup(given, 3):
        raise AssertionError("hours of work")


def test_closed(storage):
    archive = ArrayStorage(storage.compress(compression_level=1), "r")
    for s in (storage, archive):
        begun = s.block_iter("b", step=3)
        next(begun)
        s.close()
        s.close()
        for f in (lambda s=s: s.read("b"), lambda s=s: s.get_attr("a"), s.block_names, lambda b=begun: next(b)):
            with pytest.raises(ValueError, match="closed") as caught:
                f()
            assert caught.type is ValueError  # no damage
    with pytest.raises(ValueError, match="closed"):
        storage.write(ROWS, "b")


# ---- damage


def rewritten(source, target, change):
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = change(name, old.read(name))
            if data is not None:
                new.writestr(name, data)


def flip(data, i):
    return data[:i] + bytes([data[i] ^ 1]) + data[i + 1 :]


DAMAGE = {
    "a missing chunk": lambda name, data: None if name == "b/c/1/0" else data,
    "a flipped bit": lambda name, data: flip(data, len(data) // 2) if name == "b/c/1/0" else data,
    "half a chunk": lambda name, data: data[:9] if name == "b/c/1/0" else data,
    "no JSON": lambda name, data: data[:50] if name == "b/zarr.json" else data,
    "another dtype": lambda name, data: data.replace(b'"<f8"', b'"<U9"') if name == "b/zarr.json" else data,
    "objects": lambda name, data: data.replace(b'"<f8"', b'"|O"') if name == "b/zarr.json" else data,
    "an unknown codec": lambda name, data: data.replace(b'"crc32c"', b'"what"') if name == "b/zarr.json" else data,
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_one_error(storage, tmp_path, name):
    storage.write(ROWS, "whole", arrays_per_chunk=10)
    rewritten(storage.compress(compression_level=3), tmp_path / "damaged.zip", DAMAGE[name])
    with ArrayStorage(tmp_path / "damaged.zip", "r") as archive:
        with pytest.raises(ArchiveError, match="b"):
            archive.read("b")
        np.testing.assert_array_equal(archive.read("whole"), ROWS)


@pytest.mark.parametrize(("file", "cut"), [("c/2/0", None), ("c/2/0", 1), ("zarr.json", 1)])
def test_nothing_is_appended_to_a_damaged_block(storage, file, cut):
    """The last chunk is not full: it is written anew with the rows that were in it."""
    path = Path(storage.store_path) / "b" / file
    data = path.read_bytes()
    path.unlink()
    if cut is not None:
        path.write_bytes(data[:-cut])
    before = files(storage.store_path)
    with pytest.raises(ArchiveError):
        storage.write(ROWS, "b")
    assert files(storage.store_path) == before


def test_a_truncated_zip(storage, tmp_path):
    whole = Path(storage.compress(compression_level=3)).read_bytes()
    for content in (whole[:-30], b"", b"no zip"):
        (tmp_path / "t.zip").write_bytes(content)
        with pytest.raises(ArchiveError, match=r"t\.zip"):
            ArrayStorage(tmp_path / "t.zip", "r")


# ---- larger than memory, and not loaded before it is needed

LARGE = """
import resource, sys
import numpy as np
from pureml_io import ArrayStorage

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10

rows, n, folder = np.random.default_rng(0).random((100, 10_000)), 32, sys.argv[1]  # 8 MB, 256 MB in all
with ArrayStorage(folder + "/small", "w") as s:
    s.write(rows[:10], "x", arrays_per_chunk=10)
    s.read("x")
before = peak()
with ArrayStorage(folder + "/large", "w") as s:
    s.write((row for i in range(n) for row in rows), "x", arrays_per_chunk=25)
    path = s.compress(compression_level=0)
total = 0.0
with ArrayStorage(path, "r") as s:
    for table in s.block_iter("x", step=50):
        total += table.sum()
    assert (s.read("x", slice(-100, None)) == rows).all()
assert abs(total - n * rows.sum()) < 1e-6 * total
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="measures memory by resource")
def test_larger_than_memory(tmp_path):
    done = subprocess.run([sys.executable, "-c", LARGE, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 128, f"{done.stdout} MB for 256 MB of arrays"


def test_importing_does_not_load_zarr():
    code = "import sys, pureml_io; pureml_io.ArrayStorage; print('zarr' in sys.modules, 'obstore' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"


def test_a_url_without_the_extra_says_what_to_install():
    code = (
        "import sys; sys.modules['obstore'] = None; import pureml_io; pureml_io.ArrayStorage('http://localhost/x', 'r')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "ImportError" in done.stderr and "pip install pureml-io[remote]" in done.stderr


def test_a_zip_in_a_folder_is_named_after_it(tmp_path):
    with ArrayStorage.compress_and_cleanup(tmp_path / "v1.2", 3) as storage:
        storage.write(ROWS, "b", arrays_per_chunk=3)
    assert [path.name for path in (tmp_path / "v1.2").iterdir()] == ["v1.2.zip"]
    np.testing.assert_array_equal(ArrayStorage(tmp_path / "v1.2" / "v1.2.zip", "r").read("b"), ROWS)
