"""The zip around an archive: other zip programs read it, and every byte of it is looked at."""

import io
import struct
import zipfile

import numpy as np
import pytest
from pureml_io import ArchiveError
from pureml_io.container import CENTRAL, MAX_ENTRIES, Reader, Writer, _entry

ENTRIES = {"zarr.json": b"{}", "W/zarr.json": b"[1, 2]", "W/c/0/0": bytes(range(100)), "empty": b""}


def written(entries=ENTRIES, file=None):
    file = file or io.BytesIO()
    archive = Writer(file)
    for name, content in entries.items():
        archive.write(name, [content[:3], content[3:]])
    archive.close()
    return file


def test_python_reads_what_is_written():
    with zipfile.ZipFile(written()) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == ENTRIES
        assert archive.testzip() is None
        assert {info.external_attr >> 16 for info in archive.infolist()} == {0o100644}


def test_what_is_written_is_read(tmp_path):
    (tmp_path / "a").write_bytes(written().getvalue())
    with open(tmp_path / "a", "rb") as file, open(tmp_path / "a", "rb", buffering=0) as unbuffered:
        for source in (written(), file, unbuffered):
            archive = Reader(source)
            assert {name: archive.read(name) for name in archive.entries} == ENTRIES


def test_what_python_writes_is_read():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in ENTRIES.items():
            archive.writestr(name, content)
    archive = Reader(file)
    assert {name: archive.read(name) for name in archive.entries} == ENTRIES


def test_every_byte_counts():
    data = written().getvalue()
    directory = data.index(b"PK\x01\x02")
    free = set()  # what other programs may say of an entry, which says nothing about its content
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 1 << at % 8
        try:
            archive = Reader(io.BytesIO(damaged))
            assert {name: archive.read(name) for name in archive.entries} == ENTRIES
        except ArchiveError:
            continue
        free.add(at)
    assert min(free) > directory
    fields = [4, 5, *range(34, 42)]  # "made by", the number of the disk, attributes
    starts = [at for at in range(directory, len(data)) if data.startswith(b"PK\x01\x02", at)]
    assert free <= {start + field for start in starts for field in fields}


@pytest.mark.parametrize("n", range(0, 500, 7))
def test_truncated(n):
    with pytest.raises(ArchiveError):
        Reader(io.BytesIO(written().getvalue()[:n]))


@pytest.mark.slow
def test_more_entries_than_16_bits_count():
    names = [f"e{i}" for i in range(66_000)]
    file = written(dict.fromkeys(names, b""))
    assert list(Reader(file).entries) == names
    with zipfile.ZipFile(file) as archive:
        assert archive.namelist() == names


class Sparse:
    """A file on which a long run of zeros takes no place."""

    def __init__(self, file):
        self.file = file

    def write(self, data):
        self.file.seek(len(data), 1) if len(data) > 1 << 20 else self.file.write(data)


def test_beyond_4_gib(tmp_path):
    zeros = np.zeros(3 << 30, np.uint8)
    with open(tmp_path / "large", "wb") as file:
        archive = Writer(Sparse(file))
        for name in ("a", "b"):
            archive.write(name, [zeros], crc=0)
        archive.write("last", [b"last"])
        archive.close()
    with open(tmp_path / "large", "rb") as file:
        archive = Reader(file)
        assert archive.read("last") == b"last" and archive.entries["last"].offset > 1 << 32
    with zipfile.ZipFile(tmp_path / "large") as archive:
        assert archive.read("last") == b"last"


def forged(**fields):
    """The zip with other numbers at its end."""
    data = written().getvalue()
    end = dict(zip(("n_here", "n", "size", "offset", "comment"), struct.unpack("<2H2IH", data[-14:]), strict=True))
    return data[:-14] + struct.pack("<2H2IH", *(end | fields).values())


LIES = {
    "too many": (forged(n=5, n_here=5), "fewer entries than the 5"),
    "too few": (forged(n=3, n_here=3), "more than the 3"),
    "other disk": (forged(n_here=3), "one whole zip"),
    "none": (forged(n=0, n_here=0), "claims a directory of 0 entries"),
    "offset": (forged(offset=0), "claims a directory"),
    "huge": (forged(size=2**32 - 1), "claims a directory"),
    "comment": (forged(comment=1) + b"x", "does not end as a zip"),
    "comment length": (forged(comment=1), "without a comment"),
    "before": (b"#!/bin/sh\n" + written().getvalue(), "claims a directory"),
    "behind": (written().getvalue() + b"x", "does not end as a zip"),
    "two": (written().getvalue() * 2, "claims a directory"),
    "nothing": (b"", "does not end as a zip"),
}


@pytest.mark.parametrize("name", LIES)
def test_lies(name):
    data, message = LIES[name]
    with pytest.raises(ArchiveError, match=message):
        Reader(io.BytesIO(data))


def test_a_claim_of_many_entries_costs_nothing():
    n, size = MAX_ENTRIES + 1, 10**15
    record = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, n, n, size, 0)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, size, 1)
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 65535, 65535, 2**32 - 1, 0, 0)
    with pytest.raises(ArchiveError, match=f"claims {n} entries"):
        Reader(io.BytesIO(record + locator + end))


def test_each_description_is_read_once():
    class Counted(bytes):
        copied = 0

        def __getitem__(self, at):
            found = super().__getitem__(at)
            Counted.copied += len(found)
            return found

    data = written(dict.fromkeys(map(str, range(1000)), b"")).getvalue()
    directory = Counted(data[data.index(b"PK\x01\x02") :])
    at = 0
    for i in range(1000):
        entry, at = _entry(directory, at)
        assert entry.name == str(i)
    assert Counted.copied < len(directory)


def test_a_gap_between_entries_hides_nothing():
    data = bytearray(written().getvalue())
    directory = data.index(b"PK\x01\x02")
    with pytest.raises(ArchiveError, match="'empty' and 'the directory' have something between them"):
        end = struct.pack("<I", directory + 4)
        Reader(io.BytesIO(data[:directory] + b"evil" + data[directory:-6] + end + data[-2:]))
    assert len(data) > directory + CENTRAL.size
