"""Recurrent layers: ours take X (B, T, C), states (B, H); ONNX takes (T, B, C), gates in its order above each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .registry import CONVERTERS, Converter

if TYPE_CHECKING:
    from ..onnx_graph import Call


def _recurrent(kind: str, order: list[int], states: int, hidden_bias: bool) -> Converter:
    """The converter to ONNX's RNN, GRU or LSTM.

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
