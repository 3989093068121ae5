"""Derivatives of ordinary functions: grad, vjp, jvp, jacobian, hessian, hvp.

A function takes and returns Tensors, arrays, numbers, or nested lists, tuples and dicts of them. Gradients come in the
containers of the argument: arrays for arrays, Tensors for Tensors. They can be differentiated again without being
asked to: whenever the function depends on tracked tensors of a surrounding computation, as in `grad(grad(f))`, the
gradient is a tracked Tensor itself.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .backward import facing
from .call import tracked_as
from .mode import enable_grad, recording
from .run import Run, Which, inner, matching, swept, tracked_copy
from .tensor import Tensor
from .tree import leaves, like


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

    @functools.wraps(f, updated=())
    def gradient(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return gradient


def value_and_grad(f: Callable[..., Any], argnums: Which = 0) -> Callable[..., tuple[Any, Any]]:
    """The value of a scalar function together with its gradient: see `grad`.

    >>> value, slope = value_and_grad(np.square)(3.0)
    >>> float(value), float(slope)
    (9.0, 6.0)
    """

    @functools.wraps(f, updated=())
    def both(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        run = Run("grad", f, args, kwargs, argnums)
        if not run.ys:
            raise ValueError(f"grad: given a function that returns {run.y!r}; did it forget to return its value?")
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
    run = Run("vjp", f, args, kwargs, tuple(range(len(args))) if argnums is None else argnums, lasting=True)

    def pullback(g: Any) -> Any:
        seeds = matching("vjp", "g", g, run.y, run.ys)
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
    run = Run("jvp", f, args, kwargs, tuple(range(len(args))))
    given = tangents if isinstance(primals, tuple) else (tangents,)
    ts = matching("jvp", "tangents", given, args, run.xs)
    recorded = run.recorded or (recording()[0] and any(t._requires_grad for t in ts))
    with enable_grad():
        us = [Tensor(np.zeros(y.shape, y.dtype), requires_grad=True) for y in run.ys]
        seeds: list[Any] = [facing(u) for u in us]
        gs = run.pull(seeds, create_graph=True)
        along: Any = 0.0  # Σ Re(conj(gᵀJ) t), linear in g
        for g, t in zip(gs, ts, strict=True):
            along = along + inner(g, t)
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

    @functools.wraps(f, updated=())
    def derivative(*args: Any, **kwargs: Any) -> Any:
        run = Run("jacobian", f, args, kwargs, argnums)
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
    ts = matching("hvp", "tangents", given, args, [tracked_copy(x) for x in leaves(args)])

    def slope(*args: Any) -> Any:
        total: Any = 0.0
        for g, t in zip(leaves(grad(f, everything)(*args, **kwargs)), ts, strict=True):
            total = total + inner(g, t)
        return total

    product = grad(slope, everything)(*args)
    return product if isinstance(primals, tuple) else product[0]


def _rows(run: Run, k: int) -> list[Any]:
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
    ys: list[Any] = list(outputs) if isinstance(outputs, list | tuple) else [outputs]
    xs: list[Any] = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    gs = [None] * len(ys) if grads is None else [grads] if isinstance(outputs, Tensor) else list(grads)
    for kind, tensors in (("output", ys), ("input", xs)):
        for i, t in enumerate(tensors):
            if not isinstance(t, Tensor):
                raise TypeError(f"gradients: {kind} {i} is {t!r:.60}, needed a Tensor")
            if not t._requires_grad:
                raise RuntimeError(
                    f"gradients: {kind} {i} of shape {t.shape} is not tracked; it needs requires_grad, or, if it is a "
                    "gradient itself, create_graph=True where it was taken"
                )
    if len(gs) != len(ys):
        raise ValueError(f"gradients: {len(gs)} incoming gradients for {len(ys)} outputs")
    seeds = [_seed(y, g, create_graph) for y, g in zip(ys, gs, strict=True)]
    results = [facing(dx) for dx in swept(ys, xs, seeds, keep_graph, create_graph)]
    tensors = [dx if isinstance(dx, Tensor) else tracked_as(dx, None, [0]) for dx in results]
    return tensors[0] if isinstance(inputs, Tensor) else tensors


def _seed(y: Tensor, g: Any, create_graph: bool) -> Any:
    if g is None:
        g = Tensor(np.ones(y.shape, y.dtype))
    elif not isinstance(g, Tensor):
        g = Tensor(np.array(g, dtype=y.dtype))
    if g.shape != y.shape:
        raise ValueError(f"gradients: given an incoming gradient of shape {g.shape}, needed the output's, {y.shape}")
    return facing(g.astype(y.dtype) if create_graph else g._ndarray.astype(y.dtype))
