"""Initialisers: functions (fan_in, fan_out, rng) -> array of shape (fan_in, fan_out).

Those of this file also take `shape`, for weights that are no matrices (a convolution's), and `gain`, a factor. Layers
take their names, in any case and with "-", "_" or spaces, or any function of that form:
`Affine(4, 3, "glorot-uniform")`, `Affine(4, 3, functools.partial(init.truncated_normal, std=0.02))`.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from pureml_core import Parameter, Tensor, generator

Initialiser = Callable[..., np.ndarray]
Shape = tuple[int, ...] | None


def draw(
    method: str | Initialiser,
    shape: tuple[int, ...],
    fan_in: int,
    fan_out: int,
    rng: np.random.Generator,
    gain: float | None = None,
) -> np.ndarray:
    """An array of `shape` drawn by `method`.

    Args:
        method: a name; or a function, which is called as f(fan_in, fan_out, rng), and for any other shape than
            (fan_in, fan_out) as f(fan_in, fan_out, rng, shape=shape).
        fan_in, fan_out: how many numbers each output is made of, and how many outputs each input takes part in.
        gain: in place of the named method's own, which is √2 for the he methods and 1 for the others.

    Raises:
        ValueError: the name is unknown, or the function's array has another shape.
    """
    f = by_name(method)
    settings: dict[str, Any] = {} if tuple(shape) == (fan_in, fan_out) else {"shape": tuple(shape)}
    if gain is not None and isinstance(method, str):
        settings["gain"] = float(gain)
    W = np.asarray(f(fan_in, fan_out, rng, **settings))
    if W.shape != tuple(shape):
        raise ValueError(f"init: {method!r} gave an array of shape {W.shape}, needed {tuple(shape)}")
    return W


def glorot_normal(
    fan_in: int, fan_out: int, rng: np.random.Generator, *, shape: Shape = None, gain: float = 1.0
) -> np.ndarray:
    """Normal with standard deviation gain · √(2 / (fan_in + fan_out)) (Glorot & Bengio 2010, eq. 12)."""
    return rng.normal(0.0, gain * math.sqrt(2 / (fan_in + fan_out)), shape or (fan_in, fan_out))


def glorot_uniform(
    fan_in: int, fan_out: int, rng: np.random.Generator, *, shape: Shape = None, gain: float = 1.0
) -> np.ndarray:
    """Uniform within ±gain · √(6 / (fan_in + fan_out)) (Glorot & Bengio 2010, eq. 16)."""
    return _uniform(rng, gain * math.sqrt(2 / (fan_in + fan_out)), shape or (fan_in, fan_out))


def he_normal(
    fan_in: int, fan_out: int, rng: np.random.Generator, *, shape: Shape = None, gain: float = math.sqrt(2)
) -> np.ndarray:
    """Normal with standard deviation gain / √fan_in, for rectifiers (He et al. 2015, eq. 10)."""
    return rng.normal(0.0, gain / math.sqrt(fan_in), shape or (fan_in, fan_out))


def he_uniform(
    fan_in: int, fan_out: int, rng: np.random.Generator, *, shape: Shape = None, gain: float = math.sqrt(2)
) -> np.ndarray:
    """Uniform within ±gain · √(3 / fan_in), for rectifiers; the variance is that of `he_normal`."""
    return _uniform(rng, gain / math.sqrt(fan_in), shape or (fan_in, fan_out))


def lecun_normal(
    fan_in: int, fan_out: int, rng: np.random.Generator, *, shape: Shape = None, gain: float = 1.0
) -> np.ndarray:
    """Normal with standard deviation gain / √fan_in (LeCun et al. 1998, "Efficient BackProp", eq. 16)."""
    return rng.normal(0.0, gain / math.sqrt(fan_in), shape or (fan_in, fan_out))


def lecun_uniform(
    fan_in: int, fan_out: int, rng: np.random.Generator, *, shape: Shape = None, gain: float = 1.0
) -> np.ndarray:
    """Uniform within ±gain · √(3 / fan_in); the variance is that of `lecun_normal`."""
    return _uniform(rng, gain / math.sqrt(fan_in), shape or (fan_in, fan_out))


def truncated_normal(
    fan_in: int,
    fan_out: int,
    rng: np.random.Generator,
    *,
    shape: Shape = None,
    gain: float = 1.0,
    std: float | None = None,
) -> np.ndarray:
    """Normal, drawn again wherever it falls outside two standard deviations.

    Args:
        std: standard deviation before the cut, for instance 0.02. None: such that what is left has gain / √fan_in.
    """
    W = rng.standard_normal(shape or (fan_in, fan_out))
    while (outside := np.abs(W) > 2).any():
        W[outside] = rng.standard_normal(np.count_nonzero(outside))
    return W * (gain / math.sqrt(fan_in) / STD_WITHIN_2 if std is None else gain * std)


STD_WITHIN_2 = 0.8796256610342398  # of a standard normal number that lies within ±2


def orthogonal(
    fan_in: int, fan_out: int, rng: np.random.Generator, *, shape: Shape = None, gain: float = 1.0
) -> np.ndarray:
    """gain times a random matrix with orthonormal columns, or rows where there are fewer of them (Saxe et al. 2014).

    Other shapes are seen as matrices (shape[0], everything else). The factor Q of a normal matrix, with R's diagonal
    positive, is uniformly distributed (Mezzadri 2007).
    """
    shape = shape or (fan_in, fan_out)
    rows, columns = shape[0], math.prod(shape[1:])
    Q, R = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
    Q = Q * np.where(np.diagonal(R) < 0, -gain, gain)
    return np.ascontiguousarray(Q if rows >= columns else Q.T).reshape(shape)


def zeros(fan_in: int, fan_out: int, rng: Any = None, *, shape: Shape = None, gain: float = 1.0) -> np.ndarray:
    """Zeros."""
    return np.zeros(shape or (fan_in, fan_out))


def ones(fan_in: int, fan_out: int, rng: Any = None, *, shape: Shape = None, gain: float = 1.0) -> np.ndarray:
    """Ones times gain."""
    return np.full(shape or (fan_in, fan_out), float(gain))


def constant(value: float) -> Initialiser:
    """The initialiser that fills with `value`: `Affine(4, 3, init.constant(0.1))`."""

    def fill(fan_in: int, fan_out: int, rng: Any = None, *, shape: Shape = None) -> np.ndarray:
        return np.full(shape or (fan_in, fan_out), float(value))

    return fill


METHODS: dict[str, Initialiser] = {
    "glorot-normal": glorot_normal,
    "glorot-uniform": glorot_uniform,
    "he-normal": he_normal,
    "he-uniform": he_uniform,
    "kaiming-normal": he_normal,
    "kaiming-uniform": he_uniform,
    "lecun-normal": lecun_normal,
    "lecun-uniform": lecun_uniform,
    "ones": ones,
    "orthogonal": orthogonal,
    "truncated-normal": truncated_normal,
    "xavier-glorot-normal": glorot_normal,
    "xavier-glorot-uniform": glorot_uniform,
    "xavier-normal": glorot_normal,
    "xavier-uniform": glorot_uniform,
    "zeros": zeros,
}


def by_name(method: str | Initialiser) -> Initialiser:
    """The initialiser of that name; a function is returned as it is.

    Raises:
        ValueError: there is none; the message lists those there are.

    >>> by_name("Glorot_Uniform") is glorot_uniform
    True
    """
    if callable(method):
        return method
    name = method.lower().replace("_", "-").replace(" ", "-") if isinstance(method, str) else None
    if name not in METHODS:
        raise ValueError(
            f"unknown initialisation {method!r}; there are {', '.join(METHODS)}, and any function "
            "(fan_in, fan_out, rng) -> array"
        )
    return METHODS[name]


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor that keeps the variance of what passes through a layer and then this nonlinearity.

    1 after "affine", "linear", "conv1d", "conv2d", "identity" and "sigmoid"; 5/3 after "tanh"; √2 after "relu" (He et
    al. 2015); √(2 / (1 + s²)) after "leaky_relu", with the slope s = `param`, 0.01 when None; 3/4 after "selu".
    Names count in any case.

    Raises:
        ValueError: the name is unknown, or the slope is not finite.
        TypeError: the slope is no number.

    >>> calculate_gain("tanh")
    1.6666666666666667
    """
    name = nonlinearity.lower() if isinstance(nonlinearity, str) else None
    if name == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, int | float | np.number):
            raise TypeError(f"calculate_gain: given param={param!r}, needed a number, the negative slope")
        if not math.isfinite(slope):
            raise ValueError(f"calculate_gain: given param={param!r}, needed a finite slope")
        return math.sqrt(2 / (1 + float(slope) ** 2))
    if name not in GAINS:
        raise ValueError(f"calculate_gain: given {nonlinearity!r}; there are {', '.join([*GAINS, 'leaky_relu'])}")
    return GAINS[name]


GAINS = {
    **dict.fromkeys(("affine", "linear", "conv1d", "conv2d", "identity", "sigmoid"), 1.0),
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 3 / 4,
}


def xavier_glorot_normal(fan_in: int, fan_out: int, *, rng: np.random.Generator | None = None) -> tuple[Tensor, Tensor]:
    """Weights W (fan_out, fan_in) drawn as by `glorot_normal`, and b (fan_out,) of zeros, as Parameters.

    The shape is that of the textbooks' y = W x + b; `Affine` takes W.T, (fan_in, fan_out).

    Raises:
        ValueError: a size is not positive.
    """
    fan_in, fan_out = positive_sizes("xavier_glorot_normal", fan_in=fan_in, fan_out=fan_out)
    W = glorot_normal(fan_in, fan_out, rng or generator(), shape=(fan_out, fan_in))
    return Parameter(W), Parameter(np.zeros(fan_out))


def kaiming_normal(
    fan_in: int,
    fan_out: int,
    nonlinearity: str = "relu",
    *,
    param: float | None = None,
    rng: np.random.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """Weights W (fan_out, fan_in) of standard deviation `calculate_gain(nonlinearity, param)` / √fan_in, and zeros b.

    See `xavier_glorot_normal` for the shapes.

    Raises:
        ValueError: a size is not positive, the nonlinearity is unknown, or `param` is not finite.
        TypeError: `param` is no number.
    """
    fan_in, fan_out = positive_sizes("kaiming_normal", fan_in=fan_in, fan_out=fan_out)
    gain = calculate_gain(nonlinearity, param)
    W = he_normal(fan_in, fan_out, rng or generator(), shape=(fan_out, fan_in), gain=gain)
    return Parameter(W), Parameter(np.zeros(fan_out))


def positive_sizes(layer: str, **sizes: Any) -> list[int]:
    """The sizes as Python integers (NumPy's are welcome).

    Raises:
        ValueError: one is not a positive integer.
    """
    for name, size in sizes.items():
        try:
            good = operator.index(size) > 0
        except TypeError:
            good = False
        if not good or isinstance(size, bool):
            raise ValueError(f"{layer}: given {name}={size!r}, needed a positive integer")
    return [operator.index(size) for size in sizes.values()]


def _uniform(rng: np.random.Generator, std: float, shape: tuple[int, ...]) -> np.ndarray:
    """Uniform around 0 with a standard deviation: a uniform number within ±a has a / √3."""
    bound = math.sqrt(3) * std
    return rng.uniform(-bound, bound, shape)
