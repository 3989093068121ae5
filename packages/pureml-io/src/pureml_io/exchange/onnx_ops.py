"""What ONNX calls our operations: one converter each, from a call that was seen to the names of its values.

An operation that is not here is unfolded into its definition; one that has none cannot be exported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .onnx_graph import Call

Converter = Callable[["Call"], "str | list[str]"]
CONVERTERS: dict[str, Converter] = {}  # "pureml_core.exp" -> how


def converts(*keys: str) -> Callable[[Converter], Converter]:
    def enter(f: Converter) -> Converter:
        CONVERTERS.update(dict.fromkeys(keys, f))
        return f

    return enter


# ---- elementwise


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
        if axis is not None:
            names.append(call.constant(np.atleast_1d(np.array(axis, np.int64))))
        return call.node(kind, *names, keepdims=int(call.setting("keepdims")))

    return convert


REDUCTIONS = {"sum": "Sum", "mean": "Mean", "max": "Max", "min": "Min", "prod": "Prod", "logsumexp": "LogSumExp"}
CONVERTERS |= {f"pureml_core.{name}": _reduction(f"Reduce{kind}") for name, kind in REDUCTIONS.items()}


@converts("pureml_core.softmax")
def _softmax(call: Call) -> str:
    return call.node("Softmax", call.input(0), axis=int(call.setting("axis")))


@converts("pureml_core.log_softmax")
def _log_softmax(call: Call) -> str:
    return call.node("LogSoftmax", call.input(0), axis=int(call.setting("axis")))


@converts("pureml_core.contraction")
def _einsum(call: Call) -> str:
    names = [call.input(i, call.dtype) for i in range(len(call.a.inputs))]
    return call.node("Einsum", *names, equation=call.setting("subscripts"))


# ---- the same values elsewhere


@converts("pureml_core.reshape", "pureml_core.ravel")
def _reshape(call: Call) -> str:
    if call.a.settings and call.a.settings["order"] != "C":
        raise call.error("its order is not 'C'")
    return call.reshaped(call.input(0), call.shape())


@converts("pureml_core.flatten", "pureml_core.expand_dims", "pureml_core.squeeze")
def _same_order(call: Call) -> str:
    return call.reshaped(call.input(0), call.shape())


@converts("pureml_core.transpose", "pureml_core.swapaxes", "pureml_core.moveaxis")
def _transpose(call: Call) -> str:
    axes = np.empty(range(call.x.ndim))  # whose sizes are the numbers of its axes, and stay with them
    settings = {name: call.setting(name) for name in call.a.op.settings}
    return call.node("Transpose", call.input(0), perm=list(call.a.op.body(axes, **settings)[0].shape))


@converts("pureml_core.broadcast_to")
def _broadcast_to(call: Call) -> str:
    shape = call.shape()
    if -1 in shape:
        kept = len(shape) - call.x.ndim
        axis = shape.index(-1)
        if axis < kept or call.x.shape[axis - kept] == 1:
            raise call.error("it repeats something for each item of the batch")
        shape[axis] = 1  # which broadcasts
    return call.node("Expand", call.input(0), call.constant(np.array(shape, np.int64)))


@converts("pureml_core.concatenate")
def _concatenate(call: Call) -> str:
    names = [call.input(i, call.dtype) for i in range(len(call.a.inputs))]
    axis = call.setting("axis")
    if axis is None:
        names, axis = [call.reshaped(name, [-1]) for name in names], 0
    return call.node("Concat", *names, axis=int(axis))


@converts("pureml_core.stack")
def _stack(call: Call) -> str:
    axis = int(call.setting("axis"))
    at = call.constant(np.array([axis], np.int64))
    names = [call.node("Unsqueeze", call.input(i, call.dtype), at) for i in range(len(call.a.inputs))]
    return call.node("Concat", *names, axis=axis)


@converts("pureml_core.split", "pureml_core.array_split", "pureml_core.unstack")
def _split(call: Call) -> list[str]:
    axis, count = int(call.setting("axis")), len(call.a.values)
    whole = call.a.op.name != "unstack"
    sizes = [y.shape[axis] if whole else 1 for y in call.a.values]
    if whole and sizes != [y.shape[axis] for y in call.b.values]:
        raise call.error("it cuts the batch")
    name = call.input(0)
    parts = call.graph.several("Split", name, call.constant(np.array(sizes, np.int64)), count=count, axis=axis)
    at = call.constant(np.array([axis], np.int64))
    return parts if whole else [call.node("Squeeze", part, at) for part in parts]


@converts("pureml_core.getitem")
def _getitem(call: Call) -> str:
    index = call.setting("index")
    parts = list(index) if isinstance(index, tuple) else [index]
    if any(part is Ellipsis for part in parts):
        i = next(i for i, part in enumerate(parts) if part is Ellipsis)
        parts[i : i + 1] = [slice(None)] * (call.x.ndim - sum(p is not None for p in parts) + 1)
    y, axis = call.input(0), 0
    arrays = [part for part in parts if isinstance(part, np.ndarray | list) and np.asarray(part).dtype.kind in "iu"]
    plain = [part for part in parts if part is None or isinstance(part, slice | int | np.integer)]
    one = len(arrays) == 1 and np.ndim(arrays[0]) == 1 and not any(isinstance(p, int | np.integer) for p in plain)
    if len(arrays) + len(plain) < len(parts) or (arrays and not one):
        raise call.error(f"the index {index!r} is neither of slices and integers nor of slices and one array (n,)")
    slices: list[tuple[int, slice]] = []
    for part in parts:
        if part is None:
            continue
        if isinstance(part, int | np.integer):
            slices.append((axis, slice(int(part), int(part) + 1 or None)))
        elif isinstance(part, slice) and part != slice(None):
            slices.append((axis, part))
        elif not isinstance(part, slice):
            y = call.node("Gather", y, call.constant(np.asarray(part, np.int64)), axis=axis)
        axis += 1
    if slices:
        y = _sliced(call, y, slices)
    return call.reshaped(y, call.shape()) if len(arrays) + sum(isinstance(p, slice) for p in parts) < len(parts) else y


def _sliced(call: Call, y: str, slices: list[tuple[int, slice]]) -> str:
    far = 1 << 62
    starts, ends, steps = [], [], []
    for _, part in slices:
        steps.append(step := 1 if part.step is None else int(part.step))
        starts.append((0 if step > 0 else far) if part.start is None else int(part.start))
        ends.append((far if step > 0 else -far) if part.stop is None else int(part.stop))
    axes = [axis for axis, _ in slices]
    return call.node("Slice", y, *[call.constant(np.array(part, np.int64)) for part in (starts, ends, axes, steps)])


@converts("pureml_core.pad")
def _pad(call: Call) -> str:
    width, mode, value = (call.setting(name) for name in ("pad_width", "mode", "constant_values"))
    if mode not in ("constant", "reflect", "edge", "wrap") or np.ndim(value or 0) or isinstance(width, dict):
        raise call.error(f"its mode is {mode!r}, or its settings are not plain")
    width = np.broadcast_to(np.asarray(width, np.int64), (call.x.ndim, 2))
    names = [call.input(0), call.constant(width.T.ravel())]
    return call.node("Pad", *names, *([call.constant(value or 0, call.dtype)] if mode == "constant" else []), mode=mode)


@converts("pureml_nn.embedding")
def _embedding(call: Call) -> str:
    index = call.looked_up()
    return call.node("Gather", call.input(0), call.constant(call.setting("index")) if index is None else index, axis=0)


# ---- layers


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


# ---- recurrent layers: X (B, T, C), states (B, H); ONNX wants (T, B, C), gates in its order above each other


def _recurrent(kind: str, order: list[int], states: int, hidden_bias: bool) -> Converter:
    """
    Args:
        order: which gate of ours stands at each place there.
        states: how many parts the state has.
        hidden_bias: whether there is a second bias, of the product with h.
    """

    def convert(call: Call) -> list[str]:
        W, U = call.fixed(1 + states), call.fixed(2 + states)
        H = U.shape[0]
        at, zeros = 3 + states, np.zeros(len(order) * H, W.dtype)
        biases = [call.fixed(at) if call.given(at) else zeros]
        biases.append(call.fixed(at + 1) if hidden_bias and call.given(at + 1) else zeros)
        if call.given(at + 1 + hidden_bias):
            raise call.error("lengths of the sequences are not exported")

        def above(w: Any) -> Any:  # (n, G·H) -> (G·H, n)
            return np.concatenate([np.split(w, len(order), axis=-1)[i] for i in order], axis=-1).T

        zero = call.constant(np.array([0], np.int64))
        names = [
            call.node("Transpose", call.input(0), perm=[1, 0, 2]),
            call.constant(above(W)[None]),
            call.constant(above(U)[None]),
            call.constant(np.concatenate([above(b) for b in biases])[None]),
        ]
        if call.given(1):
            names += ["", *[call.node("Unsqueeze", call.input(1 + i), zero) for i in range(states)]]
        settings: dict[str, Any] = {"hidden_size": H, "direction": "reverse" if call.setting("reverse") else "forward"}
        if kind == "GRU":
            settings["linear_before_reset"] = 1  # r is applied after the product, and after its bias
        if kind == "RNN":
            settings["activations"] = [{"tanh": "Tanh", "relu": "Relu"}[call.setting("nonlinearity")]]
        Y, *last = call.graph.several(kind, *names, count=1 + states, **settings)
        Y = call.node("Transpose", call.node("Squeeze", Y, call.constant(np.array([1], np.int64))), perm=[1, 0, 2])
        return [Y, *[call.node("Squeeze", part, zero) for part in last]]

    return convert


CONVERTERS["pureml_nn.rnn"] = _recurrent("RNN", [0], 1, False)
CONVERTERS["pureml_nn.gru"] = _recurrent("GRU", [1, 0, 2], 1, True)  # r z n there: z r h
CONVERTERS["pureml_nn.lstm"] = _recurrent("LSTM", [0, 3, 1, 2], 2, False)  # i f g o there: i o f c
