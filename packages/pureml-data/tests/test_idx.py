"""IDX files: every dtype, packed or not, and none of a lying header."""

import gzip
import struct

import numpy as np
import pytest
from pureml_data.datasets import read_idx

CODES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def idx(array, code, shape=None):
    shape = array.shape if shape is None else shape
    return struct.pack(f">4B{len(shape)}I", 0, 0, code, len(shape), *shape) + array.astype(CODES[code]).tobytes()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("shape", [(), (0, 3), (5,), (2, 3, 4)])
@pytest.mark.parametrize("code", CODES)
def test_reads_what_was_written(tmp_path, code, shape, packed):
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    content = idx(array, code)
    (tmp_path / "f").write_bytes(gzip.compress(content) if packed else content)
    found = read_idx(tmp_path / "f")
    assert found.dtype == np.dtype(CODES[code]).newbyteorder("=") and found.dtype.isnative
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an IDX file"),
        (b"\1\0\x08\1", "not an IDX file"),
        (struct.pack(">4B", 0, 0, 8, 3), "ends within its header"),
        (idx(np.arange(5), 8, (6,)), "takes 6 bytes"),
        (idx(np.arange(5), 8, (4,)), "holds more"),
        (idx(np.arange(5), 8, (2**32 - 1,) * 8), "holds fewer"),
        (idx(np.arange(1), 8, (1,) * 65), "f: uint8 of shape .* is not possible"),
        (idx(np.arange(0), 8, (2**32 - 1, 2**32 - 1, 0)), "f: uint8 of shape .* is not possible"),
        (gzip.compress(idx(np.arange(5), 8, (6,))), "takes 6 bytes"),
        (gzip.compress(idx(np.arange(5), 8))[:-9], "damaged gzip file"),
    ],
    ids=["empty", "other", "header", "short", "long", "huge", "axes", "none", "short, packed", "truncated"],
)
def test_what_the_header_claims_is_not_believed(tmp_path, content, message):
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_idx(tmp_path / "f")
