"""The zip around an archive, in its plainest form: entries stored one behind the other, their directory, the end.

Nothing lies between, before or behind them and nothing is compressed, so each byte has one meaning, and what an entry
holds is a run of bytes in the file. Format: PKWARE, APPNOTE.TXT 6.3 (zip64: 4.5.3). Every zip program reads it.
"""

from __future__ import annotations

import io
import os
import struct
import threading
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import IO, Any

LOCAL = struct.Struct("<4s5H3I2H")  # signature, version, flags, method, time, date, crc, 2 sizes, name, extra lengths
CENTRAL = struct.Struct("<4s6H3I5H2I")  # ... as LOCAL, comment length, disk, 2 attributes, offset
END = struct.Struct("<4s4H2IH")  # ..., entries, size and offset of the directory, comment length
END64 = struct.Struct("<4sQ2H2I4Q")
LOCATOR64 = struct.Struct("<4sIQI")
BIG, MANY = 0xFFFFFFFF, 0xFFFF  # in these fields: the number is in the zip64 record

MAX_ENTRIES = 1 << 20
MAX_NAME = 1000  # bytes
JANUARY_1980 = 0x21  # every entry's date: equal states make equal files


class ArchiveError(ValueError):
    """A file is not a sound archive; the message says which file, what is wrong and where."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the directory says of an entry; `time` and `date` in the form of MS-DOS."""

    name: str
    crc: int  # CRC-32 of the content
    size: int
    offset: int  # of its header
    version: int = 20
    time: int = 0
    date: int = JANUARY_1980

    def header(self) -> bytes:
        """The bytes before the content."""
        name = self.name.encode("ascii")
        fields = (self.version, 0, 0, self.time, self.date, self.crc, self.size, self.size, len(name), 0)
        return LOCAL.pack(b"PK\x03\x04", *fields) + name

    @property
    def end(self) -> int:
        return self.offset + LOCAL.size + len(self.name) + self.size


class Writer:
    """Writes entries to a file, each given as buffers and the CRC-32 of them; `close` adds the directory."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._entries: list[Entry] = []
        self._end = 0

    def write(self, name: str, buffers: Iterable[Any], crc: int | None = None) -> None:
        buffers = list(buffers)
        size = sum(memoryview(part).nbytes for part in buffers)
        entry = Entry(name, checksum(buffers) if crc is None else crc, size, self._end)
        self._file.write(entry.header())
        for part in buffers:
            self._file.write(part)
        self._entries.append(entry)
        self._end = entry.end

    def close(self) -> None:
        directory = b"".join(map(_central, self._entries))
        n, size, offset = len(self._entries), len(directory), self._end
        self._file.write(directory + _end(n, size, offset, n >= MANY or size >= BIG or offset >= BIG))


def checksum(buffers: Iterable[Any]) -> int:
    """CRC-32 of buffers one behind the other."""
    crc = 0
    for part in buffers:
        crc = zlib.crc32(part, crc)
    return crc


def _central(entry: Entry) -> bytes:
    name = entry.name.encode("ascii")
    extra = struct.pack("<2HQ", 1, 8, entry.offset) if entry.offset >= BIG else b""
    version = 45 if extra else 20
    fields = (3 << 8 | version, entry.version, 0, 0, entry.time, entry.date, entry.crc, entry.size, entry.size)
    lengths = (len(name), len(extra), 0, 0, 0, 0o100644 << 16, min(entry.offset, BIG))  # a plain file, rw-r--r--
    return CENTRAL.pack(b"PK\x01\x02", *fields, *lengths) + name + extra


def _end(n: int, size: int, offset: int, zip64: bool) -> bytes:
    """What stands behind a directory of `n` entries and `size` bytes at `offset`."""
    end = END.pack(b"PK\x05\x06", 0, 0, min(n, MANY), min(n, MANY), min(size, BIG), min(offset, BIG), 0)
    if not zip64:
        return end
    record = END64.pack(b"PK\x06\x06", END64.size - 12, 45, 45, 0, 0, n, n, size, offset)
    return record + LOCATOR64.pack(b"PK\x06\x07", 0, offset + size, 1) + end


# ---- reading, which trusts nothing


class Reader:
    """The entries of a zip by name, read by any number of threads.

    Raises:
        ArchiveError: the file is no zip, or not one of this form.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._lock = file, threading.Lock()
        plain = isinstance(file, io.BufferedReader) and isinstance(file.raw, io.FileIO) and hasattr(os, "preadv")
        self._descriptor = file.fileno() if plain else None  # threads read from it side by side
        self.size = file.seek(0, 2)
        self.entries = self._checked(*self._directory())

    def read(self, name: str) -> bytes:
        """The content of an entry, compared with its CRC-32.

        Raises:
            ArchiveError: the entry or the header before it is damaged.
        """
        content = bytearray(self.entries[name].size)
        self.read_into(name, [content])
        if zlib.crc32(content) != self.entries[name].crc:
            raise ArchiveError(f"the checksum of the entry {name!r} is wrong: the data are damaged")
        return bytes(content)

    def read_into(self, name: str, buffers: Sequence[Any]) -> None:
        """Fill writable buffers, of the entry's size together, with its content. Its CRC-32 is left to the caller.

        Raises:
            ArchiveError: the header before the entry is damaged.
        """
        entry = self.entries[name]
        expected = entry.header()
        header = bytearray(len(expected))
        self._fill([header, *buffers], entry.offset, entry.end - entry.offset)
        if header != expected:
            raise ArchiveError(f"the header of the entry {name!r} contradicts the directory: the file is damaged")

    def _fill(self, buffers: Sequence[Any], offset: int, n: int) -> None:
        if self._descriptor is not None:
            found = os.preadv(self._descriptor, buffers, offset)
        else:
            with self._lock:
                self._file.seek(offset)
                found = sum(self._file.readinto(buffer) for buffer in buffers)  # type: ignore[attr-defined]
        if found != n:
            raise ArchiveError(f"it ends within {n} bytes that should be at {offset}: it is truncated")

    def _read(self, offset: int, n: int) -> bytes:
        data = bytearray(n)
        self._fill([data], offset, n)
        return bytes(data)

    def _directory(self) -> tuple[int, int, int]:
        """How many entries there are, where their directory is, and how many bytes it has."""
        long = END64.size + LOCATOR64.size
        tail = self._read(max(self.size - long - END.size, 0), min(self.size, long + END.size))
        if tail[-END.size : -END.size + 4] != b"PK\x05\x06":
            raise ArchiveError("it does not end as a zip does: it is truncated, or something else")
        locator = tail[END64.size : END64.size + 4] if len(tail) == long + END.size else b""
        if zip64 := locator == b"PK\x06\x07":
            *_, n, size, offset = END64.unpack_from(tail)
        else:
            tail = tail[-END.size :]
            *_, n, size, offset, _ = END.unpack(tail)
        if n > MAX_ENTRIES:
            raise ArchiveError(f"it claims {n} entries, more than {MAX_ENTRIES}")
        if offset + size + len(tail) != self.size or size > n * (CENTRAL.size + MAX_NAME):
            raise ArchiveError(f"it claims a directory of {n} entries in {size} bytes at {offset} of {self.size}")
        if tail != _end(n, size, offset, zip64):
            raise ArchiveError("its end is not that of one whole zip without a comment")
        return n, offset, size

    def _checked(self, n: int, offset: int, size: int) -> dict[str, Entry]:
        """The entries of the directory: each once, one behind the other from the start to the directory."""
        directory = self._read(offset, size)
        entries: dict[str, Entry] = {}
        at = 0
        for _ in range(n):
            if at + CENTRAL.size > size:
                raise ArchiveError(f"its directory has fewer entries than the {n} it claims")
            entry, at = _entry(directory, at)
            if entry.name in entries:
                theirs = "; an archive of ym-pure-ml is read by pureml_io.restore_ym_pure_ml(obj, path)"
                raise ArchiveError(
                    f"the entry {entry.name!r} is there twice{theirs if entry.name == 'zarr.json' else ''}"
                )
            entries[entry.name] = entry
        if at != size:
            raise ArchiveError(f"its directory has more than the {n} entries it claims")
        end, last = 0, "the start"
        for entry in [*sorted(entries.values(), key=lambda e: e.offset), Entry("the directory", 0, 0, offset)]:
            if entry.offset != end:
                how = "overlap" if entry.offset < end else "have something between them"
                raise ArchiveError(f"{last!r} and {entry.name!r} {how}")
            end, last = entry.end, entry.name
        return entries


def _entry(directory: bytes, at: int) -> tuple[Entry, int]:
    """The entry that is described there, and where the next description is."""
    fields = CENTRAL.unpack_from(directory, at)
    signature, _, version, flags, method, time, date, crc, packed, size = fields[:10]
    name_length, extra_length, comment_length, _, _, _, offset = fields[10:]
    at += CENTRAL.size
    between, behind = at + name_length, at + name_length + extra_length
    raw, extra = directory[at:between], directory[between:behind]
    name = raw.decode("ascii", "backslashreplace")
    if signature != b"PK\x01\x02" or comment_length or not raw.isascii() or name_length > MAX_NAME:
        raise ArchiveError(f"its directory is damaged at the entry {name!r:.80}")
    if flags or method or packed != size or size >= BIG:
        raise ArchiveError(f"not a PureML state archive: its entry {name!r} is compressed or encrypted by zip")
    if len(raw) + len(extra) != name_length + extra_length:
        raise ArchiveError(f"its directory ends within the entry {name!r}")
    if offset == BIG and len(extra) == 12 and extra[:4] == struct.pack("<2H", 1, 8):
        offset, extra = int.from_bytes(extra[4:], "little"), b""
    if extra:
        raise ArchiveError(f"not a PureML state archive: its entry {name!r} has extra fields")
    return Entry(name, crc, size, offset, version, time, date), behind
