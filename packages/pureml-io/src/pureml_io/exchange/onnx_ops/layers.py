"""Layers: products, normalisation, convolution, pooling, heads of attention."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .registry import CONVERTERS, Converter, converts

if TYPE_CHECKING:
    from ..onnx_graph import Call


@converts("pureml_nn.batch_norm", "pureml_nn.dropped")
def _training_only(call: Call) -> str:
    raise call.error("it belongs to training; call eval() of the model first")


@converts("pureml_nn.affine")
def _affine(call: Call) -> str:
    y = call.node("MatMul", call.input(0), call.input(1))
    return call.node("Add", y, call.input(2)) if call.given(2) else y


@converts("pureml_nn.layer_norm")
def _layer_norm(call: Call) -> str:
    axes, gamma = call.setting("axes"), call.input(1) if call.given(1) else None
    if gamma is None:
        gamma = call.constant(np.ones(call.x.shape[call.x.ndim - axes :], call.dtype))
    names = [call.input(0), gamma, *([call.input(2)] if call.given(2) else [])]
    return call.node("LayerNormalization", *names, axis=-axes, epsilon=float(call.setting("eps")))


def _convolution(kind: str) -> Converter:
    def convert(call: Call) -> str:
        pairs = call.setting("padding")
        settings = {"strides": "stride", "dilations": "dilation", "output_padding": "output_padding"}
        known = {theirs: ours for theirs, ours in settings.items() if ours in call.a.op.settings}
        return call.node(
            kind,
            *[call.input(i) for i in range(3) if call.given(i)],
            pads=[int(p) for part in zip(*pairs, strict=True) for p in part],
            group=int(call.setting("groups")),
            **{theirs: list(map(int, call.setting(ours))) for theirs, ours in known.items()},
        )

    return convert


CONVERTERS["pureml_nn.conv2d"] = _convolution("Conv")
CONVERTERS["pureml_nn.conv_transpose2d"] = _convolution("ConvTranspose")


def _pool(kind: str) -> Converter:
    def convert(call: Call) -> str:
        axes = call.x.ndim - 2
        axis = call.setting("axis") % call.x.ndim - 2
        if axes < 1 or axis < 0:
            raise call.error(f"it pools axis {axis + 2} of {call.x.ndim}")

        def along(setting: str) -> list[int]:
            return [int(call.setting(setting)) if i == axis else 1 for i in range(axes)]

        settings = {"kernel_shape": "size", "strides": "stride", "dilations": "dilation"}
        return call.node(kind, call.input(0), **{theirs: along(ours) for theirs, ours in settings.items()})

    return convert


CONVERTERS["pureml_nn.max_along"] = _pool("MaxPool")
CONVERTERS["pureml_nn.mean_along"] = _pool("AveragePool")


@converts("pureml_nn.first_max")
def _first_max(call: Call) -> str:
    return call.node("ReduceMax", call.input(0), call.constant(np.array([-1], np.int64)), keepdims=0)


@converts("pureml_nn.split_heads")
def _split_heads(call: Call) -> list[str]:
    parts, heads = len(call.a.values), call.setting("heads")
    width = call.x.shape[-1] // parts
    sizes = call.constant(np.full(parts, width, np.int64))
    names = [call.input(0)] if parts == 1 else call.graph.several("Split", call.input(0), sizes, count=parts, axis=-1)
    made = []
    for i, name in enumerate(names):
        *lead, _, T, D = call.shape(i)  # (..., T, heads·D) -> (..., T, heads, D) -> (..., heads, T, D)
        name = call.reshaped(name, [*lead, T, heads, D])
        made.append(call.node("Transpose", name, perm=_swapped(len(lead) + 3)))
    return made


@converts("pureml_nn.join_heads")
def _join_heads(call: Call) -> str:
    made = []
    for i in range(len(call.a.inputs)):
        name = call.node("Transpose", call.input(i), perm=_swapped(call.array(i).ndim))
        shape = call.shape()
        made.append(call.reshaped(name, [*shape[:-1], shape[-1] // len(call.a.inputs)]))
    return made[0] if len(made) == 1 else call.node("Concat", *made, axis=-1)


def _swapped(ndim: int) -> list[int]:
    """The axes with the second and third from the end changed round."""
    axes = list(range(ndim))
    axes[-3], axes[-2] = axes[-2], axes[-3]
    return axes


@converts("pureml_nn.turned")
def _turned(call: Call) -> str:
    turns = call.setting("turns")  # x₀ cos θ - x₁ sin θ, x₁ cos θ + x₀ sin θ
    cos = np.repeat(turns.real, 2, axis=-1)
    sin = np.stack([-turns.imag, turns.imag], axis=-1).reshape(cos.shape)
    other = np.arange(call.x.shape[-1], dtype=np.int64) ^ 1
    x = call.input(0)
    turned = call.node("Mul", call.node("Gather", x, call.constant(other), axis=-1), call.constant(sin, call.dtype))
    return call.node("Add", call.node("Mul", x, call.constant(cos, call.dtype)), turned)
