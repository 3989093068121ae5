"""What a layer's state holds beside its tensors, its settings, and how a state is compared with a layer."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from pureml_core import Buffer, State, named_tensors, parameters
from pureml_core.state import StateMismatch, check_kind, collect, decode, encode, is_literal, restore_tensors

if TYPE_CHECKING:
    from .layer import Layer


PARAMETERS = "pureml_nn.parameters/1"  # the kind of a state that holds parameters alone


def state_of(layer: Layer, layers: Mapping[str, Layer]) -> State:
    """Copies of all tensors and generator states of a layer, and the settings of the `layers` inside."""
    arrays, generators = collect(layer)
    settings = {name: encode(settings_of(item)) for name, item in layers.items()}
    return State(layer_kind(layer), arrays, {"generators": generators, "settings": settings})


def restore(
    layer: Layer,
    layers: Mapping[str, Layer],
    models: Collection[str],
    state: State,
    *,
    strict: bool,
    load_literals: bool,
) -> list[str]:
    """Take the values of a state, all or nothing; returns what was skipped.

    Args:
        layers: all inside, by dotted name.
        models: the names of those whose settings are taken from the state instead of compared with it.
    """
    check_kind(layer, state, layer_kind(layer), PARAMETERS)
    if state.kind == PARAMETERS:
        return restore_parameters(layer, state, strict=strict)
    generators, settings = _mapping(state, "generators"), _mapping(state, "settings")
    problems = _differences(layers, models, settings) if "settings" in state.literals else []
    literals = [
        (layers[name], {key: value for key, value in decode(settings[name]).items() if takes(layers[name], key)})
        for name in models
        if load_literals and name in settings
    ]
    if strict and problems:
        try:  # on copies, to list in one error what is wrong with the arrays too
            shell = {name: copy.deepcopy(item) for name, item in named_tensors(layer)}
            restore_tensors(shell, state.arrays, generators)
        except StateMismatch as mismatch:
            problems += mismatch.problems
        raise StateMismatch(type(layer).__name__, problems)
    problems += restore_tensors(layer, state.arrays, generators, strict=strict)
    for item, values in literals:
        vars(item).update(values)
    return problems


def parameters_of(layer: Any) -> State:
    """Copies of the parameters alone."""
    return State(PARAMETERS, {name: p.data.copy() for name, p in parameters(layer).items()})


def restore_parameters(layer: Any, state: State, *, strict: bool) -> list[str]:
    """Take the parameters of a state, all or nothing, and leave buffers, generators and settings alone.

    The state is what `parameters_of` returned, or one of a whole layer. Returns what was skipped; under `strict`, a
    difference in names or shapes is a StateMismatch.
    """
    owner = type(layer).__name__
    if state.kind != PARAMETERS and not state.kind.startswith(f"{__name__.partition('.')[0]}."):
        raise ValueError(f"{owner}: given a state of {state.kind!r}, needed one of a layer or {PARAMETERS!r}")
    buffers = {name for name, item in named_tensors(layer) if isinstance(item, Buffer)}
    arrays = {name: array for name, array in state.arrays.items() if name not in buffers}
    try:
        return restore_tensors(parameters(layer), arrays, {}, strict=strict)
    except StateMismatch as mismatch:
        raise StateMismatch(owner, mismatch.problems) from None


def layer_kind(layer: Layer) -> str:
    """Whose state: the class of this package that is nearest, so that renaming a user's class costs no file."""
    package = __name__.partition(".")[0]
    nearest = next(c for c in type(layer).__mro__ if c.__module__.partition(".")[0] == package)
    return f"{package}.{nearest.__name__}/1"


def settings_of(layer: Layer) -> dict[str, Any]:
    """The public attributes of a layer that are JSON values, but for its mode and how it was drawn."""
    return {key: value for key, value in vars(layer).items() if key not in layer.drawn_by and takes(layer, key)}


def takes(layer: Layer, key: str) -> bool:
    """Whether there is a public attribute of that name, the layer's own or its class's, with a JSON value."""
    return not key.startswith("_") and key != "training" and is_literal(inspect.getattr_static(layer, key, ...))


def _mapping(state: State, part: str) -> dict[str, Any]:
    value = state.literals.get(part, {})
    if not isinstance(value, dict) or not all(isinstance(v, dict) for v in value.values()):
        raise ValueError(f"the state's {part!r} are {value!r:.200}, needed an object of objects by dotted name")
    return value


def _differences(layers: Mapping[str, Layer], models: Collection[str], saved: Mapping[str, Any]) -> list[str]:
    """How the layers of a state and their settings differ from those here, one line each; models may differ."""
    problems = [f"missing layer {name!r}" for name in layers if name not in saved]
    problems += [f"unexpected layer {name!r}" for name in saved if name not in layers]
    for name, layer in layers.items():
        if name in models or name not in saved:
            continue
        there, here = saved[name], encode(settings_of(layer))  # encoded: nan is itself there
        for key in sorted(there.keys() | here.keys()):
            given, own = (repr(decode(side[key])) if key in side else "absent" for side in (there, here))
            if (key in there, there.get(key)) != (key in here, here.get(key)):
                problems.append(f"setting {f'{name}.{key}' if name else key!r} is {given} there, {own} here")
    return problems
