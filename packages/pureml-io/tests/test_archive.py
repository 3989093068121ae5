"""State archives: what goes in comes out, and whatever is wrong with a file is one clear error."""

import io
import json
import math
import shutil
import struct
import zipfile

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from pureml_core.state import State
from pureml_io import ArchiveError, MissingArrayError, archive, archive_reading, load, save, validate
from pureml_io.layout import CHUNK, DTYPES, chunk_shape

LITERALS = {"lr": 0.1, "steps": 3, "names": ["a", None, True], "deep": {"": {"x": [1.5, "é\ud800"]}}}


def some_state():
    rng = np.random.default_rng(0)
    return State(
        "demo.Model/1",
        {"blocks.0.W": rng.standard_normal((64, 10)).astype("f4"), "blocks.0.b": np.zeros(10), "n": np.array(7)},
        LITERALS,
    )


def assert_equal(a, b):
    assert (a.kind, a.literals, list(a.arrays)) == (b.kind, b.literals, list(b.arrays))
    for name, array in a.arrays.items():
        other = b.arrays[name]
        assert (array.shape, repr(array.dtype.newbyteorder("="))) == (other.shape, repr(other.dtype)), name
        np.testing.assert_array_equal(array, other)


def repr_of_type(x):
    return type(x).__name__


def opened(path):
    """All entries of a zip: name -> bytes."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewritten(path, entries):
    """The zip written again, checksums and all, from (name, bytes) pairs."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries:
            archive.writestr(zipfile.ZipInfo(name), data)


# ---- there and back

ARRAYS = {
    "0-d": np.array(2.5),
    "empty": np.zeros((0, 3), "i4"),
    "inner empty": np.zeros((4, 0)),
    "transposed": np.arange(12.0).reshape(3, 4).T,
    "strided": np.arange(20)[::-3],
    "broadcast": np.broadcast_to(np.float32(1), (3, 3)),
    "big-endian": np.arange(5, dtype=">f4"),
    "special": np.array([np.nan, np.inf, -np.inf, -0.0]),
    "several chunks, cut at the edge": np.arange(CHUNK // 8 * 3 + 1, dtype="i8").reshape(-1, 1),
    "long rows": np.ones((2, CHUNK // 4 + 5), "f4"),
    "many axes": np.ones((1,) * 64),
    "true by another byte": np.array([0, 2, 255], "u1").view(bool),
    **{f"dtype {name}": np.array([0, 1, 1]).astype(dtype) for name, dtype in DTYPES.items()},
}


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("level", [0, 3])
def test_arrays(tmp_path, name, level):
    state = State("demo", {name: ARRAYS[name]})
    save(state, tmp_path / "a", compression_level=level)
    loaded = load(tmp_path / "a")
    assert_equal(state, loaded)
    assert loaded.arrays[name].flags.writeable and loaded.arrays[name].flags.c_contiguous


NAMES = [
    "W",
    "a.b",
    "a/b",
    "../up",
    "/root",
    "",
    ".",
    "..",
    "zarr.json",
    "c",
    "__hidden",
    "naïve ☃",
    "x" * 300,
    "A",
    "%0",
]
NAMES += ["CON", "a\\b", "a\nb", "\ud800", "end.", "c.0"]


class Odd(str):
    __slots__ = ()

    def __format__(self, _):
        return "odd"

    __str__ = __repr__ = lambda self: "odd"


@pytest.mark.parametrize("name", [Odd("w"), np.str_("w")], ids=["odd", "numpy"])
def test_strings_of_other_classes_are_names(tmp_path, name):
    save(State("demo", {name: np.zeros(1)}, {name: name}), tmp_path / "a")
    loaded = load(tmp_path / "a")
    assert list(loaded.arrays) == ["w"] and loaded.literals == {"w": "w"} and type(loaded.literals["w"]) is str


def test_names_stay_inside(tmp_path):
    state = State("demo", {name: np.array([i]) for i, name in enumerate(NAMES)})
    path = save(state, tmp_path / "a")
    assert_equal(state, load(path))
    with zipfile.ZipFile(path) as archive:
        assert all(".." not in n.split("/") and not n.startswith("/") and "\\" not in n for n in archive.namelist())
        assert "a.b/zarr.json" in archive.namelist()
        assert len(set(archive.namelist())) == len(archive.namelist())


@given(
    st.lists(st.integers(0, 40), max_size=4),
    st.sampled_from([1, 2, 4, 8, 16]),
    st.integers(1, 12),
)
def test_chunks_cover_an_array_without_waste(shape, itemsize, scale):
    shape = tuple(n * 3**scale for n in shape)
    chunks = chunk_shape(shape, itemsize)
    assert math.prod(chunks) * itemsize <= CHUNK and min(chunks, default=1) >= 1
    padded = math.prod(-(-n // c) * c for n, c in zip(shape, chunks, strict=True))
    assert padded <= math.prod(shape) * 1.5
    cut = [c != max(n, 1) for n, c in zip(shape, chunks, strict=True)]
    assert all(c == 1 for c in chunks[: max((i for i, x in enumerate(cut) if x), default=0)])


def test_equal_states_make_equal_files(tmp_path):
    assert save(some_state(), tmp_path / "a").read_bytes() == save(some_state(), tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("run", "run.pureml.zip"),
        ("run.v1", "run.v1.pureml.zip"),
        ("run.zip", "run.zip.pureml.zip"),
        ("run.pureml.zip", "run.pureml.zip"),
    ],
)
def test_suffix_is_appended_once(tmp_path, given, name):
    assert save(some_state(), str(tmp_path / given)) == tmp_path / name
    assert_equal(some_state(), load(tmp_path / given))
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_plain_zarr_opens_it(tmp_path):
    state = State("demo", {**some_state().arrays, **ARRAYS}, LITERALS)
    path = save(state, tmp_path / "a")
    with zarr.storage.ZipStore(path, mode="r") as store:
        group = zarr.open_group(store, mode="r")
        assert group.attrs["kind"] == "demo" and group.attrs["literals"] == LITERALS
        manifest = group.attrs["manifest"]
        assert {path for path, _ in group.arrays()} == {entry["path"] for entry in manifest.values()}
        for name, array in state.arrays.items():
            stored = group[manifest[name]["path"]]
            assert stored.dtype == array.dtype.newbyteorder("=")
            np.testing.assert_array_equal(stored[...], array)
        assert "blocks.0.W" in group


@pytest.fixture
def sampled(monkeypatch):
    monkeypatch.setattr(archive, "EAGER", 0)  # every chunk is tried, as all but the first of a large state


@pytest.mark.parametrize("name", ARRAYS)
def test_sampled_arrays(tmp_path, sampled, name):
    state = State("demo", {name: ARRAYS[name]})
    assert_equal(state, load(save(state, tmp_path / "a")))


def test_only_what_shrinks_is_packed(tmp_path, sampled):
    noise = np.random.default_rng(0).standard_normal(CHUNK // 4 * 2).astype("f4")
    noise[: len(noise) // 2] = 0
    state = State("demo", {"x": noise})
    path = save(state, tmp_path / "a")
    zeros, rest = (len(opened(path)[f"x/c/{i}"]) for i in range(2))
    assert zeros < 10_000 and rest == CHUNK + 20
    with zarr.storage.ZipStore(path, mode="r") as store:
        np.testing.assert_array_equal(zarr.open_group(store, mode="r")["x"][...], noise)
    save(state, path, compression_level=4)
    assert len(opened(path)["x/c/1"]) < 0.95 * CHUNK


def test_open_files(path):
    with open(path, "rb") as file:
        assert_equal(some_state(), load(file))
    assert_equal(some_state(), load(io.BytesIO(path.read_bytes())))
    with pytest.raises(ArchiveError, match="the archive: "):
        load(io.BytesIO(b"nothing"))


@pytest.mark.parametrize("given", [None, 3, b"PK", io.StringIO("PK"), State("k")], ids=repr_of_type)
def test_what_is_no_file(given):
    with pytest.raises(TypeError, match="needed a path or an open binary file"):
        load(given)


def test_validate(path):
    contents = validate(path)
    assert (contents.kind, contents.literals, contents.compression_level) == ("demo.Model/1", LITERALS, 3)
    assert {name: at.shape for name, at in contents.layouts.items()} == {
        name: array.shape for name, array in some_state().arrays.items()
    }


# ---- what cannot be saved

REFUSED = [
    (State("k", {"x": np.array([None])}), TypeError, "'x' has dtype object"),
    (State("k", {"x": np.array(["a"])}), TypeError, "'x' has dtype <U1"),
    (State("k", {"x": np.zeros(2, "M8[s]")}), TypeError, "'x' has dtype datetime64"),
    (State("k", {"x": np.zeros(2, [("a", "f4")])}), TypeError, "'x' has dtype"),
    (State("k", {"x": [1.0]}), TypeError, "'x': given a list"),
    (State("k", {"x": np.ma.array([1.0], mask=[True])}), TypeError, "'x': given a MaskedArray"),
    ({"x": np.zeros(1)}, TypeError, "given a dict, needed a State"),
    (State("k", {3: np.zeros(1)}), TypeError, "named 3"),
    (State(None, {}), TypeError, "kind must be a string"),
    (State("k", {}, [1]), TypeError, "a dict of JSON values"),
    (State("k", {}, None), TypeError, "a dict of JSON values"),
    (State("k", {}, {"x": (1, 2)}), TypeError, "encode"),
    (State("k", {}, {"x": {1: 2}}), TypeError, "encode"),
    (State("k", {}, {"x": math.nan}), TypeError, "encode"),
    (State("k", {}, {"x": object()}), TypeError, "encode"),
    (State("k", {}, {"x": json.loads("[" * 300 + "]" * 300)}), TypeError, "nested deeper than 200"),
    (State("k", {}, {"x": "y" * (17 << 20)}), ValueError, "belongs into arrays"),
]


@pytest.mark.parametrize(("state", "error", "message"), REFUSED)
def test_refused_at_save(tmp_path, state, error, message):
    save(some_state(), tmp_path / "a")
    with pytest.raises(error, match=message):
        save(state, tmp_path / "a")
    assert_equal(some_state(), load(tmp_path / "a"))
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("level", [-1, 10])
def test_compression_level(tmp_path, level):
    with pytest.raises(ValueError, match=r"save: given compression_level .*, needed 0 to 9"):
        save(some_state(), tmp_path / "a", compression_level=level)
    with pytest.raises(TypeError, match=r"save: given compression_level 'fast', needed 0 to 9"):
        save(some_state(), tmp_path / "a", compression_level="fast")


def test_paths_that_are_none(tmp_path):
    for none in ("", ".", tmp_path / ".."):
        with pytest.raises(ValueError, match="file name"):
            save(some_state(), none)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        save(some_state(), tmp_path / "none" / "a")
    (tmp_path / "d.pureml.zip").mkdir()
    with pytest.raises(IsADirectoryError):
        save(some_state(), tmp_path / "d")
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "a")


# ---- what cannot be loaded


def test_what_may_be_unpacked_is_bounded(tmp_path, monkeypatch):
    state = State("demo", {"x": np.zeros(1_000_000, "u1")})
    path = save(state, tmp_path / "a")
    with pytest.raises(
        ArchiveError, match=r"would unpack to 1000000, more than the 999999 allowed; .* max_bytes=1000000"
    ):
        load(path, max_bytes=999_999)
    assert_equal(load(path, max_bytes=1_000_000), state)
    with pytest.raises(ArchiveError, match="more than the nan allowed"):
        load(path, max_bytes=math.nan)
    monkeypatch.setattr(archive_reading, "UNASKED", 999_999)
    with pytest.raises(ArchiveError, match="allowed"):
        validate(path)
    monkeypatch.setattr(archive_reading, "RATIO", 1_000_000 // path.stat().st_size + 1)
    assert_equal(load(path), state)


def test_a_bomb_allocates_nothing(tmp_path):
    tracemalloc = pytest.importorskip("tracemalloc")
    path = save(State("demo", {"x": np.zeros(50_000_000, "u1")}), tmp_path / "a")
    tracemalloc.start()
    with pytest.raises(ArchiveError, match="allowed"):
        load(path, max_bytes=1_000_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.fixture
def path(tmp_path):
    return save(some_state(), tmp_path / "a")


@pytest.mark.parametrize("part", range(20))
def test_truncated(path, part):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * part // 20])
    with pytest.raises(ArchiveError, match=r"a\.pureml\.zip: "):
        load(path)


def test_flipped_bits(path):
    data = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for position in rng.integers(0, len(data) * 8, 400):
        flipped = bytearray(data)
        flipped[position // 8] ^= 1 << position % 8
        path.write_bytes(flipped)
        try:
            loaded = load(path)
        except ArchiveError:
            refused += 1
        else:  # a date or a permission in the zip's own tables, which say nothing about the state
            assert_equal(some_state(), loaded)
    assert refused > 200


def test_a_flipped_bit_behind_zips_own_checksum_is_named(path):
    entries = opened(path)
    chunk = bytearray(entries["blocks.0.W/c/0/0"])
    chunk[50] ^= 4
    rewritten(path, (entries | {"blocks.0.W/c/0/0": bytes(chunk)}).items())
    with pytest.raises(ArchiveError, match=r"array 'blocks\.0\.W', chunk 'blocks\.0\.W/c/0/0': its checksum is wrong"):
        load(path)


def test_missing_chunk(path):
    entries = opened(path)
    del entries["blocks.0.W/c/0/0"]
    rewritten(path, entries.items())
    with pytest.raises(ArchiveError, match=r"the chunk 'blocks\.0\.W/c/0/0' is missing"):
        load(path)


def test_missing_array_is_a_key_error_too(path):
    entries = opened(path)
    del entries["blocks.0.b/zarr.json"]
    rewritten(path, entries.items())
    with pytest.raises(KeyError) as caught:
        load(path)
    assert isinstance(caught.value, MissingArrayError) and "'blocks.0.b' is missing" in str(caught.value)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicate_entry(path):
    entries = opened(path)
    rewritten(path, [*entries.items(), ("n/c", entries["n/c"])])
    with pytest.raises(ArchiveError, match="'n/c' is there twice"):
        load(path)


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "stray", "n/c/0", "blocks.0.W/c/1/0", "n/"])
def test_entries_that_belong_to_nothing(path, name):
    rewritten(path, [*opened(path).items(), (name, b"")])
    with pytest.raises(ArchiveError, match="does not belong to any array"):
        load(path)


def test_overlapping_entries(path):
    data = bytearray(path.read_bytes())
    record = data.rindex(b"PK\x01\x02")  # the last file of the directory, moved onto the first
    data[record + 42 : record + 46] = struct.pack("<I", 0)
    path.write_bytes(data)
    with pytest.raises(ArchiveError, match="overlap"):
        load(path)


def test_compressed_by_zip(path):
    entries = opened(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    with pytest.raises(ArchiveError, match="compressed or encrypted"):
        load(path)


def manifest_lie(name, **changes):
    def lie(attributes):
        attributes["manifest"][name] |= changes

    return lie


def changed(**changes):
    return lambda attributes: attributes.update(changes)


HUGE = 10**12
LIES = {
    "future format": (changed(version=2), "version 2, this pureml-io reads 1; upgrade"),
    "version that is no number": (changed(version=True), "version True"),
    "one more attribute": (changed(more=1), "attributes of a state archive alone"),
    "impossible level": (changed(compression_level=10), "the compression level is 10, needed 0 to 9"),
    "other format": (changed(format="x"), "not a PureML state archive"),
    "no kind": (changed(kind=None), "'kind' is None"),
    "no literals": (changed(literals=[]), "'literals' is"),
    "no manifest": (changed(manifest="x"), "'manifest' is"),
    "level": (changed(compression_level=7), "contradicts the manifest"),
    "shape": (manifest_lie("blocks.0.b", shape=[11]), "n entries|contradicts|missing"),
    "same count": (manifest_lie("blocks.0.W", shape=[10, 64], chunks=[10, 64]), "contradicts the manifest"),
    "huge shape": (manifest_lie("blocks.0.b", shape=[HUGE]), "chunks are missing"),
    "huge chunk": (manifest_lie("blocks.0.b", shape=[HUGE], chunks=[HUGE]), "more than"),
    "huge empty": (manifest_lie("blocks.0.b", shape=[0, HUGE, HUGE], chunks=[1, 1, 1]), "the shape"),
    "empty and long": (manifest_lie("blocks.0.b", shape=[0, 2**50], chunks=[1, 1]), "contradicts"),
    "negative": (manifest_lie("blocks.0.b", shape=[-1]), "the shape"),
    "float shape": (manifest_lie("blocks.0.b", shape=[10.0]), "the shape"),
    "bool shape": (manifest_lie("blocks.0.b", shape=[True]), "the shape"),
    "no shape": (manifest_lie("blocks.0.b", shape=None), "the shape"),
    "zero chunk": (manifest_lie("blocks.0.b", chunks=[0]), "the shape"),
    "ranks": (manifest_lie("blocks.0.b", chunks=[10, 1]), "the shape"),
    "dtype": (manifest_lie("blocks.0.b", dtype="float32"), "contradicts"),
    "object": (manifest_lie("blocks.0.b", dtype="object"), "the dtype 'object'"),
    "unhashable dtype": (manifest_lie("blocks.0.b", dtype=[]), "the dtype"),
    "out of the archive": (manifest_lie("blocks.0.b", path="../x"), r"the path '\.\./x'"),
    "another's path": (manifest_lie("blocks.0.b", path="n"), "the path 'n'"),
    "more": (manifest_lie("blocks.0.b", more=1), "needed its path, dtype, shape and chunks"),
    "fewer": (lambda a: a["manifest"].pop("n"), "does not belong"),
}


@pytest.mark.parametrize("name", LIES)
def test_lies_in_the_attributes(path, name):
    lie, message = LIES[name]
    entries = opened(path)
    group = json.loads(entries["zarr.json"])
    lie(group["attributes"])
    rewritten(path, (entries | {"zarr.json": json.dumps(group)}).items())
    with pytest.raises(ArchiveError, match=message):
        load(path)


@pytest.mark.parametrize(
    "changes", [{"consolidated_metadata": {}}, {"zarr_format": 2}, {"node_type": "array"}], ids=str
)
def test_the_group_says_nothing_else(path, changes):
    entries = opened(path)
    group = json.loads(entries["zarr.json"]) | changes
    rewritten(path, (entries | {"zarr.json": json.dumps(group)}).items())
    with pytest.raises(ArchiveError, match="not that of a zarr v3 group"):
        load(path)


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "-Infinity", "1" * 400 + ".0"])
def test_numbers_beyond_floats(path, number):
    entries = opened(path)
    entries["zarr.json"] = entries["zarr.json"].replace(b'"lr": 0.1', b'"lr": ' + number.encode())
    rewritten(path, entries.items())
    with pytest.raises(ArchiveError, match="needed finite numbers"):
        load(path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        "[" * 100_000,
        "9" * 10_000,
        '{"attributes": 3}',
        '{"a": 1, "a": 2}',
        "NaN",
        b"\xff\xfe\x00",
        "null",
    ],
)
@pytest.mark.parametrize("entry", ["zarr.json", "n/zarr.json"])
def test_nonsense_for_json(path, entry, text):
    rewritten(path, (opened(path) | {entry: text}).items())
    with pytest.raises(ArchiveError):
        load(path)


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip at all" * 100])
def test_no_zip(path, content):
    path.write_bytes(content)
    with pytest.raises(ArchiveError):
        load(path)


def test_other_zips(path, tmp_path):
    shutil.make_archive(str(tmp_path / "z"), "zip", tmp_path)
    shutil.move(tmp_path / "z.zip", path)
    with pytest.raises(ArchiveError, match="not a PureML state archive"):
        load(path)


BLOSC_LIES = {
    "size": (4, struct.pack("<I", 1 << 31)),
    "smaller": (4, struct.pack("<I", 8)),
    "packed size": (12, struct.pack("<I", 1 << 30)),
    "version": (0, b"\x09"),
    "compressor": (2, b"\x00"),
    "item size": (3, b"\x01"),
    "block size": (8, struct.pack("<I", 0)),
    "blocks": (16, b"\xff" * 8),
}


@pytest.mark.parametrize("name", BLOSC_LIES)
def test_lies_in_a_chunk_with_the_right_checksums(path, name):
    from numcodecs.checksum32 import CRC32C

    at, new = BLOSC_LIES[name]
    entries = opened(path)
    chunk = bytearray(entries["blocks.0.W/c/0/0"][:-4])
    chunk[at : at + len(new)] = new
    stored = bytes(chunk) + struct.pack("<I", CRC32C.checksum(bytes(chunk)))
    rewritten(path, (entries | {"blocks.0.W/c/0/0": stored}).items())
    with pytest.raises(ArchiveError, match=r"chunk 'blocks\.0\.W/c/0/0'"):
        load(path)


def test_booleans_are_true_or_false(path):
    save(State("demo", {"n": np.array([2, 1], "u1")}), path)
    entries = {name: data.replace(b'"uint8"', b'"bool"') for name, data in opened(path).items()}
    entries["n/zarr.json"] = entries["n/zarr.json"].replace(b'"fill_value": 0', b'"fill_value": false')
    rewritten(path, entries.items())
    with pytest.raises(ArchiveError, match="neither true nor false"):
        load(path)


def test_a_url_is_no_file():
    for name in ("http://host/x.pureml.zip", "s3://bucket/x"):
        with pytest.raises(ValueError, match="state archives are files; fetch it"):
            load(name)
        with pytest.raises(ValueError, match="state archives are files"):
            save(State("a/1"), name)
