"""What a block's attribute and its chunks say of themselves is not believed where it cannot be."""

import struct

import numpy as np
import pytest
import zarr
from numcodecs.checksum32 import CRC32C
from pureml_io import ArchiveError, ArrayStorage

LIES = {
    "no mapping": 3,
    "no dtype": {},
    "no such dtype": {"dtype": "nonsense"},
    "objects": {"dtype": "O"},
    "other numbers": {"dtype": "<i4"},
    "numbers of that size": {"dtype": "<i8"},
    "dates of that size": {"dtype": "<M8[s]"},
    "bytes of that size": {"dtype": "|S8"},
    "text of a row's size": {"dtype": "<U6"},
}


@pytest.mark.parametrize("name", LIES)
def test_lies_of_the_attribute(tmp_path, name):
    path = tmp_path / "s.zarr"
    with ArrayStorage(path, "w") as storage:
        storage.write(np.ones((2, 3)), "b", arrays_per_chunk=1)
    zarr.open_group(path, mode="r+")["b"].attrs["pureml_block"] = LIES[name]
    with ArrayStorage(path, "r") as storage, pytest.raises(ArchiveError, match="block 'b'"):
        storage.read("b")


def test_a_chunk_that_lies_about_its_size_is_refused(tmp_path):
    with ArrayStorage(tmp_path / "a", "w") as storage:
        storage.write(np.arange(4.0), "b", arrays_per_chunk=4)
        chunk = struct.pack("<BBBBIII", 2, 1, 0x93, 8, 32, 32, 48)  # a copy of 32 bytes, of which none are there
        (tmp_path / "a.zarr/b/c/0").write_bytes(chunk + struct.pack("<I", CRC32C.checksum(chunk)))
        with pytest.raises(ArchiveError, match=r"block 'b': .*a chunk of 16 bytes claims to be 48"):
            storage.read("b")


@pytest.mark.filterwarnings("ignore:The data type")  # zarr's, of types without a finished specification
def test_what_no_block_can_hold_is_refused(tmp_path):
    group = zarr.create_group(tmp_path / "a.zarr")
    group.create_array("bytes", shape=(2,), chunks=(2,), dtype=zarr.dtype.VariableLengthBytes())
    group.create_array("text", shape=(2,), chunks=(2,), dtype="T")
    with ArrayStorage(tmp_path / "a", "r") as storage:
        for name in ("bytes", "text"):
            with pytest.raises(ArchiveError, match="a block holds booleans, numbers up to 64 bits, text or dates"):
                storage.read(name)
