"""The autograd core: Tensor, the recording switch and the functions that the paper keeps beside them."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pureml_core
from pureml_core import Tensor, enable_grad, flatten, is_grad_enabled, no_grad, sqrt
from pureml_core import log as ln

__all__ = [
    "GradientNotDefined",
    "Tensor",
    "TensorValuedFunction",
    "_shape_safe_grad",
    "_update_ctx",
    "enable_grad",
    "flatten",
    "is_grad_enabled",
    "ln",
    "log2",
    "no_grad",
    "reshape",
    "sqrt",
]

core: Any = pureml_core  # the types of operations are not written down


def log2(x: Any, context: Any = None) -> Tensor:
    """Binary logarithm, elementwise. `context` is there for programs that pass one; it does nothing."""
    return core.log2(x)  # type: ignore[no-any-return]


def reshape(x: Any, *shape: Any) -> Tensor:
    """The same values in another shape, given as integers or one sequence; -1 stands for what is left."""
    return core.reshape(x, shape[0] if len(shape) == 1 else shape)  # type: ignore[no-any-return]


class GradientNotDefined(Exception):
    """A backward sweep reached a function that has no gradient."""

    def __init__(self, func_name: str) -> None:
        super().__init__(f"Gradient not defined for function {func_name!r}")


class TensorValuedFunction:
    """A differentiable function of arrays, in the form of the paper's library; `pureml_core.op` is the shorter one.

    Each call is an operation of its own, with a dict for what the gradient needs of it. Functions that have a
    parameter `context` get that dict; the value is in it as "out".

    Args:
        forward_fn: of arrays to an array: `forward_fn(*arrays)`, with `context=` and settings if it has such
            parameters.
        grad_fn: of the value's gradient and the arrays to a tuple with each array's gradient, None where there is
            none: `grad_fn(upstream, *arrays)`, with `context=` if it has that parameter.

    >>> double = TensorValuedFunction(lambda x: 2 * x, lambda g, x: (2 * g,))
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> double(x).sum().backward()
    >>> x.grad
    array([2., 2.])
    """

    def __init__(self, forward_fn: Callable[..., Any], grad_fn: Callable[..., tuple[Any, ...]] | None = None) -> None:
        self.forward_fn = forward_fn
        self.name: str = getattr(forward_fn, "__name__", type(forward_fn).__name__)
        self._grad_fn = grad_fn

    @property
    def grad_fn(self) -> Callable[..., tuple[Any, ...]]:
        """The gradient function.

        Raises:
            GradientNotDefined: there is none.
        """
        if self._grad_fn is None:
            raise GradientNotDefined(self.name)
        return self._grad_fn

    def __call__(self, *inputs: Any, context: dict[str, Any] | None = None, **settings: Any) -> Tensor:
        """The value for some tensors, recorded if one of them is tracked.

        Args:
            context: entries that the call's own dict starts with.
            settings: for `forward_fn`.

        Raises:
            TypeError: `context` is no dict, `forward_fn` has no such setting, or it returned a Tensor.
            RuntimeError: in the backward sweep, `grad_fn` did not return a tuple with an entry for each input.
            GradientNotDefined: in the backward sweep, there is no `grad_fn`.
        """
        if context is not None and not isinstance(context, dict):
            raise TypeError(f"{self.name}: given the context {context!r}, needed a dict")
        return tensor_valued_function(*inputs, function=self, context=dict(context or {}), settings=settings)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"TensorValuedFunction({self.name})"


@core.op  # type: ignore[untyped-decorator]
def tensor_valued_function(
    *xs: Any, function: TensorValuedFunction, context: dict[str, Any], settings: dict[str, Any]
) -> Any:
    """One call of a TensorValuedFunction."""
    ctx = dict(context)
    y = function.forward_fn(*xs, **settings, **_context_for(function.forward_fn, ctx))
    if isinstance(y, Tensor) and not any(isinstance(x, Tensor) for x in xs):
        raise TypeError(f"{function.name} returned a Tensor, needed an array")
    ctx.setdefault("out", y)
    latest: list[Any] = []  # a gradient of the value, and those of the inputs that came of it

    def gradient(g: Any, i: int) -> Any:
        if not latest or latest[0] is not g:
            found = function.grad_fn(g, *xs, **_context_for(function.grad_fn, ctx))
            if not isinstance(found, tuple) or len(found) != len(xs):
                given = f"a tuple of {len(found)}" if isinstance(found, tuple) else type(found).__name__
                raise RuntimeError(f"the gradient of {function.name} gave {given}, needed a tuple of {len(xs)}")
            latest[:] = g, found
        return latest[1][i]

    return y, *[functools.partial(gradient, i=i) for i in range(len(xs))]


def _context_for(f: Callable[..., Any], ctx: dict[str, Any]) -> dict[str, Any]:
    """The keyword `context`, if a function takes it."""
    try:
        parameters = inspect.signature(f).parameters
    except ValueError:  # some of NumPy's tell nothing
        return {}
    takes = "context" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    return {"context": ctx} if takes else {}


def _update_ctx(ctx: dict[str, Any] | None = None, *, overwrite: bool = False, **variables: Any) -> None:
    """Write entries into a context, if there is one: those that it lacks, or all. Functions are called for theirs."""
    for name, value in variables.items():
        if ctx is not None and (overwrite or name not in ctx):
            ctx[name] = value() if callable(value) else value


def _shape_safe_grad(grad_fn: Callable[..., Any]) -> Callable[..., tuple[Any, ...]]:
    """A gradient function whose gradients are summed over the axes that broadcasting added or stretched."""

    @functools.wraps(grad_fn)
    def safe(upstream: Any, *inputs: Any, **settings: Any) -> tuple[Any, ...]:
        found = grad_fn(upstream, *inputs, **settings)
        gradients = found if isinstance(found, tuple) else (found,)
        return tuple(None if g is None else _summed_to(g, np.shape(x)) for g, x in zip(gradients, inputs, strict=True))

    return safe


def _summed_to(g: Any, shape: tuple[int, ...]) -> Any:
    added = np.ndim(g) - len(shape)
    stretched = [i for i in range(max(added, 0), np.ndim(g)) if shape[i - added] == 1]
    g = np.sum(g, axis=(*range(added), *stretched), keepdims=True)
    return np.broadcast_to(np.reshape(g, np.shape(g)[max(added, 0) :]), shape)
