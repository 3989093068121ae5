"""Activations as layers, and the small layers that shape a network: Flatten, Residual, Identity."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from pureml_core import Parameter, Tensor, generator

from .. import activations as f
from ..init import positive_sizes as sizes
from ..layer import Layer
from .affine import Affine


class ReLU(Layer):
    """y = max(x, 0)."""

    def forward(self, X: Any) -> Tensor:
        return f.relu(X)  # type: ignore[no-any-return]


class ReLU6(Layer):
    """y = min(max(x, 0), 6)."""

    def forward(self, X: Any) -> Tensor:
        return f.relu6(X)  # type: ignore[no-any-return]


class LeakyReLU(Layer):
    """y = max(x, 0) + s min(x, 0) with s = `negative_slope`."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = float(negative_slope)

    def forward(self, X: Any) -> Tensor:
        return f.leaky_relu(X, self.negative_slope)  # type: ignore[no-any-return]


class PReLU(Layer):
    """y = max(x, 0) + w min(x, 0) with a learnt w (He et al. 2015).

    Args:
        num_parameters: 1, or the number of channels C for a w of each: then X is (B, C, ...).
        init: the value of w at first.
        W: initial values of shape (num_parameters,) instead.

    Raises:
        ValueError: `num_parameters` is not positive, W has another shape, or when called X has other channels.
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25, *, W: Any = None) -> None:
        (self.num_parameters,) = sizes("PReLU", num_parameters=num_parameters)
        shape = (self.num_parameters,)
        if W is not None and np.shape(W) != shape:
            raise ValueError(f"PReLU: given W of shape {np.shape(W)}, needed {shape}")
        self.W = Parameter.given(W, shape, lambda: np.full(shape, float(init)))

    def forward(self, X: Any) -> Tensor:
        return f.prelu(X, self.W)  # type: ignore[no-any-return]


class ELU(Layer):
    """y = x for x > 0, else α (eˣ - 1) (Clevert et al. 2016)."""

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = float(alpha)

    def forward(self, X: Any) -> Tensor:
        return f.elu(X, self.alpha)  # type: ignore[no-any-return]


class CELU(Layer):
    """y = x for x > 0, else α (e^(x/α) - 1) (Barron 2017)."""

    def __init__(self, alpha: float = 1.0) -> None:
        if alpha == 0:
            raise ValueError("CELU: given alpha=0, needed another number")
        self.alpha = float(alpha)

    def forward(self, X: Any) -> Tensor:
        return f.celu(X, self.alpha)  # type: ignore[no-any-return]


class SELU(Layer):
    """y = λ elu(x, α) with λ ≈ 1.0507, α ≈ 1.6733 (Klambauer et al. 2017)."""

    def forward(self, X: Any) -> Tensor:
        return f.selu(X)  # type: ignore[no-any-return]


class GELU(Layer):
    """y = x Φ(x) (Hendrycks & Gimpel 2016); `approximate` is "none" or "tanh", see gelu."""

    def __init__(self, approximate: str = "none") -> None:
        if approximate not in ("none", "tanh"):
            raise ValueError(f"GELU: given approximate={approximate!r}, needed 'none' or 'tanh'")
        self.approximate = approximate

    def forward(self, X: Any) -> Tensor:
        return f.gelu(X, self.approximate)  # type: ignore[no-any-return]


class SiLU(Layer):
    """y = x σ(x), also called swish (Elfwing et al. 2018)."""

    def forward(self, X: Any) -> Tensor:
        return f.silu(X)  # type: ignore[no-any-return]


class Mish(Layer):
    """y = x tanh(ln(1 + eˣ)) (Misra 2020)."""

    def forward(self, X: Any) -> Tensor:
        return f.mish(X)  # type: ignore[no-any-return]


class Softplus(Layer):
    """y = ln(1 + e^(βx)) / β."""

    def __init__(self, beta: float = 1.0) -> None:
        if not beta > 0:
            raise ValueError(f"Softplus: given beta={beta!r}, needed a positive number")
        self.beta = float(beta)

    def forward(self, X: Any) -> Tensor:
        return f.softplus(X, self.beta)  # type: ignore[no-any-return]


class Softsign(Layer):
    """y = x / (1 + |x|)."""

    def forward(self, X: Any) -> Tensor:
        return f.softsign(X)  # type: ignore[no-any-return]


class Sigmoid(Layer):
    """y = 1 / (1 + e⁻ˣ)."""

    def forward(self, X: Any) -> Tensor:
        return f.sigmoid(X)  # type: ignore[no-any-return]


class Tanh(Layer):
    """y = tanh(x)."""

    def forward(self, X: Any) -> Tensor:
        return f.tanh(X)  # type: ignore[no-any-return]


class Hardtanh(Layer):
    """x limited to [min_val, max_val]."""

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0) -> None:
        if not min_val < max_val:
            raise ValueError(f"Hardtanh: given limits {min_val!r} and {max_val!r}, needed the lower one first")
        self.min_val, self.max_val = float(min_val), float(max_val)

    def forward(self, X: Any) -> Tensor:
        return f.hardtanh(X, self.min_val, self.max_val)  # type: ignore[no-any-return]


class Hardsigmoid(Layer):
    """y = min(max(x/6 + ½, 0), 1)."""

    def forward(self, X: Any) -> Tensor:
        return f.hardsigmoid(X)  # type: ignore[no-any-return]


class Hardswish(Layer):
    """y = x min(max(x/6 + ½, 0), 1) (Howard et al. 2019)."""

    def forward(self, X: Any) -> Tensor:
        return f.hardswish(X)  # type: ignore[no-any-return]


class _AlongAxis(Layer):
    """An activation along one axis."""

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis


class Softmax(_AlongAxis):
    """yᵢ = e^xᵢ / Σⱼ e^xⱼ along `axis`."""

    def forward(self, X: Any) -> Tensor:
        return f.softmax(X, self.axis)  # type: ignore[no-any-return]


class LogSoftmax(_AlongAxis):
    """yᵢ = xᵢ - ln Σⱼ e^xⱼ along `axis`."""

    def forward(self, X: Any) -> Tensor:
        return f.log_softmax(X, self.axis)  # type: ignore[no-any-return]


class Softmin(_AlongAxis):
    """The softmax of -x along `axis`."""

    def forward(self, X: Any) -> Tensor:
        return f.softmin(X, self.axis)  # type: ignore[no-any-return]


class GLU(_AlongAxis):
    """y = a σ(b), with a and b the halves of x along `axis` (Dauphin et al. 2017)."""

    def forward(self, X: Any) -> Tensor:
        return f.glu(X, self.axis)  # type: ignore[no-any-return]


class SwiGLU(Layer):
    """Y = (silu(X W₁) ∘ (X W₂)) W₃, the gated feed-forward block of transformers (Shazeer 2020, eq. 6).

    (..., dim) -> (..., dim); W₁ (`gate`) and W₂ (`value`) are Affine layers (dim, hidden), W₃ (`out`) is one of
    (hidden, dim).

    Args:
        method, seed: how they are drawn; see `init`.
        bias: whether they have biases.
    """

    def __init__(
        self,
        dim: int,
        hidden: int,
        *,
        method: str = "xavier-glorot-normal",
        bias: bool = False,
        seed: int | np.random.Generator | None = None,
    ) -> None:
        self.dim, self.hidden = sizes("SwiGLU", dim=dim, hidden=hidden)
        seeds = [int(s) for s in generator(seed).integers(2**63, size=3)]
        self.gate = Affine(self.dim, self.hidden, method, bias=bias, seed=seeds[0])
        self.value = Affine(self.dim, self.hidden, method, bias=bias, seed=seeds[1])
        self.out = Affine(self.hidden, self.dim, method, bias=bias, seed=seeds[2])

    def forward(self, X: Any) -> Tensor:
        return self.out(f.silu(self.gate(X)) * self.value(X))  # type: ignore[no-any-return]


class Flatten(Layer):
    """Joins all axes behind the first `keep` ones, the batch: (B, C, H, W) -> (B, C·H·W).

    Raises:
        ValueError: `keep` is negative; when called, X has fewer axes.
    """

    def __init__(self, keep: int = 1) -> None:
        if isinstance(keep, bool) or not isinstance(keep, int | np.integer) or keep < 0:
            raise ValueError(f"Flatten: given keep={keep!r}, needed a number of axes")
        self.keep = int(keep)

    def forward(self, X: Any) -> Tensor:
        shape = np.shape(X)
        if len(shape) < self.keep:
            raise ValueError(f"Flatten: given X of shape {shape}, needed at least {self.keep} axes")
        return X.reshape(*shape[: self.keep], math.prod(shape[self.keep :]))  # type: ignore[no-any-return]


class Residual(Layer):
    """Y = X + f(X), for a layer or function f that keeps the shape (He et al. 2016).

    Raises:
        TypeError: f cannot be called.
        ValueError: when called, f(X) has another shape.
    """

    def __init__(self, layer: Callable[[Any], Any]) -> None:
        if not callable(layer):
            raise TypeError(f"Residual: given {layer!r}, needed a layer or a function")
        self.layer = layer

    def forward(self, X: Any) -> Tensor:
        Y = self.layer(X)
        if np.shape(Y) != np.shape(X):
            raise ValueError(
                f"Residual: given X of shape {np.shape(X)}, of which the layer inside makes {np.shape(Y)}; needed "
                "equal shapes"
            )
        return X + Y  # type: ignore[no-any-return]


class Identity(Layer):
    """Y = X."""

    def forward(self, X: Any) -> Any:
        return X
