"""Layer, Sequential and NN: a model is `__init__` and `forward`, its state is found by walking."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np
from pureml_core import Saved, State, Tensor, named_tensors, parameters

from .hooks import Handle, Hooks, register
from .layer_state import parameters_of, restore, restore_parameters, state_of
from .summary import Summary, summary
from .tree import tree
from .walking import Layered, cast, dtype_of, held, named


class Layer(Layered, Saved):
    """Base of all layers: write `__init__` and `forward`, no more; `super().__init__()` is not needed.

    Parameters, Buffers, generators and further layers are found in attributes, lists, tuples and dicts. Floating
    inputs of a call, Tensors or arrays, become Tensors of the dtype of the layer's parameters.

    Public attributes with JSON values (numbers, text, lists, ...) are its settings: they are saved, and must be the
    same when a state is restored; all but `method` and `seed`, which say how values were first drawn.
    """

    _training = True
    _call_hooks: Hooks | None = None
    _numbered: ClassVar[str] = ""  # the list whose items are shown by their numbers alone
    drawn_by: ClassVar[frozenset[str]] = frozenset({"method", "seed"})  # no settings: how values were first drawn

    def __init__(self, *, training: bool = True) -> None:
        self._training = bool(training)

    def forward(self, *inputs: Any, **settings: Any) -> Any:
        """What the layer computes; the subclass says."""
        raise NotImplementedError(f"{type(self).__name__} has no forward(); define one that returns the layer's output")

    def __call__(self, *inputs: Any, **settings: Any) -> Any:
        dtype = dtype_of(self, set())
        given = [cast(x, dtype) for x in inputs]
        if settings:
            settings = {name: cast(x, dtype) for name, x in settings.items()}
        hooks = self._call_hooks
        if hooks is None:
            return self.forward(*given, **settings)
        inputs = tuple([cast(x, dtype) for x in hooks.inputs(self, tuple(given))])
        return hooks.output(self, inputs, self.forward(*inputs, **settings))

    def __repr__(self) -> str:
        return tree(self, Layer)

    @property
    def parameters(self) -> Sequence[Tensor]:
        """All trainable tensors, frozen ones included, each once, in the order of walking."""
        return tuple(parameters(self).values())

    def named_parameters(self) -> dict[str, Tensor]:
        """The `parameters` by dotted name, such as `layers.0.W`."""
        return parameters(self)

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for p in parameters(self).values():
            p.zero_grad()

    def freeze(self, pattern: str = "*") -> Self:
        """Exclude parameters from training: they get no gradient any more; returns the layer.

        They are saved as before. An optimizer leaves what has no gradient as it is. The running moments of a
        BatchNorm are no parameters, and follow the batches until the layer is in evaluation mode: `eval()` it after
        every `train()` of the model.

        Args:
            pattern: of the dotted names to freeze, by the rules of `fnmatch`: "encoder.*", "*.b".

        Raises:
            ValueError: no parameter has such a name.
        """
        _switch(self, pattern, requires_grad=False)
        return self

    def unfreeze(self, pattern: str = "*") -> Self:
        """Train parameters again; arguments as for `freeze`."""
        _switch(self, pattern, requires_grad=True)
        return self

    def apply(self, f: Callable[[Layer], object]) -> Self:
        """Call `f` with every layer inside, inner ones before those that hold them, each once; returns the layer."""
        for layer in _inner_first(self):
            f(layer)
        return self

    def register_forward_hook(self, f: Callable[[Layer, tuple[Any, ...], Any], Any]) -> Handle:
        """Have `f(layer, inputs, output)` called after every call of the layer.

        What it returns stands for the output, unless it is None. Hooks are no state, and copies have none.

        Returns:
            A handle; `remove()` it to end the hook, or use it by `with`.
        """
        return register(self, f)

    def register_forward_pre_hook(self, f: Callable[[Layer, tuple[Any, ...]], Any]) -> Handle:
        """Have `f(layer, inputs)` called before every call of the layer.

        What it returns stands for the inputs, unless it is None: a tuple of all of them, or the only one.

        Returns:
            A handle; `remove()` it to end the hook, or use it by `with`.
        """
        return register(self, f, before=True)

    def summary(
        self, input_shape: Sequence[Any] | None = None, *, inputs: Any = None, dtype: Any = None, **settings: Any
    ) -> Summary:
        """A table of the layers inside: shapes, parameters, multiply-adds, memory; see `pureml_nn.summary`."""
        return summary(self, input_shape, inputs=inputs, dtype=dtype, **settings)

    @property
    def training(self) -> bool:
        """The mode, training or evaluation. Setting it leaves the layers inside as they are; `train` switches all."""
        return self._training

    @training.setter
    def training(self, mode: bool) -> None:
        before, self._training = self._training, bool(mode)
        if self._training != before:
            self.on_mode_change(self._training)

    def on_mode_change(self, training: bool) -> None:
        """Called when the mode has changed; for a subclass that has something to do then."""

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
        return state_of(self, dict(named_layers(self)))

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

    def save(self, pth: str | PathLike[str], *, compression_level: int = 3) -> Any:
        """Write the parameters alone to `pth` with `.pureml.zip` appended; returns the path."""
        return Saved.write_state(parameters_of(self), pth, compression_level=compression_level)

    def load_params(self, pth: str | PathLike[str], *, strict: bool = True) -> Self:
        """Take the parameters that `save` or `save_state` wrote, all or nothing; returns the layer.

        Buffers, generators, settings and the mode stay. With `strict=False`, parameters that are missing there,
        unknown here or of another shape are skipped; `pureml.base.load_params` returns which.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is damaged or, under `strict`, names or shapes differ.
        """
        restore_parameters(self, Saved.read_state(pth), strict=strict)
        return self

    def _restore(self, state: State, *, strict: bool, load_literals: bool) -> list[str]:
        layers = dict(named_layers(self))
        models = [name for name, layer in layers.items() if isinstance(layer, NN)]
        return restore(self, layers, models, state, strict=strict, load_literals=load_literals)


class Sequential(Layer):
    """Layers or functions applied one after another.

    >>> from pureml_nn import Affine, relu
    >>> model = Sequential(Affine(4, 8), relu, Affine(8, 2))
    >>> model(np.zeros((3, 4))).shape
    (3, 2)
    """

    _numbered = "layers"

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
        """All trainable tensors, frozen ones included, each once, in the order of walking."""
        return list(parameters(self).values())

    def restore(self, state: State, *, strict: bool = True, load_literals: bool = True) -> list[str]:
        """As for every layer; with `load_literals` also the literals of attributes that exist here."""
        return self._restore(state, strict=strict, load_literals=load_literals)

    def save_state(  # type: ignore[override]  # without other settings
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
    return named(root, Layer)


def _inner_first(layer: Layer) -> list[Layer]:
    """Every layer inside, each after those that it holds."""
    order: list[Layer] = []
    found: set[int] = set()

    def visit(item: Any) -> None:
        inside = held(item)
        if inside is None or id(item) in found:
            return
        found.add(id(item))
        for _, value in inside:
            visit(value)
        if isinstance(item, Layer):
            order.append(item)

    visit(layer)
    return order


def _switch(layer: Layer, pattern: str, *, requires_grad: bool) -> None:
    names = parameters(layer)
    chosen = [p for name, p in names.items() if fnmatchcase(name, pattern)]
    if not chosen and pattern != "*":
        raise ValueError(
            f"{type(layer).__name__}: given the pattern {pattern!r}, which no parameter matches; "
            f"there are {', '.join(list(names)[:20]) or 'none'}"
        )
    for p in chosen:
        p.requires_grad = requires_grad
