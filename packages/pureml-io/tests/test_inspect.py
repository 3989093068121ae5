"""What is in an archive and how two differ, as tables and as JSON."""

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import zarr
from pureml_core.state import State
from pureml_io import ArchiveError, ArrayStorage, diff, inspect, save

ARRAYS = {
    "W": np.arange(12, dtype="f4").reshape(3, 4),
    "flags": np.array([True, False]),
    "none": np.zeros((0, 2)),
    "\x1b[31m": np.array(1),
}
STATE = State("demo/1", ARRAYS, {"lr": 0.1, "deep": {"steps": [1, 2]}})


@pytest.fixture
def path(tmp_path):
    return save(STATE, tmp_path / "a")


def damaged(path, entry):
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(entry)
    data[info.header_offset + 30 + len(entry) + info.file_size - 1] ^= 1
    path.write_bytes(data)


def test_inspect(path):
    found = inspect(path)
    assert (found.format, found.kind, found.size, found.literals) == (
        "pureml-state 1",
        "demo/1",
        path.stat().st_size,
        STATE.literals,
    )
    assert [(a.name, a.dtype, a.shape, a.nbytes, a.chunks) for a in found.arrays] == [
        (name, array.dtype.name, array.shape, array.nbytes, int(array.size > 0)) for name, array in ARRAYS.items()
    ]
    assert found.sound and {a.check for a in found.arrays} == {"sound"}
    table = str(found)
    assert "W" in table and "(3, 4)" in table and "zstd level 3" in table and "\x1b" not in table
    assert json.loads(json.dumps(found.to_json()))["arrays"][0]["shape"] == [3, 4]


def test_the_suffix_may_be_left_out_and_chunks_unread(path):
    found = inspect(str(path).removesuffix(".pureml.zip"), check=False)
    assert found.sound is None and "not compared" in str(found)


def test_damage_is_told_by_array(path):
    damaged(path, "W/c/0/0")
    found = inspect(path)
    assert found.sound is False and "DAMAGED" in str(found)
    assert [a.name for a in found.arrays if a.check != "sound"] == ["W"]
    assert "chunk 'W/c/0/0': its checksum is wrong" in found.arrays[0].check


def test_what_is_no_archive(path, tmp_path):
    with pytest.raises(FileNotFoundError):
        inspect(tmp_path / "none")
    text = tmp_path / "text"
    text.write_text("no zip at all")
    with pytest.raises(ArchiveError, match=r"text: .*does not end as a zip"):
        inspect(text)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ArchiveError, match="truncated"):
        inspect(path)
    shutil.make_archive(str(tmp_path / "other"), "zip", tmp_path, "text")
    with pytest.raises(ArchiveError, match="not a zip of zarr"):
        inspect(tmp_path / "other.zip")


def test_zips_of_zarr(tmp_path):
    path = tmp_path / "z.zip"
    with zarr.storage.ZipStore(path, mode="w") as store:
        zarr.create_array(store, name="deep/x", data=np.arange(6.0), chunks=(2,))
    found = inspect(path)
    assert (found.format, found.kind, found.sound) == ("zarr 3", None, True)
    assert [(a.name, a.dtype, a.shape, a.nbytes, a.chunks) for a in found.arrays] == [
        ("deep/x", "float64", (6,), 48, 3)
    ]
    damaged(path, "deep/x/c/1")
    assert inspect(path).arrays[0].check == "damaged: deep/x/c/1"


SAMPLES = Path(__file__).parent / "ym_pure_ml"


def test_archives_of_ym_pure_ml():
    found = inspect(SAMPLES / "full.pureml.zip")
    assert found.sound and len(found.arrays) == 66 and found.literals["meta"] == {"kind": "NNState"}
    assert not diff(SAMPLES / "full.pureml.zip", SAMPLES / "full.pureml.zip")


def zarr_zip(path, change, compression=zipfile.ZIP_STORED):
    array = {
        "node_type": "array", "shape": [2], "data_type": "uint8", "codecs": [{"name": "bytes"}], "attributes": {},
    }  # fmt: skip
    files = {"zarr.json": {"attributes": {}}, "x/zarr.json": array}
    change(files)
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, tree in files.items():
            archive.writestr(name, json.dumps(tree))
        archive.writestr("x/c/0", bytes(range(256)) * 9)
    return path


NONSENSE = {
    "attributes": lambda files: files["zarr.json"].update(attributes=[1]),
    "shape": lambda files: files["x/zarr.json"].update(shape=["a"]),
    "length": lambda files: files["x/zarr.json"].update(
        data_type={"name": "S", "configuration": {"length_bytes": "a"}}
    ),
    "configuration": lambda files: files["x/zarr.json"].update(data_type={"name": "S", "configuration": [1]}),
    "codecs": lambda files: files["x/zarr.json"].update(codecs=[1]),
    "array": lambda files: files.update({"x/zarr.json": [1]}),
}


@pytest.mark.parametrize("case", NONSENSE)
def test_zips_of_something_like_zarr(tmp_path, case):
    with pytest.raises(ArchiveError, match="not a zip of zarr v3 arrays"):
        inspect(zarr_zip(tmp_path / "z.zip", NONSENSE[case]))


def test_names_of_strangers_cannot_steer_the_terminal(tmp_path):
    def change(files):
        files["zarr.json"]["attributes"] = {"nan": float("nan")}
        files["x/zarr.json"] |= {"data_type": "\x1b[31m", "codecs": [{"name": "\x1b[32m"}]}
        files["x/\x1b[33m"] = {}

    path = zarr_zip(tmp_path / "z.zip", change)
    damaged(path, "x/\x1b[33m")
    found = inspect(path)
    assert found.sound is False and "\x1b" not in str(found)
    json.dumps(found.to_json(), allow_nan=False)


def test_zips_that_are_deflated_and_damaged(tmp_path):
    path = zarr_zip(tmp_path / "z.zip", lambda files: None, zipfile.ZIP_DEFLATED)
    assert inspect(path).sound
    data = bytearray(path.read_bytes())
    at = data.index(b"x/c/0") + 5
    data[at : at + 4] = b"\xff" * 4
    path.write_bytes(data)
    assert inspect(path).arrays[0].check == "damaged: x/c/0"


def test_a_folder_is_no_archive(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder"):
        inspect(tmp_path)


def test_equal_archives(path, tmp_path):
    other = save(STATE, tmp_path / "b", compression_level=0)
    found = diff(path, other)
    assert not found and found.same == 4 and not found.to_json()["differ"]
    assert "4 arrays are the same, 0 are not" in str(found)


CHANGES = {  # arrays a and b -> (entries that differ, largest absolute difference), None if they are the same
    "value": (np.array([1.0, 2.0]), np.array([1.0, 5.0]), (1, 3.0)),
    "nan": (np.array([np.nan, 1]), np.array([np.nan, 1]), None),
    "nan against a number": (np.array([np.nan, 1]), np.array([0.0, 1]), (1, np.nan)),
    "infinities": (np.array([np.inf, -np.inf]), np.array([np.inf, 0]), (1, np.inf)),
    "negative zero": (np.array([0.0]), np.array([-0.0]), None),
    "dtype": (np.array([1, 2], "f4"), np.array([1, 2], "f8"), (0, 0.0)),
    "dtype and value": (np.array([1, 2], "i4"), np.array([1, 2.5]), (1, 0.5)),
    "shape": (np.zeros(2), np.zeros((2, 1)), (None, None)),
    "overflow": (np.array([-(2**63)]), np.array([2**63 - 1]), (1, 2.0**64)),
    "beyond float64": (np.array([2**60 + 1]), np.array([2**60], "u8"), (1, 0.0)),
    "unsigned": (np.array([0], "u1"), np.array([255], "u1"), (1, 255.0)),
    "bool": (np.array([True]), np.array([False]), (1, 1.0)),
    "complex": (np.array([3 + 0j]), np.array([4j]), (1, 5.0)),
    "float16": (np.array([65504], "f2"), np.array([-65504], "f2"), (1, 131008.0)),
    "0-d": (np.array(1.0), np.array(2.0), (1, 1.0)),
    "empty": (np.zeros((0, 2)), np.zeros((0, 2)), None),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changes(tmp_path, name):
    a, b, expected = CHANGES[name]
    paths = [save(State("k", {"x": x}), tmp_path / end) for end, x in (("a", a), ("b", b))]
    found = diff(*paths)
    assert bool(found) == (expected is not None)
    if expected:
        np.testing.assert_equal((found.arrays[0].differing, found.arrays[0].max_abs), expected)
        assert found.arrays[0].a == f"{a.dtype} {a.shape}"
        json.dumps(found.to_json(), allow_nan=False)
        assert "1 are not" in str(found)


def test_names_kinds_and_literals(path, tmp_path):
    other = save(
        State("demo/2", {"W": ARRAYS["W"], "new": np.zeros(1)}, {"lr": 1, "deep": {"steps": 3}}), tmp_path / "b"
    )
    found = diff(path, other)
    assert found.kinds == ("demo/1", "demo/2") and found.same == 1
    assert {c.name: (c.a is None, c.b is None) for c in found.arrays} == {
        "flags": (False, True),
        "none": (False, True),
        "\x1b[31m": (False, True),
        "new": (True, False),
    }
    assert [(c.name, c.a, c.b) for c in found.literals] == [("lr", "0.1", "1"), ("deep.steps", "[1, 2]", "3")]
    assert "deep.steps" in str(found) and "\x1b" not in str(found)


def test_literals_are_compared_by_their_keys(tmp_path):
    a, b, c = (
        save(State("k", {}, literals), tmp_path / name)
        for name, literals in {
            "a": {"a.b": 1, "a": {"b": 2}, "groups": [{"lr": 1, "decay": 2}]},
            "b": {"a.b": 3, "a": {"b": 2}, "groups": [{"decay": 2, "lr": 1}]},
            "c": {"a.b": 2, "a": {"b": 2}, "groups": [{"lr": 1, "decay": 2}]},
        }.items()
    )
    assert [(x.name, x.a, x.b) for x in diff(a, b).literals] == [("a.b", "1", "3")]
    assert [(x.name, x.a, x.b) for x in diff(a, c).literals] == [("a.b", "1", "2")]


@pytest.mark.parametrize("damage", ["missing", "short", "other"])
def test_a_damaged_block_of_a_storage_is_told(tmp_path, damage):
    with ArrayStorage(tmp_path / "a", "w") as storage:
        storage.write(np.arange(40.0).reshape(10, 4), "b", arrays_per_chunk=3)
        whole = storage.compress(compression_level=3)
    assert inspect(whole).sound is True
    path = tmp_path / "damaged.zip"
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "b/c/1/0":
                content = {"missing": None, "short": content[:-5], "other": content[:20] + b"x" + content[21:]}[damage]
            if content is not None:
                new.writestr(name, content)
    found = inspect(path)
    assert found.sound is False
    says = "1 of its chunks, which are missing" if damage == "missing" else "b/c/1/0"
    assert found.arrays[0].check == f"damaged: {says}" and inspect(path, check=False).sound is None


def test_storages_are_not_compared(tmp_path):
    with ArrayStorage(tmp_path / "a", "w") as storage:
        storage.write(np.ones((2, 2)), "b", arrays_per_chunk=2)
        path = storage.compress(compression_level=3)
    with pytest.raises(ArchiveError, match="state archives and those of ym-pure-ml can be compared"):
        diff(path, path)


@pytest.mark.parametrize("chunk", [0, -1, "x", None, 1.5])
def test_impossible_chunks_of_a_block(tmp_path, chunk):
    with ArrayStorage(tmp_path / "a", "w") as storage:
        storage.write(np.ones((2, 2)), "b", arrays_per_chunk=2)
        whole = storage.compress(compression_level=3)
    path = tmp_path / "forged.zip"
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "b/zarr.json":
                about = json.loads(content)
                about["chunk_grid"]["configuration"]["chunk_shape"][0] = chunk
                content = json.dumps(about).encode()
            new.writestr(name, content)
    with pytest.raises(ArchiveError, match="an array has chunks of"):
        inspect(path)
