"""Derivatives of ordinary functions: grad, vjp, jvp, jacobian, hessian, hvp.

A function takes and returns Tensors, arrays, numbers, or nested lists, tuples and dicts of them. Gradients come in the
containers of the argument: arrays for arrays, Tensors for Tensors. They can be differentiated again without being
asked to: whenever the function depends on tracked tensors of a surrounding computation, as in `grad(grad(f))`, the
gradient is a tracked Tensor itself.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from .backward import facing, sweep
from .call import tracked_as
from .history import Node, Part
from .mode import enable_grad, recording
from .op import alias
from .sparse import RowSparse
from .tensor import Tensor
from .tree import leaves, like, mapped, paths

Which: TypeAlias = int | str | Sequence[int | str]


def grad(f: Callable[..., Any], argnums: Which = 0) -> Callable[..., Any]:
    """The gradient of a scalar function, as a function of the same arguments.

    Args:
        f: returns one real number, as a Tensor or array of shape ().
        argnums: which argument to differentiate by: its position, its name, or several of them (then the result is a
            tuple). Integers are taken as float64.

    Returns:
        A function. Its result has the containers of the argument; of a complex x = u + iv the gradient is
        ∂f/∂u + i ∂f/∂v.

    Raises:
        ValueError: (by the function returned) f's value is not a scalar, or there is no such argument.
        TypeError: (by the function returned) something in the argument is not a number or array of numbers.

    >>> slope = grad(lambda x: x**3)
    >>> float(slope(2.0)), float(grad(slope)(2.0)), float(grad(grad(slope))(2.0))
    (12.0, 12.0, 6.0)
    >>> grad(lambda p, x: p["w"] @ x + p["b"])({"w": np.array([1.0, 2.0]), "b": 3.0}, np.array([4.0, 5.0]))
    {'w': array([4., 5.]), 'b': np.float64(1.0)}
    """
    both = value_and_grad(f, argnums)

    @functools.wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return gradient


def value_and_grad(f: Callable[..., Any], argnums: Which = 0) -> Callable[..., tuple[Any, Any]]:
    """The value of a scalar function together with its gradient: see `grad`.

    >>> value, slope = value_and_grad(np.square)(3.0)
    >>> float(value), float(slope)
    (9.0, 6.0)
    """

    @functools.wraps(f)
    def both(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        run = _Run("grad", f, args, kwargs, argnums)
        if len(run.ys) != 1 or run.ys[0].shape != () or run.ys[0].dtype.kind == "c":
            given = ", ".join(f"{y.dtype} of shape {y.shape}" for y in run.ys)
            raise ValueError(
                f"grad: given a function that returns {given}; needed one real number of shape (): reduce it with "
                "sum() or mean(), or use jacobian"
            )
        dxs = run.pull([np.ones((), run.ys[0].dtype)])
        return run.value(), run.result(dxs)

    return both


def vjp(
    f: Callable[..., Any], *args: Any, argnums: Which | None = None, **kwargs: Any
) -> tuple[Any, Callable[[Any], Any]]:
    """The value of f at `args`, and the function that takes gradients back through it.

    Args:
        argnums: which arguments to differentiate by; all positional ones when None.

    Returns:
        (y, pullback): `pullback(g)`, for g of y's containers and shapes, gives the vector-Jacobian products gᵀ ∂y/∂x,
        as a tuple unless `argnums` names a single argument. It can be called repeatedly.

    Raises:
        ValueError: (by pullback) g has other containers or shapes than y.

    >>> y, pullback = vjp(np.multiply, np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    >>> pullback(np.array([1.0, 10.0]))
    (array([ 3., 40.]), array([ 1., 20.]))
    """
    run = _Run("vjp", f, args, kwargs, tuple(range(len(args))) if argnums is None else argnums)

    def pullback(g: Any) -> Any:
        seeds = _matching("vjp", "g", g, run.y, run.ys)
        return run.result(run.pull(seeds, keep_graph=True))

    return run.value(), pullback


def jvp(f: Callable[..., Any], primals: Any, tangents: Any, **kwargs: Any) -> tuple[Any, Any]:
    """The value of f and its derivative along a direction: (y, ∂y/∂x · tangents).

    This is the vector-Jacobian product of a vector-Jacobian product: g ↦ gᵀJ is linear in g, and its own VJP along t
    is J t. It costs two backward sweeps, the first of them recorded, where forward-mode differentiation would need a
    single pass; for few outputs `vjp` is the better choice.

    Args:
        primals: a tuple of f's arguments, or its only argument.
        tangents: the direction, of the same containers and shapes.
        kwargs: passed on to f.

    Raises:
        ValueError: tangents have other containers or shapes than primals.

    >>> y, dy = jvp(np.sin, 0.0, 2.0)
    >>> float(y), float(dy)
    (0.0, 2.0)
    """
    args = primals if isinstance(primals, tuple) else (primals,)
    run = _Run("jvp", f, args, kwargs, tuple(range(len(args))))
    given = tangents if isinstance(primals, tuple) else (tangents,)
    ts = _matching("jvp", "tangents", given, args, run.xs)
    recorded = run.recorded or (recording()[0] and any(t._requires_grad for t in ts))
    with enable_grad():
        us = [Tensor(np.zeros(y.shape, y.dtype), requires_grad=True) for y in run.ys]
        seeds: list[Any] = [facing(u) for u in us]
        gs = run.pull(seeds, create_graph=True)
        along: Any = 0.0  # Σ Re(conj(gᵀJ) t), linear in g
        for g, t in zip(gs, ts, strict=True):
            along = along + _inner(g, t)
    if not (isinstance(along, Tensor) and along._requires_grad):
        dys: list[Any] = [np.zeros(y.shape, y.dtype) for y in run.ys]
    else:
        dys = gradients(along, us, keep_graph=recorded, create_graph=recorded)
    return run.value(), like(run.y, iter([run.outside(dy) for dy in dys]))


def jacobian(f: Callable[..., Any], argnums: Which = 0) -> Callable[..., Any]:
    """All partial derivatives of f, as a function of the same arguments.

    One backward sweep for every entry of f's value: meant for small values, or as a check. The derivative of a complex
    value by a complex argument is the complex one, and f is taken to be holomorphic.

    Args:
        argnums: which argument to differentiate by; see `grad`.

    Returns:
        A function. For an array as value and as argument its result is an array of shape (*value, *argument); for
        containers it has the value's containers, and in each place the argument's.

    Raises:
        TypeError: (by the function returned) a real value of a complex argument, which has no such derivative: use
            grad.

    >>> jacobian(lambda x: x[:2] * x[2])(np.array([1.0, 2.0, 3.0]))
    array([[3., 0., 1.],
           [0., 3., 2.]])
    """

    @functools.wraps(f)
    def derivative(*args: Any, **kwargs: Any) -> Any:
        run = _Run("jacobian", f, args, kwargs, argnums)
        if any(x.dtype.kind == "c" for x in run.xs) and any(y.dtype.kind != "c" for y in run.ys):
            raise TypeError(
                "jacobian: given a complex argument and a real value: there is no complex derivative; use grad of a "
                "scalar, or split the argument into real and imaginary parts"
            )
        return like(run.y, iter([run.result(_rows(run, k)) for k in range(len(run.ys))]))

    return derivative


def hessian(f: Callable[..., Any], argnums: Which = 0) -> Callable[..., Any]:
    """The second derivatives of a scalar function: the Jacobian of its gradient.

    Returns:
        A function; for an array of shape s as argument its result has shape (*s, *s). For containers it has the
        argument's containers, and in each place the argument's again.

    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([3.0, 5.0]))
    array([[10.,  6.],
           [ 6.,  0.]])
    """
    return jacobian(grad(f, argnums), argnums)


def hvp(f: Callable[..., Any], primals: Any, tangents: Any, **kwargs: Any) -> Any:
    """A Hessian-vector product of a scalar function, without the Hessian: the gradient of ⟨grad f, tangents⟩.

    Args:
        primals: a tuple of f's arguments, or its only argument.
        tangents: the vector, of the same containers and shapes.
        kwargs: passed on to f.

    Returns:
        The product, in the containers of primals.

    >>> hvp(lambda x: (x**4).sum(), np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    array([12., 48.])
    """
    args = primals if isinstance(primals, tuple) else (primals,)
    everything = tuple(range(len(args)))
    given = tangents if isinstance(primals, tuple) else (tangents,)
    ts = _matching("hvp", "tangents", given, args, [_tracked(x) for x in leaves(args)])

    def slope(*args: Any) -> Any:
        total: Any = 0.0
        for g, t in zip(leaves(grad(f, everything)(*args, **kwargs)), ts, strict=True):
            total = total + _inner(g, t)
        return total

    product = grad(slope, everything)(*args)
    return product if isinstance(primals, tuple) else product[0]


def gradients(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grads: Any = None,
    *,
    keep_graph: bool = False,
    create_graph: bool = False,
) -> Any:
    """The gradients of the sum of `outputs` with respect to `inputs`, without touching anybody's `.grad`.

    Args:
        outputs: one tracked tensor or several.
        inputs: the tensors to differentiate by, leaves or computed ones.
        grads: the incoming gradient of each output, of its shape; ones when None.
        keep_graph: keep the graph for another sweep.
        create_graph: record the sweep itself, so that the gradients can be differentiated again.

    Returns:
        For one tensor as `inputs` a Tensor of its shape and dtype; for a sequence a list of them. Zeros where an
        input does not influence the outputs.

    Raises:
        RuntimeError: an output or input is not tracked, or the graph has been freed.
        ValueError: a gradient in `grads` has another shape than its output.

    >>> x = Tensor(2.0, requires_grad=True)
    >>> dy = gradients(x * x * x, x, create_graph=True)
    >>> float(dy), float(gradients(dy, x))
    (12.0, 12.0)
    """
    ys = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    xs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    gs = [None] * len(ys) if grads is None else [grads] if isinstance(outputs, Tensor) else list(grads)
    for kind, tensors in (("output", ys), ("input", xs)):
        for i, t in enumerate(tensors):
            if not t._requires_grad:
                raise RuntimeError(f"gradients: {kind} {i} of shape {t.shape} is not tracked; it needs requires_grad")
    if len(gs) != len(ys):
        raise ValueError(f"gradients: {len(gs)} incoming gradients for {len(ys)} outputs")
    seeds = [_seed(y, g, create_graph) for y, g in zip(ys, gs, strict=True)]
    results = [facing(dx) for dx in _swept(ys, xs, seeds, keep_graph, create_graph)]
    tensors = [dx if isinstance(dx, Tensor) else tracked_as(dx, None, [0]) for dx in results]
    return tensors[0] if isinstance(inputs, Tensor) else tensors


def _seed(y: Tensor, g: Any, create_graph: bool) -> Any:
    if g is None:
        g = Tensor(np.ones(y.shape, y.dtype))
    elif not isinstance(g, Tensor):
        g = Tensor(np.array(g, dtype=y.dtype))
    if g.shape != y.shape:
        raise ValueError(f"gradients: given an incoming gradient of shape {g.shape}, needed the output's, {y.shape}")
    return facing(g.astype(y.dtype) if create_graph else g._data.astype(y.dtype))


def _swept(ys: list[Tensor], xs: list[Tensor], seeds: Sequence[Any], keep_graph: bool, create_graph: bool) -> list[Any]:
    """The gradient of each x as VJPs see it, an array of its own or a tracked Tensor; zeros where nothing arrives."""
    targets = [x._node or x for x in xs]
    found = sweep([y._node or y for y in ys], seeds, targets, keep_graph=keep_graph, create_graph=create_graph)
    given: set[Any] = set()
    results = []
    for x, target in zip(xs, targets, strict=True):
        dx = found.get(target)
        if dx is None:
            dx = np.zeros(x.shape, x.dtype)
        elif isinstance(dx, RowSparse):
            dx = dx.dense()
        elif target in given and not isinstance(dx, Tensor):
            dx = dx.copy()  # the same tensor asked for twice
        given.add(target)
        results.append(dx)
    return results


@dataclass(frozen=True)
class _Place:
    """Where a chosen argument stands: its position, or its name."""

    key: int | str
    value: Any


class _Run:
    """One call of a function on fresh tracked copies of the arguments to differentiate by.

    Attributes:
        y: the function's value, in its containers; `ys` its leaves, as Tensors.
        xs: the tracked copies.
        recorded: whether derivatives must be recorded in their turn: something else is tracked that they depend on.
    """

    def __init__(self, name: str, f: Callable[..., Any], args: Any, kwargs: Any, argnums: Which) -> None:
        self.single = isinstance(argnums, int | str)
        keys = [argnums] if isinstance(argnums, int | str) else list(argnums)
        self.places = [_place(name, f, args, kwargs, key) for key in keys]
        self.xs: list[Tensor] = []
        was = recording()[0]
        with enable_grad():
            args, kwargs = list(args), dict(kwargs)
            self.as_tensors = False
            for place in self.places:
                old = leaves(place.value)
                for x, path in zip(old, paths(place.value), strict=True):
                    if isinstance(x, Tensor):
                        self.as_tensors = True
                    self.xs.append(_tracked(x, f"{name}: argument {place.key!r}{path}"))
                new = like(place.value, iter(self.xs[len(self.xs) - len(old) :]))
                if isinstance(place.key, int):
                    args[place.key] = new
                else:
                    kwargs[place.key] = new
            self.y = f(*args, **kwargs)
            self.ys = [y if isinstance(y, Tensor) else Tensor(y) for y in leaves(self.y)]
        self.recorded = was and self._depends_on_others()

    def _depends_on_others(self) -> bool:
        """Whether anything tracked besides the copies leads to the value, or to the arguments that were copied."""
        ours = {x._node or x for x in self.xs}
        if any(x._node is not None for x in self.xs):
            return True
        seen: set[Any] = set()
        stack = [y._node or y for y in self.ys if y._requires_grad]
        while stack:
            target = stack.pop()
            target = target.node if isinstance(target, Part) else target
            if target in ours or target in seen:
                continue
            seen.add(target)
            if not isinstance(target, Node):
                return True
            if target.vjps is not None:
                stack += [x for x, vjp in zip(target.inputs, target.vjps, strict=True) if vjp is not None]
        return False

    def pull(self, seeds: Sequence[Any], *, keep_graph: bool = False, create_graph: bool = False) -> list[Any]:
        """The gradients of Σ seed · y by the copies, from seeds as VJPs see them, to gradients as users see them."""
        create_graph = create_graph or self.recorded
        pairs = [(y, g) for y, g in zip(self.ys, seeds, strict=True) if y._requires_grad]
        if not pairs:
            return [np.zeros(x.shape, x.dtype) for x in self.xs]
        if create_graph:
            pairs = [(y, g if isinstance(g, Tensor) else Tensor(g)) for y, g in pairs]
        ys, gs = zip(*pairs, strict=True)
        return [facing(dx) for dx in _swept(list(ys), self.xs, gs, keep_graph, create_graph)]

    def value(self) -> Any:
        """The function's value for the caller: with its history only if it is part of a surrounding computation."""
        return mapped(self.outside, self.y)

    def outside(self, y: Any) -> Any:
        if self.recorded:
            return y
        if isinstance(y, Tensor):
            return y.detach() if self.as_tensors else y._data[()]
        return Tensor(y) if self.as_tensors and isinstance(y, np.ndarray) else y[()] if isinstance(y, np.ndarray) else y

    def result(self, dxs: Iterable[Any]) -> Any:
        """Gradients in the containers of the arguments."""
        new = iter([self.outside(dx) for dx in dxs])
        parts = tuple(like(place.value, new) for place in self.places)
        return parts[0] if self.single else parts


def _rows(run: _Run, k: int) -> list[Any]:
    """The derivatives of the value's leaf k by every copy: one sweep an entry, two where it is complex of a real x."""
    y = run.ys[k]
    units = (1.0, -1j) if y.dtype.kind == "c" else (1.0,)  # dL = Re(unit · dy): the real and the imaginary part
    found: list[list[Any]] = [[] for _ in run.xs]
    for entry in np.ndindex(y.shape):
        parts = []
        for unit in units:
            seeds = [np.zeros(other.shape, other.dtype) for other in run.ys]
            seeds[k][entry] = unit
            parts.append([facing(dx) for dx in run.pull(seeds, keep_graph=True)])
        for rows, x, *dx in zip(found, run.xs, *parts, strict=True):
            rows.append(dx[0] if x.dtype.kind == "c" or len(dx) == 1 else dx[0] + 1j * dx[1])
    jacobians = []
    for rows, x in zip(found, run.xs, strict=True):
        shape = (*y.shape, *x.shape)
        if not rows:
            jacobians.append(np.zeros(shape, np.result_type(x.dtype, y.dtype)))
        elif any(isinstance(row, Tensor) for row in rows):
            jacobians.append(np.reshape(np.stack(rows), shape))
        else:
            jacobians.append(np.stack(rows).reshape(shape))
    return jacobians


def _place(name: str, f: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], key: int | str) -> _Place:
    """Where the argument of that position or name was given."""
    if isinstance(key, str):
        if key in kwargs:
            return _Place(key, kwargs[key])
        try:
            names = list(inspect.signature(f).parameters)
        except (TypeError, ValueError):
            names = []
        if key in names and names.index(key) < len(args):
            return _Place(names.index(key), args[names.index(key)])
        raise ValueError(f"{name}: no argument named {key!r} was given; given {len(args)} by position and {[*kwargs]}")
    if not -len(args) <= key < len(args):
        raise ValueError(f"{name}: no argument at position {key}; given {len(args)} by position and {[*kwargs]}")
    return _Place(key % len(args), args[key])


def _tracked(x: Any, what: str = "argument") -> Tensor:
    """A tensor of its own to differentiate by: connected with x if x is tracked, a leaf otherwise."""
    if isinstance(x, Tensor) and x._requires_grad:
        with enable_grad():
            return alias(x)  # type: ignore[no-any-return]
    array = np.asarray(x._data if isinstance(x, Tensor) else x)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"{what}: given {type(x).__name__} of dtype {array.dtype}; needed numbers to differentiate by")
    return Tensor(array, requires_grad=True, ensure_writable=False)


def _matching(name: str, what: str, given: Any, structure: Any, tensors: Sequence[Tensor]) -> list[Any]:
    """The leaves of `given` as Tensors, checked against containers, shapes and dtypes; as VJPs see them for `g`."""
    found = leaves(given)
    if list(paths(given)) != list(paths(structure)):
        raise ValueError(f"{name}: {what} has the places {[*paths(given)]}, needed {[*paths(structure)]}")
    result = []
    for g, t, path in zip(found, tensors, paths(structure), strict=True):
        g = g if isinstance(g, Tensor) else Tensor(np.array(g))
        if g.shape != t.shape:
            raise ValueError(f"{name}: {what}{path} has shape {g.shape}, needed {t.shape}")
        g = g.astype(t.dtype)
        result.append(facing(g if g._requires_grad else g._data) if what == "g" else g)
    return result


def _inner(g: Any, t: Any) -> Any:
    """⟨g, t⟩ of a gradient and a direction: dL = Re(Σ conj(g) t)."""
    product = np.real(np.conjugate(g) * t) if t.dtype.kind == "c" else g * t
    return product.sum()
