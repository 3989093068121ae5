"""Layer, Sequential and NN: a model is `__init__` and `forward`, its state is found by walking."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np
from pureml_core import Buffer, Composite, Saved, State, Tensor, parameters
from pureml_core.state import StateMismatch, collect, decode, encode, is_literal, restore_tensors


class Layer(Composite, Saved):
    """Base of all layers: write `__init__` and `forward`, no more; `super().__init__()` is not needed.

    Parameters, Buffers, generators and further layers are found in attributes, lists, tuples and dicts. Floating
    inputs of a call, Tensors or arrays, become Tensors of the dtype of the layer's parameters.
    """

    training: bool = True
    kind: ClassVar[str] = "pureml_nn.Layer/1"
    drawn_by: ClassVar[frozenset[str]] = frozenset({"method", "seed"})  # how values were drawn, not what they are

    def forward(self, *inputs: Any, **settings: Any) -> Any:
        """What the layer computes; the subclass says."""
        raise NotImplementedError(f"{type(self).__name__} has no forward(); define one that returns the layer's output")

    def __call__(self, *inputs: Any, **settings: Any) -> Any:
        dtype = _dtype_of(self, set())
        return self.forward(
            *[_cast(x, dtype) for x in inputs],
            **{name: _cast(x, dtype) for name, x in settings.items()},
        )

    @property
    def parameters(self) -> Any:
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

    def state(self) -> State:
        """Copies of all tensors and generator states, and the settings of every layer."""
        arrays, generators = collect(self)
        settings = {name: encode(_settings(layer)) for name, layer in named_layers(self)}
        return State(type(self).kind, arrays, {"generators": generators, "settings": settings})

    def restore(self, state: State, *, strict: bool = True) -> list[str]:
        """Take the values of a snapshot, all or nothing. The mode, training or evaluation, stays as it is.

        Args:
            state: of a layer of the same structure.
            strict: names, shapes and settings must agree; otherwise what does not fit is skipped.

        Returns:
            What was skipped, one line each; empty under `strict`.

        Raises:
            ValueError: under `strict`, listing everything missing, unexpected, misshapen or set otherwise; always
                for the state of something that is no layer.
        """
        self._check_kind(state)
        problems = self._other_settings(state)
        if problems and strict:
            raise StateMismatch(type(self).__name__, problems)
        return problems + restore_tensors(self, state.arrays, state.literals.get("generators", {}), strict=strict)

    def _check_kind(self, state: State) -> None:
        if state.kind != type(self).kind:
            raise ValueError(f"{type(self).__name__}: given a state of {state.kind!r}, needed {type(self).kind!r}")

    def _other_settings(self, state: State) -> list[str]:
        """Which settings differ from those of a state, one line each."""
        given = state.literals.get("settings", {})
        problems = []
        for name, layer in named_layers(self):
            if name in given and not (name == "" and isinstance(self, NN)):
                saved, own = decode(given[name]), _settings(layer)
                for key in sorted(saved.keys() | own.keys()):
                    if (key in saved, saved.get(key)) != (key in own, own.get(key)):
                        where = f"{name}.{key}" if name else key
                        problems.append(f"setting {where!r} is {saved.get(key)!r} there, {own.get(key)!r} here")
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
    """

    kind = "pureml_nn.NN/1"

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
        """As for every layer; with `load_literals` also the attributes that exist here."""
        self._check_kind(state)
        saved = decode(state.literals.get("settings", {}).get("", {}))
        skipped = super().restore(state, strict=strict)
        if load_literals:
            own = _settings(self)
            vars(self).update({key: value for key, value in saved.items() if key in own})
        return skipped

    def save_state(self, pth: str | PathLike[str], *, compression_level: int = 3) -> Any:
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
        elif isinstance(item, list | tuple):
            inside = [(str(i), value) for i, value in enumerate(item)]
        else:
            continue
        found.add(id(item))
        if isinstance(item, Layer):
            yield name, item
        stack += reversed([(f"{name}.{key}" if name else key, value) for key, value in inside])


def _settings(layer: Layer) -> dict[str, Any]:
    """The public attributes of a layer that are JSON values, but for its mode and how it was drawn."""
    return {
        key: value
        for key, value in vars(layer).items()
        if not key.startswith("_") and key != "training" and key not in layer.drawn_by and is_literal(value)
    }


def _dtype_of(item: Any, seen: set[int]) -> np.dtype[Any] | None:
    """The dtype of the first parameter inside, if there is one."""
    if isinstance(item, Tensor):
        return item.dtype if item.requires_grad and item.is_leaf and not isinstance(item, Buffer) else None
    if isinstance(item, Composite):
        inside: Any = vars(item).values()
    elif isinstance(item, dict):
        inside = item.values()
    elif isinstance(item, list | tuple):
        inside = item
    else:
        return None
    if id(item) not in seen:
        seen.add(id(item))
        for value in inside:
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
