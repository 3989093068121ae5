"""Archives that ym-pure-ml 1.2 wrote: zarr v3 groups in a zip, each block an array (1, *shape) in one Blosc chunk.

    <attribute>.<i>          NN.save          the i-th parameter of a layer
    <attribute>.param.<i>    NN.save_state    the same
    <attribute>.buf.<name>                    a buffer or setting; literals are an attribute of the group
    optim.<slot>.<i>         Optim.save_state, with optim.param.<i>, the parameters themselves
                             LRScheduler.save_state: attributes only

Those files have no checksums, and a block of zeros has no chunk: one that was lost reads as zeros. Everything else is
checked before it is believed; see `archive` for our own.
"""

from __future__ import annotations

import json
import math
import struct
import zipfile
from os import PathLike
from typing import IO, Any

import numpy as np
from numcodecs import blosc  # type: ignore[import-untyped]
from pureml_core import Tensor
from pureml_core.state import Composite, State, Stateful, is_literal, parameters

from ..archive_reading import MissingArrayError, check_size
from ..container import ArchiveError
from ..layout import DTYPES
from .tensors import numbers, reading, tensors_of, write

KIND = "ym-pure-ml"
LITERALS = 16 << 20  # bytes that a zarr.json may have
SLOTS = {"SGD": {"_v": "v"}, "AdaGrad": {"_r": "r"}, "RMSProp": {"_r": "r"}, "Adam": {"_v": "m", "_r": "v"}}  # ours
NOT_SETTINGS = frozenset({"training", "method", "seed", "nonlinearity"})  # how weights were drawn, and the mode


def load_ym_pure_ml(path: str | PathLike[str], *, max_bytes: int | None = None) -> State:
    """What an archive of ym-pure-ml 1.2 holds, under its names, as it was written: weights in float64.

    Args:
        max_bytes: what the arrays may take in memory, as for `load`.

    Returns:
        A State of kind "ym-pure-ml/model", "ym-pure-ml/parameters", "ym-pure-ml/optimizer" or
        "ym-pure-ml/scheduler"; its literals are the group's attributes `meta`, `literals`, `optim.meta` and
        `sched.meta`, as far as there are such. `restore_ym_pure_ml` takes them into objects.

    Raises:
        FileNotFoundError: there is no such file.
        ArchiveError: (a ValueError) the file is damaged, was tampered with, or is something else; if an array is
            missing, the error is also a KeyError.
    """
    with open(path, "rb") as file, reading(path, "a sound archive of ym-pure-ml"):
        return _read(file, max_bytes)


def restore_ym_pure_ml(obj: Any, state: State | str | PathLike[str], *, strict: bool = True) -> list[str]:
    """Take what ym-pure-ml 1.2 saved of a model, an optimizer or a scheduler into one of ours, all or nothing.

    A model needs layers under the same attributes. Convolution weights, which are flattened there, get their shape;
    literals go to attributes that exist and hold literals. Settings of layers (eps, stride, ...) are compared
    with those here. An optimizer takes settings, slots and steps, not the parameters, which belong to the model; its
    parameters must be in the same order. A scheduler takes its step and base rate; it has its other settings already,
    which are not in the archive.

    Args:
        state: what `load_ym_pure_ml` returned, or the path of an archive.
        strict: names, shapes and settings must agree; otherwise what does not fit is skipped.

    Returns:
        What was skipped, one line each; empty under `strict`.

    Raises:
        ValueError: under `strict`, listing everything that does not fit; always for the archive of another kind of
            object, or of another class of optimizer or scheduler.
        ArchiveError: (a ValueError) as for `load_ym_pure_ml`.
    """
    if not isinstance(state, State):
        state = load_ym_pure_ml(state)
    kind = state.kind.removeprefix(f"{KIND}/")
    if kind == "scheduler" and hasattr(obj, "load_state_dict"):
        obj.load_state_dict(state.literals["sched.meta"])
        return []
    if kind == "optimizer" and isinstance(obj, Stateful) and not isinstance(obj, Composite):
        skipped: Any = obj.restore(_of_optimizer(obj, state), strict=strict)
        return list(skipped)
    if kind in ("model", "parameters") and isinstance(obj, Composite):
        return _restore_model(obj, state, strict=strict)
    raise ValueError(f"{type(obj).__name__}: given an archive of kind {state.kind!r}, needed one of its own kind")


def _of_optimizer(optimizer: Any, state: State) -> State:
    """The state of one of our optimizers, from its own and what was saved."""
    meta = state.literals["optim.meta"]
    name, hypers = type(optimizer).__name__, meta.get("hypers")
    if meta.get("class") != name or name not in SLOTS or not isinstance(hypers, dict):
        raise ValueError(f"{name}: given the state of a {meta.get('class')!r}, needed its own class's")
    own = optimizer.state()
    groups = [
        {**group, "settings": {key: hypers.get(key, value) for key, value in group["settings"].items()}}
        for group in own.literals["groups"]
    ]
    names = [param for group in groups for param in group["params"]]
    arrays, steps = {}, {}
    for key, array in state.arrays.items():
        _, slot, i = key.split(".") if key.count(".") == 2 else ("", "", "")
        param = names[int(i)] if i.isdecimal() and int(i) < len(names) else f"parameter {i}"
        if slot in SLOTS[name]:
            arrays[f"{SLOTS[name][slot]}.{param}"] = array
            steps[param] = hypers.get("_t", 1)
        elif slot != "param":
            arrays[key] = array
    return State(own.kind, arrays, {**own.literals, "lr": hypers.get("lr"), "groups": groups, "steps": steps})


def _restore_model(model: Any, state: State, *, strict: bool) -> list[str]:
    whole = state.kind == f"{KIND}/model"
    layers = {key: value for key, value in vars(model).items() if isinstance(value, Composite)}
    names = {id(t): name for name, t in tensors_of(model).items()}
    targets: dict[str, Tensor] = {}
    for attribute, layer in layers.items():
        of_layer = parameters(layer).values()
        targets |= {f"{attribute}.param.{i}" if whole else f"{attribute}.{i}": t for i, t in enumerate(of_layer)}
        if whole:
            rest = {name: t for name, t in tensors_of(layer).items() if not any(t is p for p in of_layer)}
            targets |= {f"{attribute}.buf.{name}": t for name, t in rest.items()}
    problems, arrays = [], {}
    for name, array in state.arrays.items():
        attribute, _, setting = name.partition(".buf.")
        if name in targets:
            tensor = targets[name]
            flat = (tensor.shape[0], math.prod(tensor.shape[1:])) if tensor.ndim > 2 else None
            arrays[names[id(tensor)]] = array.reshape(tensor.shape) if array.shape == flat else array
        elif attribute in layers and setting:
            problems += _difference(name, array, setting, vars(layers[attribute]))
        else:
            problems.append(f"unexpected {name!r}")
    tensors = tensors_of(model)
    if not whole:
        tensors = {name: t for name, t in tensors.items() if any(t is target for target in targets.values())}
    problems = write(type(model).__name__, tensors, arrays, problems, strict=strict)
    literals = state.literals.get("literals", {})
    for name, value in literals.items():
        if not name.startswith("_") and name != "training" and name in vars(model) and is_literal(vars(model)[name]):
            setattr(model, name, value)
    return problems


def _difference(name: str, array: np.ndarray, setting: str, here: dict[str, Any]) -> list[str]:
    """A setting of a layer that is another one here."""
    if setting in NOT_SETTINGS or setting not in here:
        return []
    ours = -1 if here[setting] is None else here[setting]
    if isinstance(ours, str) or not np.array_equal(np.atleast_1d(array), np.atleast_1d(ours)):
        return [f"{name!r} is {array.tolist()}, here it is {here[setting]!r}"]
    return []


# ---- reading, which trusts nothing


def _read(file: IO[bytes], max_bytes: int | None) -> State:
    with zipfile.ZipFile(file) as archive:
        entries = {info.filename: info for info in archive.infolist()}  # the last of a name is valid, as for zarr
        if "zarr.json" not in entries:
            raise ArchiveError("not a zarr archive: there is no zarr.json")
        if any(info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1 for info in entries.values()):
            raise ArchiveError("its entries are compressed or encrypted by zip; those of ym-pure-ml are not")
        attributes = _json(archive, entries["zarr.json"]).get("attributes")
        shapes = attributes.get("array_shape_in_block") if isinstance(attributes, dict) else None
        if not isinstance(attributes, dict) or not isinstance(shapes, dict):
            raise ArchiveError("not an archive of ym-pure-ml: it lists no blocks")
        dtypes = {name: _described(archive, entries, name, shape) for name, shape in shapes.items()}
        needed = sum(math.prod(shape) * dtypes[name].itemsize for name, shape in shapes.items())
        check_size(needed, file.seek(0, 2), max_bytes)
        arrays = {}
        expected = {"zarr.json"}
        for name, shape in shapes.items():
            arrays[name] = _block(archive, entries, name, dtypes[name], shape)
            expected |= {f"{name}/zarr.json", _chunk(name, shape)}
        if unexpected := entries.keys() - expected:
            raise ArchiveError(f"the entry {min(unexpected)!r} does not belong to any block")
    kinds = [kind for key, kind in (("optim.meta", "optimizer"), ("sched.meta", "scheduler")) if key in attributes]
    if not kinds:
        meta = attributes.get("meta", {})
        kinds = ["model" if isinstance(meta, dict) and meta.get("kind") == "NNState" else "parameters"]
    literals = {key: attributes[key] for key in ("meta", "literals", "optim.meta", "sched.meta") if key in attributes}
    for key, value in literals.items():
        if not isinstance(value, dict):
            raise ArchiveError(f"the attribute {key!r} is {value!r:.80}, needed a JSON object")
    return State(f"{KIND}/{kinds[0]}", arrays, literals)


def _chunk(name: str, shape: list[int]) -> str:
    return "/".join([name, "c", "0", *["0"] * len(shape)])


def _described(archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo], name: str, shape: Any) -> np.dtype[Any]:
    """The dtype of a block, once what is said of it has been checked."""
    if not isinstance(shape, list) or len(shape) > 31 or any(type(n) is not int or n < 1 for n in shape):
        raise ArchiveError(f"block {name!r} has the shape {shape!r:.80}")
    entry = f"{name}/zarr.json"
    if entry not in entries:
        raise MissingArrayError(f"block {name!r} is missing: there is no entry {entry!r}")
    metadata = _json(archive, entries[entry])
    dtype = _dtype(name, metadata.get("data_type"))
    if metadata.get("shape") != [1, *shape] or not _plain(metadata, [1, *shape]):
        raise ArchiveError(f"block {name!r}: {entry!r} is not what ym-pure-ml writes for the shape {shape}")
    return dtype


def _block(
    archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo], name: str, dtype: np.dtype[Any], shape: list[int]
) -> np.ndarray:
    chunk = _chunk(name, shape)
    if chunk not in entries:  # zeros, which zarr does not write down
        return np.zeros(shape, dtype.newbyteorder("="))
    nbytes = math.prod(shape) * dtype.itemsize
    stored = archive.read(chunk)
    # Blosc believes its header, so the header has to be right: version, flags, and three sizes.
    version, _, _, itemsize, claimed, _, packed = struct.unpack("<BBBBIII", stored[:16])
    if version != 2 or (itemsize, claimed, packed) != (dtype.itemsize & 255, nbytes, len(stored)):
        raise ArchiveError(f"block {name!r}: the chunk claims {claimed} bytes packed into {packed}, needed {nbytes}")
    array = np.empty(nbytes, np.uint8)
    blosc.decompress(stored, array)
    return numbers(name, array, dtype, tuple(shape))


def _dtype(name: str, given: Any) -> np.dtype[Any]:
    if isinstance(given, str) and given in DTYPES:
        return DTYPES[given]
    if isinstance(given, dict) and given.get("name") == "null_terminated_bytes":
        length = given.get("configuration", {}).get("length_bytes")
        if type(length) is int and 0 < length < 1000:
            return np.dtype(f"S{length}")
    raise ArchiveError(f"block {name!r} has the dtype {given!r:.80}, needed numbers or short texts")


def _plain(metadata: dict[str, Any], shape: list[int]) -> bool:
    """Whether an array is one chunk of little-endian numbers, packed by Blosc."""
    codecs = metadata.get("codecs")
    grid = {"name": "regular", "configuration": {"chunk_shape": shape}}
    return (
        metadata.get("zarr_format") == 3
        and metadata.get("node_type") == "array"
        and metadata.get("chunk_grid") == grid
        and metadata.get("fill_value") in (0, "")
        and isinstance(codecs, list)
        and [codec.get("name") for codec in codecs if isinstance(codec, dict)] == ["bytes", "blosc"]
        and codecs[0].get("configuration", {"endian": "little"}) == {"endian": "little"}
    )


def _json(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> dict[str, Any]:
    if info.file_size > LITERALS:
        raise ArchiveError(f"{info.filename!r} has {info.file_size} bytes")
    found = json.loads(archive.read(info))
    if not isinstance(found, dict):
        raise ArchiveError(f"{info.filename!r} is no JSON object")
    return found
