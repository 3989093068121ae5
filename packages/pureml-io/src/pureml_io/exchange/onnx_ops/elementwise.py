"""Elementwise operations, and those that go along axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .registry import CONVERTERS, Converter, converts

if TYPE_CHECKING:
    from ..onnx_graph import Call


def _elementwise(kind: str, count: int) -> Converter:
    """Data arguments of one dtype, broadcast, no settings."""
    return lambda call: call.node(kind, *[call.input(i, call.dtype) for i in range(count)])


ONE = {
    "exp": "Exp", "log": "Log", "sqrt": "Sqrt", "abs": "Abs", "fabs": "Abs", "negative": "Neg", "sign": "Sign",
    "reciprocal": "Reciprocal", "sigmoid": "Sigmoid", "erf": "Erf", "floor": "Floor", "ceil": "Ceil", "rint": "Round",
    "sin": "Sin", "cos": "Cos", "tan": "Tan", "arcsin": "Asin", "arccos": "Acos", "arctan": "Atan", "sinh": "Sinh",
    "cosh": "Cosh", "tanh": "Tanh", "arcsinh": "Asinh", "arccosh": "Acosh", "arctanh": "Atanh", "positive": "Identity",
    "copy": "Identity", "ascontiguousarray": "Identity", "asfortranarray": "Identity", "alias": "Identity",
}  # fmt: skip
TWO = {
    "add": "Add", "subtract": "Sub", "multiply": "Mul", "divide": "Div", "power": "Pow", "matmul": "MatMul",
    "maximum": "Max", "minimum": "Min",
}  # fmt: skip
CONVERTERS |= {f"pureml_core.{name}": _elementwise(kind, 1) for name, kind in ONE.items()}
CONVERTERS |= {f"pureml_core.{name}": _elementwise(kind, 2) for name, kind in TWO.items()}
CONVERTERS |= {
    "pureml_nn.relu": _elementwise("Relu", 1),
    "pureml_nn.softsign": _elementwise("Softsign", 1),
    "pureml_nn.selu": _elementwise("Selu", 1),
    "pureml_nn.mish": _elementwise("Mish", 1),
}


@converts("pureml_core.square")
def _square(call: Call) -> str:
    return call.node("Mul", call.input(0), call.input(0))


@converts("pureml_core.expm1")
def _expm1(call: Call) -> str:
    return call.node("Sub", call.node("Exp", call.input(0)), call.constant(1, call.dtype))


@converts("pureml_core.log1p")
def _log1p(call: Call) -> str:
    return call.node("Log", call.node("Add", call.input(0), call.constant(1, call.dtype)))


@converts("pureml_core.erfc")
def _erfc(call: Call) -> str:
    return call.node("Sub", call.constant(1, call.dtype), call.node("Erf", call.input(0)))


@converts("pureml_core.where")
def _where(call: Call) -> str:
    return call.node("Where", call.input(0, np.dtype(bool)), call.input(1, call.dtype), call.input(2, call.dtype))


@converts("pureml_core.clamped")
def _clamped(call: Call) -> str:
    y = call.input(0, call.dtype)
    for i, kind in ((1, "Max"), (2, "Min")):
        if call.given(i):
            y = call.node(kind, y, call.input(i, call.dtype))
    return y


@converts("pureml_core.astype")
def _astype(call: Call) -> str:
    return call.cast(call.input(0), call.dtype)


@converts("pureml_nn.leaky_relu")
def _leaky_relu(call: Call) -> str:
    return call.node("LeakyRelu", call.input(0), alpha=float(call.setting("negative_slope")))


@converts("pureml_nn.rectified")
def _rectified(call: Call) -> str:
    return call.node("PRelu", call.input(0), call.input(1, call.dtype))


@converts("pureml_nn.hardtanh")
def _hardtanh(call: Call) -> str:
    limits = [call.constant(call.setting(name), call.dtype) for name in ("min_val", "max_val")]
    return call.node("Clip", call.input(0), *limits)


@converts("pureml_nn.hardsigmoid")
def _hardsigmoid(call: Call) -> str:
    return call.node("HardSigmoid", call.input(0), alpha=1 / 6, beta=0.5)


@converts("pureml_nn.elu")
def _elu(call: Call) -> str:
    return call.node("Elu", call.input(0), alpha=float(call.setting("alpha")))


@converts("pureml_nn.celu")
def _celu(call: Call) -> str:
    return call.node("Celu", call.input(0), alpha=float(call.setting("alpha")))


@converts("pureml_nn.gelu")
def _gelu(call: Call) -> str:
    return call.node("Gelu", call.input(0), approximate=call.setting("approximate"))


@converts("pureml_nn.softplus")
def _softplus(call: Call) -> str:
    beta = call.constant(call.setting("beta"), call.dtype)
    return call.node("Div", call.node("Softplus", call.node("Mul", call.input(0), beta)), beta)


# ---- along axes


def _reduction(kind: str) -> Converter:
    def convert(call: Call) -> str:
        axis, names = call.setting("axis"), [call.input(0)]
        if axis == ():
            raise call.error("its axis is (), which ONNX takes for all of them")
        if axis is not None:
            names.append(call.constant(np.atleast_1d(np.array(axis, np.int64))))
        return call.node(kind, *names, keepdims=int(call.setting("keepdims")))

    return convert


REDUCTIONS = {"sum": "Sum", "mean": "Mean", "max": "Max", "min": "Min", "prod": "Prod", "logsumexp": "LogSumExp"}
CONVERTERS |= {f"pureml_core.{name}": _reduction(f"Reduce{kind}") for name, kind in REDUCTIONS.items()}


@converts("pureml_core.softmax")
def _softmax(call: Call) -> str:
    return call.node("Softmax", call.input(0), axis=call.axis())


@converts("pureml_core.log_softmax")
def _log_softmax(call: Call) -> str:
    return call.node("LogSoftmax", call.input(0), axis=call.axis())


@converts("pureml_core.contraction")
def _einsum(call: Call) -> str:
    names = [call.input(i, call.dtype) for i in range(len(call.a.inputs))]
    return call.node("Einsum", *names, equation=call.setting("subscripts"))
