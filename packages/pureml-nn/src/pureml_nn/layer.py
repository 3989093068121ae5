"""Layer, Sequential and NN: a model is `__init__` and `forward`, its state is found by walking."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np
from pureml_core import Buffer, Composite, Parameter, Saved, State, Tensor, named_tensors, parameters
from pureml_core.state import StateMismatch, collect, decode, encode, is_literal, restore_tensors


class Layer(Composite, Saved):
    """Base of all layers: write `__init__` and `forward`, no more; `super().__init__()` is not needed.

    Parameters, Buffers, generators and further layers are found in attributes, lists, tuples and dicts. Floating
    inputs of a call, Tensors or arrays, become Tensors of the dtype of the layer's parameters.

    Public attributes with JSON values (numbers, text, lists, ...) are its settings: they are saved, and must be the
    same when a state is restored; all but `method` and `seed`, which say how values were first drawn.
    """

    training: bool = True
    drawn_by: ClassVar[frozenset[str]] = frozenset({"method", "seed"})  # no settings: how values were first drawn

    def forward(self, *inputs: Any, **settings: Any) -> Any:
        """What the layer computes; the subclass says."""
        raise NotImplementedError(f"{type(self).__name__} has no forward(); define one that returns the layer's output")

    def __call__(self, *inputs: Any, **settings: Any) -> Any:
        dtype = _dtype_of(self, set())
        cast = [_cast(x, dtype) for x in inputs]
        if settings:
            settings = {name: _cast(x, dtype) for name, x in settings.items()}
        return self.forward(*cast, **settings)

    @property
    def parameters(self) -> Sequence[Tensor]:
        """All trainable tensors, each once, in the order of walking."""
        return tuple(parameters(self).values())

    def train(self, mode: bool = True) -> Self:
        """Switch to training mode, here and in every layer inside; returns the layer."""
        for _, layer in named_layers(self):
            layer.training = bool(mode)
        return self

    def eval(self) -> Self:
        """Switch to evaluation mode, here and in every layer inside; returns the layer."""
        return self.train(False)

    def astype(self, dtype: Any) -> Self:
        """Convert the floating parameters, gradients and buffers to another floating dtype; returns the layer.

        An optimizer keeps what it remembers in the old precision: make it afterwards.

        Raises:
            TypeError: `dtype` is not floating.
        """
        dtype = np.dtype(dtype)
        if dtype.kind != "f":
            raise TypeError(f"{type(self).__name__}.astype: given {dtype}, needed a floating dtype")
        for _, item in named_tensors(self):
            if isinstance(item, Tensor) and item.dtype.kind == "f" and item.dtype != dtype:
                item.data = item.data.astype(dtype)  # and .grad follows
        return self

    def state(self) -> State:
        """Copies of all tensors and generator states, and the settings of every layer."""
        arrays, generators = collect(self)
        settings = {name: encode(_settings(layer)) for name, layer in named_layers(self)}
        return State(_kind(self), arrays, {"generators": generators, "settings": settings})

    def restore(self, state: State, *, strict: bool = True) -> list[str]:
        """Take the values of a snapshot, all or nothing. The mode, training or evaluation, stays as it is.

        Args:
            state: of a layer of the same structure.
            strict: names, shapes and settings must agree; otherwise what does not fit is skipped.

        Returns:
            What was skipped, one line each; empty under `strict`.

        Raises:
            ValueError: under `strict`, listing everything missing, unexpected, misshapen or set otherwise; always
                for the state of something else.
        """
        return self._restore(state, strict=strict, load_literals=True)

    def _restore(self, state: State, *, strict: bool, load_literals: bool) -> list[str]:
        if state.kind != _kind(self):
            raise ValueError(f"{type(self).__name__}: given a state of {state.kind!r}, needed one of {_kind(self)!r}")
        generators, settings = _mapping(state, "generators"), _mapping(state, "settings")
        layers = dict(named_layers(self))
        problems = _differences(layers, settings) if "settings" in state.literals else []
        literals = [
            (layer, {key: value for key, value in decode(settings[name]).items() if _takes(layer, key)})
            for name, layer in layers.items()
            if load_literals and isinstance(layer, NN) and name in settings
        ]
        if strict and problems:
            try:  # on copies, to list in one error what is wrong with the arrays too
                shell = {name: copy.deepcopy(item) for name, item in named_tensors(self)}
                restore_tensors(shell, state.arrays, generators)
            except StateMismatch as mismatch:
                problems += mismatch.problems
            raise StateMismatch(type(self).__name__, problems)
        problems += restore_tensors(self, state.arrays, generators, strict=strict)
        for layer, values in literals:
            vars(layer).update(values)
        return problems


class Sequential(Layer):
    """Layers or functions applied one after another.

    >>> from pureml_nn import Affine, relu
    >>> model = Sequential(Affine(4, 8), relu, Affine(8, 2))
    >>> model(np.zeros((3, 4))).shape
    (3, 2)
    """

    def __init__(self, *layers: Callable[[Any], Any]) -> None:
        for i, layer in enumerate(layers):
            if not callable(layer):
                raise TypeError(f"Sequential: item {i} is {layer!r}, needed a layer or a function")
        self.layers = list(layers)

    def forward(self, X: Any) -> Any:
        for layer in self.layers:
            X = layer(X)
        return X

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Callable[[Any], Any]]:
        return iter(self.layers)

    def __getitem__(self, index: int | slice) -> Any:
        """The layer at a position; for a slice a Sequential of those layers, shared."""
        return Sequential(*self.layers[index]) if isinstance(index, slice) else self.layers[index]


class NN(Layer):
    """A model: the user writes `__init__` and `predict`.

    Its public attributes with JSON values (numbers, text, lists, ...) are saved and restored with it.

    >>> from pureml_nn import Affine, relu
    >>> class Classifier(NN):
    ...     def __init__(self):
    ...         self.hidden, self.out = Affine(4, 8), Affine(8, 3)
    ...     def predict(self, X):
    ...         return self.out(relu(self.hidden(X)))
    >>> Classifier()(np.zeros((5, 4))).shape
    (5, 3)
    """

    drawn_by = frozenset()

    def predict(self, *inputs: Any, **settings: Any) -> Any:
        """What the model computes; the subclass says."""
        raise NotImplementedError(f"{type(self).__name__} has no predict(); define one that returns the model's output")

    def forward(self, *inputs: Any, **settings: Any) -> Any:
        return self.predict(*inputs, **settings)

    @property
    def parameters(self) -> list[Tensor]:
        """All trainable tensors, each once, in the order of walking."""
        return list(parameters(self).values())

    def restore(self, state: State, *, strict: bool = True, load_literals: bool = True) -> list[str]:
        """As for every layer; with `load_literals` also the literals of attributes that exist here."""
        return self._restore(state, strict=strict, load_literals=load_literals)

    def save_state(  # type: ignore[override]  # the published library calls it pth
        self, pth: str | PathLike[str], *, compression_level: int = 3
    ) -> Any:
        """Write parameters, buffers, generators and literals to `pth` with `.pureml.zip` appended; returns the path."""
        return super().save_state(pth, compression_level=compression_level)

    def load_state(self, pth: str | PathLike[str], *, strict: bool = True, load_literals: bool = True) -> Self:
        """Take the state that `save_state` wrote, all or nothing; returns the model in the mode that it has.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is damaged, or holds the state of another model.
        """
        self.restore(Saved.read_state(pth), strict=strict, load_literals=load_literals)
        return self


def named_layers(root: Any) -> Iterator[tuple[str, Layer]]:
    """Every Layer inside an object, itself included: (dotted name, layer), each once."""
    found: set[int] = set()
    stack = [("", root)]
    while stack:
        name, item = stack.pop()
        if id(item) in found:
            continue
        if isinstance(item, Composite):
            inside = list(vars(item).items())
        elif isinstance(item, dict):
            inside = [(str(key), value) for key, value in item.items()]
        elif isinstance(item, CONTAINERS):
            inside = [(str(i), value) for i, value in enumerate(item)]
        else:
            continue
        found.add(id(item))
        if isinstance(item, Layer):
            yield name, item
        stack += reversed([(f"{name}.{key}" if name else key, value) for key, value in inside])


CONTAINERS = (list, tuple)
ATOMS = frozenset({bool, int, float, str, type(None)})


def _kind(layer: Layer) -> str:
    """Whose state: the class of this package that is nearest, so that renaming a user's class costs no file."""
    package = __name__.partition(".")[0]
    nearest = next(c for c in type(layer).__mro__ if c.__module__.partition(".")[0] == package)
    return f"{package}.{nearest.__name__}/1"


def _settings(layer: Layer) -> dict[str, Any]:
    """The public attributes of a layer that are JSON values, but for its mode and how it was drawn."""
    return {key: value for key, value in vars(layer).items() if key not in layer.drawn_by and _takes(layer, key)}


def _takes(layer: Layer, key: str) -> bool:
    """Whether there is a public attribute of that name, the layer's own or its class's, with a JSON value."""
    return not key.startswith("_") and key != "training" and is_literal(inspect.getattr_static(layer, key, ...))


def _mapping(state: State, part: str) -> dict[str, Any]:
    value = state.literals.get(part, {})
    if not isinstance(value, dict) or not all(isinstance(v, dict) for v in value.values()):
        raise ValueError(f"the state's {part!r} are {value!r:.200}, needed an object of objects by dotted name")
    return value


def _differences(layers: Mapping[str, Layer], saved: Mapping[str, Any]) -> list[str]:
    """How the layers of a state and their settings differ from those here, one line each; models may differ."""
    problems = [f"missing layer {name!r}" for name in layers if name not in saved]
    problems += [f"unexpected layer {name!r}" for name in saved if name not in layers]
    for name, layer in layers.items():
        if isinstance(layer, NN) or name not in saved:
            continue
        there, here = saved[name], encode(_settings(layer))  # encoded: nan is itself there
        for key in sorted(there.keys() | here.keys()):
            given, own = (repr(decode(side[key])) if key in side else "absent" for side in (there, here))
            if (key in there, there.get(key)) != (key in here, here.get(key)):
                problems.append(f"setting {f'{name}.{key}' if name else key!r} is {given} there, {own} here")
    return problems


def _dtype_of(item: Any, seen: set[int]) -> np.dtype[Any] | None:
    """The dtype of the first floating parameter inside, if there is one. Every call asks: it must be quick."""
    if isinstance(item, Tensor):
        counts = isinstance(item, Parameter) or (item.requires_grad and item.is_leaf and not isinstance(item, Buffer))
        return item.dtype if counts and item.dtype.kind == "f" else None
    if isinstance(item, Composite):
        inside: Any = vars(item).values()
    elif isinstance(item, dict):
        inside = item.values()
    elif isinstance(item, CONTAINERS):
        inside = item
    else:
        return None
    if id(item) not in seen:
        seen.add(id(item))
        for value in inside:
            if value.__class__ not in ATOMS:
                dtype = _dtype_of(value, seen)
                if dtype is not None:
                    return dtype
    return None


def _cast(x: Any, dtype: np.dtype[Any] | None) -> Any:
    """An input as a Tensor, in the layer's precision if it is floating."""
    if isinstance(x, np.ndarray):
        x = Tensor(x, ensure_writable=False)
    if dtype is None or not isinstance(x, Tensor) or x.dtype is dtype or x.dtype.kind != "f":
        return x
    return x.astype(dtype)
