"""Normalisation: mean 0 and variance 1, over a batch or within each example, then a learnt scale and shift."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from pureml_core import Buffer, Parameter, Tensor, default_dtype

from .. import init
from ..layer import Layer
from .standardization import batch_norm, channelwise, layer_norm, rms_norm


class LayerNorm(Layer):
    """y = γ (x - μ) / √(σ² + ε) + β with mean μ and variance σ² of each example over the last axes (Ba et al. 2016).

    Args:
        shape: of the last axes, an integer for one: (..., *shape) -> (..., *shape).
        gamma, beta: initial values of that shape; ones and zeros. Parameters are shared.
        eps: ε > 0.
        bias: whether there is a β.

    Raises:
        ValueError: a size or `eps` is not positive, a value has another shape, or beta is given although `bias` is
            False.
    """

    def __init__(
        self,
        shape: int | tuple[int, ...],
        *,
        gamma: Any = None,
        beta: Any = None,
        eps: float = 1e-5,
        bias: bool = True,
        training: bool = True,
    ) -> None:
        name = type(self).__name__
        if beta is not None and not bias:
            raise ValueError(f"{name}: given beta together with bias=False; leave one of them out")
        self.shape = _shape(name, shape)
        self.eps = _eps(name, eps)
        self.use_bias = bool(bias)
        self.gamma = _given(name, "gamma", gamma, self.shape, 1.0)
        self.beta = _given(name, "beta", beta, self.shape, 0.0, self.gamma.dtype) if bias else None
        self._training = bool(training)

    def forward(self, X: Tensor) -> Tensor:
        """(..., *shape) -> (..., *shape)"""
        X = _last_axes(type(self).__name__, X, self.shape, self.gamma.dtype)
        return layer_norm(X, self.gamma, self.beta, len(self.shape), self.eps)  # type: ignore[no-any-return]


class LayerNorm1d(LayerNorm):
    """LayerNorm over the last axis, of `num_features`: (..., num_features) -> (..., num_features)."""

    def __init__(
        self,
        num_features: int,
        *,
        gamma: Any = None,
        beta: Any = None,
        eps: float = 1e-5,
        bias: bool = True,
        training: bool = True,
    ) -> None:
        (self.num_features,) = init.positive_sizes("LayerNorm1d", num_features=num_features)
        super().__init__(self.num_features, gamma=gamma, beta=beta, eps=eps, bias=bias, training=training)


class RMSNorm(Layer):
    """y = γ x / √(mean of x² + ε), the mean over the last axes: LayerNorm without centring (Zhang & Sennrich 2019).

    Args:
        shape: of the last axes, an integer for one: (..., *shape) -> (..., *shape).
        gamma: initial values of that shape; ones.
        eps: ε > 0.

    Raises:
        ValueError: a size or `eps` is not positive, or gamma has another shape.
    """

    def __init__(
        self, shape: int | tuple[int, ...], *, gamma: Any = None, eps: float = 1e-5, training: bool = True
    ) -> None:
        self.shape = _shape("RMSNorm", shape)
        self.eps = _eps("RMSNorm", eps)
        self.gamma = _given("RMSNorm", "gamma", gamma, self.shape, 1.0)
        self._training = bool(training)

    def forward(self, X: Tensor) -> Tensor:
        """(..., *shape) -> (..., *shape)"""
        X = _last_axes("RMSNorm", X, self.shape, self.gamma.dtype)
        return rms_norm(X, self.gamma, len(self.shape), self.eps)  # type: ignore[no-any-return]


class _BatchNorm(Layer):
    """Batch normalisation of inputs of some ranks; see BatchNorm1d and BatchNorm2d."""

    _ranks: tuple[str, ...] = ()  # the shapes of inputs

    def __init__(
        self,
        num_features: int,
        *,
        eps: float = 1e-5,
        momentum: float = 0.1,
        gamma: Any = None,
        beta: Any = None,
        running_variance: Any = None,
        running_mean: Any = None,
        training: bool = True,
    ) -> None:
        name = type(self).__name__
        (self.num_features,) = init.positive_sizes(name, num_features=num_features)
        if not 0 <= momentum <= 1:
            raise ValueError(f"{name}: given momentum={momentum!r}, needed 0 to 1")
        shape = (self.num_features,)
        self.eps = _eps(name, eps)
        self.momentum = float(momentum)
        self.gamma = _given(name, "gamma", gamma, shape, 1.0)
        self.beta = _given(name, "beta", beta, shape, 0.0, self.gamma.dtype)
        self.running_mean = _buffer(name, "running_mean", running_mean, shape, 0.0, self.gamma.dtype)
        self.running_variance = _buffer(name, "running_variance", running_variance, shape, 1.0, self.gamma.dtype)
        self._training = bool(training)

    def forward(self, X: Tensor) -> Tensor:
        X = _with_channels(type(self).__name__, X, self.num_features, self._ranks, self.gamma.dtype)
        if not self.training:
            scale = self.gamma / np.sqrt(self.running_variance + self.eps)
            return channelwise(X, self.running_mean, scale, self.beta)  # type: ignore[no-any-return]
        n = X.size // self.num_features
        if n < 2:
            raise ValueError(
                f"{type(self).__name__}: given X of shape {X.shape} in training: {n} value for each channel, needed at "
                "least 2 for a variance; use eval(), or a larger batch"
            )
        Y, mean, variance = batch_norm(X, self.gamma, self.beta, self.eps)
        self._remember(self.running_mean, mean.data)
        self._remember(self.running_variance, variance.data * (n / (n - 1)))  # unbiased
        return Y  # type: ignore[no-any-return]

    def _remember(self, running: Buffer, now: Any) -> None:
        m = float(self.momentum)
        running.data = ((1 - m) * running.data + m * now).astype(running.dtype, copy=False)


class BatchNorm1d(_BatchNorm):
    """y = γ (x - μ) / √(σ² + ε) + β with mean μ and variance σ² of each feature over the batch (Ioffe & Szegedy 2015).

    (B, F) -> (B, F), or (B, F, L) -> (B, F, L) over B and L. In training the moments are those of the batch, and the
    running ones follow: running ← (1 - momentum) running + momentum batch, also under `no_grad`; the running
    variance takes the unbiased one, divided by n - 1. In evaluation the running ones are used.

    Args:
        num_features: F.
        eps: ε > 0.
        momentum: 0 to 1.
        gamma, beta: initial scale and shift, (F,); ones and zeros.
        running_variance, running_mean: initial moments, (F,); ones and zeros.
        training: the mode at first.

    Raises:
        ValueError: a setting is out of range, a value has another shape; when called, X has another shape, or in
            training fewer than two values for each feature.
    """

    _ranks = ("(B, {C})", "(B, {C}, L)")


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of images: y = γ (x - μ) / √(σ² + ε) + β, μ and σ² of each channel over B, H and W.

    (B, C, H, W) -> (B, C, H, W). Arguments, running moments and errors are those of BatchNorm1d.
    """

    _ranks = ("(B, {C}, H, W)",)


class GroupNorm(Layer):
    """y = γ (x - μ) / √(σ² + ε) + β with the moments of each example over groups of channels (Wu & He 2018).

    (B, C, ...) -> (B, C, ...): μ and σ² over the C / num_groups channels of a group and all further axes; γ and β for
    each channel.

    Args:
        num_groups: a divisor of num_channels.
        num_channels: C.
        eps: ε > 0.
        gamma, beta: initial values, (C,); ones and zeros.
        affine: whether there are γ and β.

    Raises:
        ValueError: a setting is out of range, a value has another shape; when called, X has another shape.
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        *,
        eps: float = 1e-5,
        gamma: Any = None,
        beta: Any = None,
        affine: bool = True,
        training: bool = True,
    ) -> None:
        name = type(self).__name__
        self.num_groups, self.num_channels = init.positive_sizes(name, num_groups=num_groups, num_channels=num_channels)
        if self.num_channels % self.num_groups:
            raise ValueError(
                f"{name}: given {num_groups} groups of {num_channels} channels, needed a divisor of the channels"
            )
        if not affine and not (gamma is None and beta is None):
            raise ValueError(f"{name}: given gamma or beta together with affine=False; leave one of them out")
        self.eps = _eps(name, eps)
        self.affine = bool(affine)
        shape = (self.num_channels,)
        self.gamma = _given(name, "gamma", gamma, shape, 1.0) if affine else None
        self.beta = _given(name, "beta", beta, shape, 0.0, self.gamma.dtype) if self.gamma is not None else None
        self._training = bool(training)

    def forward(self, X: Tensor) -> Tensor:
        """(B, C, ...) -> (B, C, ...)"""
        dtype = None if self.gamma is None else self.gamma.dtype
        X = _with_channels(type(self).__name__, X, self.num_channels, ("(B, {C}, ...)",), dtype)
        if X.dtype == np.float16:  # squares would overflow
            return self.forward(X.astype(np.float32)).astype(np.float16)
        per_group = self.num_channels // self.num_groups * math.prod(X.shape[2:])
        groups = X.reshape(X.shape[0], self.num_groups, per_group)
        Y = layer_norm(groups, None, None, 1, self.eps).reshape(X.shape)
        if self.gamma is None:
            return Y  # type: ignore[no-any-return]
        return channelwise(Y, None, self.gamma, self.beta)  # type: ignore[no-any-return]


class InstanceNorm(GroupNorm):
    """y = (x - μ) / √(σ² + ε) with the moments of each channel of each example (Ulyanov et al. 2016).

    (B, C, L), (B, C, H, W) or any further axes, over which μ and σ² are taken; the same in training and evaluation.

    Args:
        num_features: C.
        eps: ε > 0.
        gamma, beta: initial scale and shift, (C,); ones and zeros.
        affine: whether there are γ and β; by default if one is given.

    Raises:
        ValueError: a setting is out of range, a value has another shape; when called, X has another shape, or one
            value for each channel.
    """

    def __init__(
        self,
        num_features: int,
        *,
        eps: float = 1e-5,
        gamma: Any = None,
        beta: Any = None,
        affine: bool | None = None,
        training: bool = True,
    ) -> None:
        (self.num_features,) = init.positive_sizes("InstanceNorm", num_features=num_features)
        if affine is None:
            affine = not (gamma is None and beta is None)
        C = self.num_features
        super().__init__(C, C, eps=eps, gamma=gamma, beta=beta, affine=affine, training=training)

    def forward(self, X: Tensor) -> Tensor:
        """(B, C, ...) -> (B, C, ...)"""
        if np.ndim(X) < 3 or math.prod(np.shape(X)[2:]) == 1:
            raise ValueError(
                f"InstanceNorm: given X of shape {np.shape(X)}, needed (B, {self.num_features}, L) or more axes, with "
                "at least 2 values for each channel"
            )
        return super().forward(X)


# ---- what the constructors and calls check


def _shape(layer: str, shape: Any) -> tuple[int, ...]:
    sizes = shape if isinstance(shape, tuple | list) else (shape,)
    if not sizes:
        raise ValueError(f"{layer}: given shape={shape!r}, needed at least one axis")
    return tuple(init.positive_sizes(layer, **{f"shape[{i}]": size for i, size in enumerate(sizes)}))


def _eps(layer: str, eps: Any) -> float:
    if isinstance(eps, bool) or not isinstance(eps, int | float | np.number) or not 0 < eps < math.inf:
        raise ValueError(f"{layer}: given eps={eps!r}, needed a positive number")
    return float(eps)


def _given(layer: str, name: str, value: Any, shape: tuple[int, ...], fill: float, dtype: Any = None) -> Tensor:
    """A parameter: the user's value, or `fill` everywhere."""
    if value is None:
        return Parameter(np.full(shape, fill), dtype)
    if np.shape(value) != shape:
        raise ValueError(f"{layer}: given {name} of shape {np.shape(value)}, needed {shape}")
    return Parameter.given(value, shape, lambda: None)


def _buffer(layer: str, name: str, value: Any, shape: tuple[int, ...], fill: float, dtype: Any) -> Buffer:
    if value is None:
        return Buffer(np.full(shape, fill), dtype)
    if np.shape(value) != shape:
        raise ValueError(f"{layer}: given {name} of shape {np.shape(value)}, needed {shape}")
    return Buffer(value, dtype)


def _last_axes(layer: str, X: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    X = _real(layer, X, dtype)
    if X.shape[max(0, X.ndim - len(shape)) :] != shape:
        needed = ", ".join(map(str, shape))
        raise ValueError(f"{layer}: given X of shape {X.shape}, needed (..., {needed}): the last axes are normalised")
    return X


def _with_channels(layer: str, X: Any, C: int, shapes: tuple[str, ...], dtype: Any) -> Any:
    """X, of (B, C) and the further axes that one of the `shapes` names; "..." stands for any."""
    X = _real(layer, X, dtype)
    ranks = {shape.count(",") + 1 for shape in shapes}
    free = any("..." in shape for shape in shapes)
    if not (X.ndim in ranks or (free and X.ndim >= 2)) or X.shape[1] != C:
        needed = " or ".join(shape.format(C=C) for shape in shapes)
        raise ValueError(f"{layer}: given X of shape {X.shape}, needed {needed}: axis 1 holds the channels")
    return X


def _real(layer: str, X: Any, dtype: Any) -> Any:
    """X in the layer's precision: float32 stays float32 also for counts."""
    if not isinstance(X, Tensor):
        raise TypeError(f"{layer}: given X of type {type(X).__name__}, needed a Tensor or an array")
    if X.dtype.kind not in "fiub":
        raise TypeError(f"{layer}: given X of dtype {X.dtype}, needed real numbers")
    dtype = dtype or (X.dtype if X.dtype.kind == "f" else default_dtype())
    return X if X.dtype == dtype else X.astype(dtype)
