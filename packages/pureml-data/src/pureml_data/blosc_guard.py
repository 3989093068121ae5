"""Reading chunks that were packed by Blosc, from files of anybody's. Importing this module loads zarr.

Blosc believes the header of a chunk: one that was made up has it read and write beyond its memory. Here the header is
compared with the chunk before Blosc sees it. (The same text stands in pureml-io and in pureml-data, neither of which
needs the other.)
"""

from __future__ import annotations

import copy
import dataclasses
import struct
from typing import Any

import numcodecs  # type: ignore[import-untyped]
import numpy as np
from zarr.codecs import BloscCodec, ShardingCodec

HEADER = struct.Struct("<BBBBIII")  # versions of format and packer, flags, item size; bytes unpacked, a block's, packed
COPIED = 2  # the flag of a chunk that is only copied
MOST = 2**31 - 1 - HEADER.size  # bytes that Blosc unpacks a chunk to


def check_header(chunk: Any) -> None:
    """Whether the header of a chunk agrees with its size.

    Raises:
        ValueError: it does not: the chunk is damaged, or was made up.
    """
    array = chunk if isinstance(chunk, np.ndarray) else np.frombuffer(chunk, np.uint8)
    raw = np.ascontiguousarray(array).view(np.uint8).reshape(-1).data
    if len(raw) < HEADER.size:
        raise ValueError(f"a chunk of {len(raw)} bytes has no header of Blosc: it is damaged")
    _, _, flags, item, unpacked, _, packed = HEADER.unpack_from(raw)
    false_copy = flags & COPIED and unpacked + HEADER.size != packed
    if packed != len(raw) or unpacked > MOST or false_copy or not item:
        raise ValueError(
            f"a chunk of {len(raw)} bytes claims to be {packed}, unpacked {unpacked}: it is damaged, or was made up"
        )


class CheckedBloscCodec(BloscCodec):
    """The codec of zarr v3, with `check_header`."""

    def _decode_sync(self, chunk_bytes: Any, chunk_spec: Any) -> Any:
        check_header(chunk_bytes.as_numpy_array())
        return super()._decode_sync(chunk_bytes, chunk_spec)

    async def _decode_single(self, chunk_bytes: Any, chunk_spec: Any) -> Any:  # in some versions it is not by the other
        check_header(chunk_bytes.as_numpy_array())
        return await super()._decode_single(chunk_bytes, chunk_spec)


class CheckedBlosc(numcodecs.Blosc):  # type: ignore[misc]
    """The codec of numcodecs, which zarr v2 has, with `check_header`."""

    def decode(self, buf: Any, out: Any = None) -> Any:
        check_header(buf)
        return super().decode(buf, out)


def guarded(metadata: Any) -> Any:
    """The metadata of a zarr array by which all headers of Blosc are checked as its chunks are read."""
    if metadata.zarr_format == 2:
        filters = None if metadata.filters is None else [_of_numcodecs(codec) for codec in metadata.filters]
        return dataclasses.replace(metadata, compressor=_of_numcodecs(metadata.compressor), filters=filters)
    return dataclasses.replace(metadata, codecs=tuple(_of_zarr(codec) for codec in metadata.codecs))


def _of_zarr(codec: Any) -> Any:
    if isinstance(codec, BloscCodec):
        return CheckedBloscCodec.from_dict(codec.to_dict())
    if isinstance(codec, ShardingCodec):
        return dataclasses.replace(codec, codecs=tuple(_of_zarr(inner) for inner in codec.codecs))
    own = getattr(codec, "_codec", None)  # of zarr's wrappers of numcodecs
    if isinstance(own, numcodecs.Blosc):
        codec = copy.copy(codec)
        object.__setattr__(codec, "_codec", _of_numcodecs(own))
    return codec


def _of_numcodecs(codec: Any) -> Any:
    if not isinstance(codec, numcodecs.Blosc):
        return codec
    settings = codec.get_config()
    return CheckedBlosc(**{name: value for name, value in settings.items() if name != "id"})
