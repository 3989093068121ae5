"""What a block's attribute says of its dtype is not believed where the array cannot hold it."""

import numpy as np
import pytest
import zarr
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
