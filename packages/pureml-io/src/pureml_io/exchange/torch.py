"""State dicts of PyTorch modules: names and layouts of the weights of every layer that both have.

A `state_dict` here is a plain mapping of names to arrays; `load_safetensors` reads one, `save_safetensors` writes one.
Torch itself is not needed. `LAYOUTS` is all that is known of layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from pureml_core import Tensor
from pureml_core.state import Composite

from .tensors import tensors_of, write

Rename = Mapping[str, str] | Callable[[str], str]


class To(NamedTuple):
    """Where in a module something of ours is kept."""

    name: str
    transposed: bool = False
    part: int = 0  # of an array in which several of ours follow each other along its first axis


Layout = Mapping[str, To]

WEIGHT = {"W": To("weight"), "b": To("bias")}
NORM = {"gamma": To("weight"), "beta": To("bias")}
CELL = {
    "W_ih": To("weight_ih", transposed=True),
    "W_hh": To("weight_hh", transposed=True),
    "b_ih": To("bias_ih"),
    "b_hh": To("bias_hh"),
}


def _recurrent(layer: Any) -> Layout:
    return {
        f"cells.{k}.{direction}.{ours}": to._replace(name=f"{to.name}_l{k}{'_reverse' * direction}")
        for k, cells in enumerate(layer.cells)
        for direction in range(len(cells))
        for ours, to in CELL.items()
    }


def _attention(layer: Any) -> Layout:
    joined = layer.dim == layer.kdim == layer.vdim
    layout = {"out": To("out_proj")}
    for i, (ours, theirs) in enumerate({"query": "q", "key": "k", "value": "v"}.items()):
        layout[f"{ours}.W"] = To("in_proj_weight", True, i) if joined else To(f"{theirs}_proj_weight", True)
        layout[f"{ours}.b"] = To("in_proj_bias", part=i)
    return layout


FEED_FORWARD = {"feed_forward.layers.0": To("linear1"), "feed_forward.layers.3": To("linear2")}
NORMS = {f"norms.{i}": To(f"norm{i + 1}") for i in range(3)}

# What is named or laid out otherwise in PyTorch, by class: paths of ours to places of theirs.
LAYOUTS: dict[str, Layout | Callable[[Any], Layout]] = {
    "pureml_nn.Sequential": {"layers": To("")},
    "pureml_nn.Affine": {"W": To("weight", transposed=True), "b": To("bias")},
    "pureml_nn._Convolution": WEIGHT,  # (O, C, k) and transposed (C, O, k), as there
    "pureml_nn.Embedding": WEIGHT,
    "pureml_nn.LearnedPositions": WEIGHT,  # an nn.Embedding of positions
    "pureml_nn.PReLU": WEIGHT,
    "pureml_nn._BatchNorm": {**NORM, "running_variance": To("running_var")},
    "pureml_nn.LayerNorm": NORM,
    "pureml_nn.GroupNorm": NORM,  # InstanceNorm is one
    "pureml_nn.RMSNorm": NORM,
    "pureml_nn.Cell": CELL,
    "pureml_nn.Recurrent": _recurrent,
    "pureml_nn.MultiHeadAttention": _attention,
    "pureml_nn.TransformerEncoderLayer": {"attention": To("self_attn"), **FEED_FORWARD, **NORMS},
    "pureml_nn.TransformerDecoderLayer": {
        "attention": To("self_attn"),
        "cross_attention": To("multihead_attn"),
        **FEED_FORWARD,
        **NORMS,
    },
}

# What is counted there and not here: written as zero, and not asked for.
COUNTERS = {"pureml_nn._BatchNorm": "num_batches_tracked"}


def to_torch_state_dict(model: Any, *, rename: Rename | None = None) -> dict[str, np.ndarray]:
    """The weights of a model as PyTorch names them and lays them out, copies.

    Modules are named as ours are, by attributes and positions: `Sequential(Affine(2, 3), relu)` gives "0.weight"
    (3, 2) and "0.bias". A weight that two layers share stands under both names. Layers that PyTorch lacks keep their
    names and layouts.

    Args:
        rename: our dotted names, of weights or of modules, to theirs ({"encoder": "model.encoder"}; the longest that
            fits is used), or a function of the whole name.

    Raises:
        ValueError: two weights would have the same name.
    """
    return {
        name: np.concatenate([_laid_out(tensor.data, entry) for tensor in entry.tensors])
        if len(entry.tensors) > 1
        else _laid_out(entry.tensors[0].data, entry).copy()
        if entry.tensors
        else np.array(0)
        for name, entry in _entries(model, rename).items()
    }


def from_torch_state_dict(
    model: Any, mapping: Mapping[str, Any], *, rename: Rename | None = None, strict: bool = True
) -> list[str]:
    """Take weights that are named and laid out as PyTorch does it, all or nothing: `to_torch_state_dict` backwards.

    Args:
        mapping: arrays by name, as `load_safetensors` returns them; or tensors of torch on the CPU.
        rename: as for `to_torch_state_dict`: our names to theirs.
        strict: names and shapes must agree; otherwise what does not fit is skipped.

    Returns:
        What was skipped, one line each; empty under `strict`.

    Raises:
        ValueError: under `strict`, listing everything missing, unexpected and misshapen; or a weight that is shared
            here has two different values there.
        TypeError: a tensor of torch is none that NumPy can take, such as one of bfloat16.
    """
    entries = _entries(model, rename)
    names = {id(t): name for name, t in tensors_of(model).items()}
    arrays: dict[str, np.ndarray] = {}
    problems = [f"unexpected {name!r}" for name in mapping if name not in entries]
    for name, entry in entries.items():
        if not entry.tensors:
            continue
        ours = " and ".join(repr(names[id(t)]) for t in entry.tensors)
        if name not in mapping:
            problems.append(f"missing {name!r}, for {ours}")
            continue
        array = _array(name, mapping[name])
        shapes = [_laid_out(t.data, entry).shape for t in entry.tensors]
        needed = (sum(shape[0] for shape in shapes), *shapes[0][1:]) if len(shapes) > 1 else shapes[0]
        if array.shape != needed:
            problems.append(f"{name!r} has shape {array.shape}, needed {needed} for {ours}")
            continue
        parts = np.split(array, np.cumsum([shape[0] for shape in shapes[:-1]])) if len(shapes) > 1 else [array]
        for tensor, part in zip(entry.tensors, parts, strict=True):
            part, known = _laid_out(part, entry), arrays.get(names[id(tensor)])
            if known is None:
                arrays[names[id(tensor)]] = part
            elif not np.array_equal(known, part, equal_nan=part.dtype.kind in "fc"):
                problems.append(f"{name!r} differs from another value of {ours}, which is shared here")
    tensors = {name: t for name, t in tensors_of(model).items() if name in arrays}
    return write(type(model).__name__, tensors, arrays, problems, strict=strict)


def _array(name: str, x: Any) -> np.ndarray:
    try:
        return np.asarray(x)
    except (TypeError, RuntimeError) as error:  # torch's, for bfloat16, a gradient, another device
        raise TypeError(f"{name!r}: {error} Of a tensor `t` of torch give t.detach().cpu().float()") from error


@dataclass
class _Entry:
    """An array of a state dict: the tensors of ours that follow each other in it, or none."""

    transposed: bool = False
    tensors: list[Tensor] = field(default_factory=list)


def _laid_out(array: np.ndarray, entry: _Entry) -> np.ndarray:
    return array.T if entry.transposed else array


def _entries(model: Any, rename: Rename | None) -> dict[str, _Entry]:
    """The arrays of the model's state dict by their names there."""
    counted = {id(t) for t in tensors_of(model).values()}
    entries: dict[str, _Entry] = {}
    for theirs, to, item in _walk(model, "", "", [], []):
        if isinstance(item, Tensor) and id(item) not in counted:
            continue
        name = _renamed(theirs, rename)
        if name in entries and to.part != len(entries[name].tensors):
            raise ValueError(f"{type(model).__name__}: two weights have the name {name!r}; give another `rename`")
        entry = entries.setdefault(name, _Entry(to.transposed))
        if isinstance(item, Tensor):
            entry.tensors.append(item)
    return entries


def _walk(
    item: Any, path: str, theirs: str, owners: list[tuple[str, str, Layout]], above: list[int]
) -> Iterator[tuple[str, To, Any]]:
    """(name there, how, tensor here) of everything inside; outer layers' layouts come before those of inner ones.

    Args:
        path, theirs: where the item is, here and there if nobody says otherwise.
        owners: the layers around it: where they are, here and there, and their layouts.
        above: what holds it: a model may refer to itself.
    """
    to = To("")
    for start, base, layout in owners:
        relative = path[len(start) + 1 :] if start else path
        if relative in layout:
            to = layout[relative]
            theirs = _join(base, to.name)
            break
    if isinstance(item, Tensor):
        yield theirs, to, item
    inside: list[tuple[str, Any]] = []
    if isinstance(item, Composite):
        inside = list(vars(item).items())
        classes = [f"{c.__module__.partition('.')[0]}.{c.__name__}" for c in type(item).__mro__]
        owners = [*owners, (path, theirs, _layout(item, classes))]
        for counter in (COUNTERS[c] for c in classes if c in COUNTERS):
            yield _join(theirs, counter), To(counter), None
    elif isinstance(item, dict):
        inside = [(str(key), value) for key, value in item.items()]
    elif isinstance(item, list | tuple):
        inside = [(str(i), value) for i, value in enumerate(item)]
    if id(item) not in above:
        for key, value in inside:
            yield from _walk(value, _join(path, key), _join(theirs, key), owners, [*above, id(item)])


def _layout(layer: Any, classes: list[str]) -> Layout:
    for c in classes:
        if (layout := LAYOUTS.get(c)) is not None:
            return layout(layer) if callable(layout) else layout
    return {}


def _join(*names: str) -> str:
    return ".".join(name for name in names if name)


def _renamed(name: str, rename: Rename | None) -> str:
    if rename is None:
        return name
    if callable(rename):
        return rename(name)
    pieces = name.split(".")
    for n in range(len(pieces), 0, -1):
        if (start := ".".join(pieces[:n])) in rename:
            return _join(rename[start], *pieces[n:])
    return _join(rename.get("", ""), name)
