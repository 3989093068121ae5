"""Connectionist temporal classification: a sequence of labels from a longer sequence of frames, without alignment."""

from __future__ import annotations

from typing import Any

import numpy as np
from pureml_core import Tensor, log_softmax, op

from .common import prediction, reduced

IMPOSSIBLE = -1e30  # stands for ln 0: sums of thousands stay finite in float32, and e to it is 0


def CTC(
    Y: Any,
    Y_hat: Any,
    input_lengths: Any = None,
    target_lengths: Any = None,
    *,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """-ln of the probability that the frames spell the target, blanks and repetitions taken out (Graves et al. 2006).

    Args:
        Y: integer labels (B, S), padded behind their lengths with anything; `blank` is none of them.
        Y_hat: logits (B, T, K) of each frame; logarithms of probabilities are logits, too.
        input_lengths: frames of each sample (B,), 1 to T; T when None.
        target_lengths: labels of each sample (B,), 0 to S; S when None.
        blank: the class that says nothing.
        reduction: "mean" divides each sample's loss by its number of labels (at least 1), then takes the mean;
            "sum"; or "none" for one loss (B,) a sample.
        zero_infinity: a sample with fewer frames than its labels need has the loss 0 in place of ∞. Its gradient is 0
            in both cases.

    Raises:
        ValueError: shapes, lengths or labels do not fit together, or there are no samples for the mean.
    """
    Y_hat = prediction("CTC", Y_hat)
    if Y_hat.ndim != 3:
        raise ValueError(f"CTC: given predictions of shape {Y_hat.shape}, needed logits (B, T, K)")
    B, T, K = Y_hat.shape
    if not 0 <= blank < K:
        raise ValueError(f"CTC: given blank={blank!r}, needed one of the {K} classes, 0 to {K - 1}")
    labels = Y.data if isinstance(Y, Tensor) else np.asarray(Y)
    if labels.ndim != 2 or labels.shape[0] != B or (labels.dtype.kind not in "iu" and labels.size):
        raise ValueError(
            f"CTC: given targets of dtype {labels.dtype} and shape {labels.shape}, needed integers ({B}, S) for "
            f"predictions of shape {Y_hat.shape}"
        )
    frames = _lengths("input_lengths", input_lengths, B, 1, T)
    count = _lengths("target_lengths", target_lengths, B, 0, labels.shape[1])
    used = np.arange(labels.shape[1]) < count[:, None]
    wrong = used & ((labels < 0) | (labels >= K) | (labels == blank))
    if wrong.any():
        raise ValueError(
            f"CTC: given the label {labels[wrong][0]}, needed 0 to {K - 1} without the blank, {blank}; shorter targets "
            "are padded behind target_lengths"
        )
    labels = np.where(used, labels, blank).astype(np.intp)
    L = connectionist(Y_hat, labels, frames, count, blank=int(blank))
    if zero_infinity:
        L = np.where(np.isinf(L), 0.0, L)
    if reduction == "mean":
        L = L / np.maximum(count, 1).astype(Y_hat.dtype)
    return reduced("CTC", L, reduction)


def _lengths(name: str, lengths: Any, batch: int, low: int, high: int) -> Any:
    """(B,) integers in [low, high]; `high` for all when not given."""
    given = (
        np.full(batch, high)
        if lengths is None
        else lengths.data
        if isinstance(lengths, Tensor)
        else np.asarray(lengths)
    )
    if (
        given.shape != (batch,)
        or given.dtype.kind not in "iu"
        or (batch and not low <= given.min() <= given.max() <= high)
    ):
        raise ValueError(f"CTC: given {name}={given!r:.80}, needed ({batch},) integers from {low} to {high}")
    return given.astype(np.intp)


# The states of a target (a, b) are (blank, a, blank, b, blank), S' = 2 S + 1 in number. From state s a path goes to s,
# to s + 1, or over a blank to s + 2 if the labels differ. α(t, s) is the ln of the probability of all beginnings of
# paths that are in s at frame t, β(t, s) of all their continuations after it.


def _states(labels: Any, blank: int) -> tuple[Any, Any]:
    """The label of each state (B, S'), and 0 where it can be reached from two states before, else IMPOSSIBLE."""
    states = np.full((labels.shape[0], 2 * labels.shape[1] + 1), blank, np.intp)
    states[:, 1::2] = labels
    jump = np.full(states.shape, IMPOSSIBLE)
    jump[:, 2:][(states[:, 2:] != blank) & (states[:, 2:] != states[:, :-2])] = 0
    return states, jump


def _final(count: Any, states: int) -> Any:
    """0 at the states where a path may end, the last label and the blank after it (B, S'); else IMPOSSIBLE."""
    s = np.arange(states)
    last = 2 * count[:, None]
    return np.where((s == last) | ((s == last - 1) & (last > 0)), 0.0, IMPOSSIBLE)


def _connectionist(z: Any, labels: Any, frames: Any, count: Any, blank: int) -> Any:
    """Equations 6 to 8 of the paper, in logarithms, as they stand."""
    states, jump = _states(labels, blank)
    B, S = states.shape
    ln_p = np.maximum(log_softmax(z), IMPOSSIBLE)
    emitted = np.take_along_axis(ln_p, np.broadcast_to(states[:, None], (B, z.shape[1], S)), axis=-1)
    start = np.where(np.arange(S) < 2, 0.0, IMPOSSIBLE).astype(z.dtype)
    out = np.full((B, 2), IMPOSSIBLE, z.dtype)
    jump, final = jump.astype(z.dtype), _final(count, S).astype(z.dtype)
    alpha = emitted[:, 0] + start
    for t in range(1, z.shape[1]):
        before = np.concatenate([out, alpha], axis=1)  # states s - 2, s - 1, s
        reached = np.logaddexp(np.logaddexp(before[:, 2:], before[:, 1:-1]), before[:, :-2] + jump)
        alpha = np.where((t < frames)[:, None], reached + emitted[:, t], alpha)
    ended = alpha + final
    top = np.max(ended.data, axis=1, keepdims=True)
    L = -(np.log(np.exp(ended - top).sum(axis=1)) + top[:, 0])
    return np.where(L.data > -IMPOSSIBLE / 2, np.inf, L)


@op(definition=_connectionist)
def connectionist(z: Any, labels: Any, frames: Any, count: Any, /, blank: int) -> Any:
    """-ln p(labels | softmax(z)): (B, T, K) with (B, S), (B,), (B,) gives (B,); ∞ where the frames are too few."""
    states, jump = _states(labels, blank)
    B, S = states.shape
    T = z.shape[1]
    ln_p = log_softmax(np.ascontiguousarray(z)).data
    emitted = np.take_along_axis(ln_p, states[:, None], axis=-1)  # (B, T, S')
    emitted = np.ascontiguousarray(np.swapaxes(np.maximum(emitted, IMPOSSIBLE), 0, 1))  # (T, B, S')
    jump, final = jump.astype(z.dtype), _final(count, S).astype(z.dtype)

    alpha = np.full((T, B, S + 2), IMPOSSIBLE, z.dtype)  # two states more in front, never reached
    alpha[0, :, 2:4] = emitted[0, :, :2]
    for t in range(1, T):
        a = alpha[t - 1]
        alpha[t, :, 2:] = _sum3(a[:, 2:], a[:, 1:-1], a[:, :-2] + jump) + emitted[t]
    alpha = alpha[:, :, 2:]
    ended = alpha[frames - 1, np.arange(B)] + final
    ln_total = np.logaddexp.reduce(ended, axis=1)
    possible = ln_total > IMPOSSIBLE / 2

    def vjp(
        g: Any,
    ) -> Any:  # dL/dz(t, k) = g (p(t, k) - Σ of the posterior probabilities of the states that say k), eq. 16
        beta = np.full((B, S + 2), IMPOSSIBLE, z.dtype)  # two states more behind
        posterior = np.empty((T, B, S), z.dtype)
        jump_on = np.full((B, S), IMPOSSIBLE, z.dtype)
        jump_on[:, :-2] = jump[:, 2:]
        for t in range(T - 1, -1, -1):
            if t + 1 < T:
                b = beta + np.pad(emitted[t + 1], ((0, 0), (0, 2)))
                beta[:, :-2] = _sum3(b[:, :-2], b[:, 1:-1], b[:, 2:] + jump_on)
            ends = frames == t + 1
            beta[ends, :-2] = final[ends]
            posterior[t] = alpha[t] + beta[:, :-2]
        posterior -= np.where(possible, ln_total, 0.0)[:, None]
        np.exp(posterior, out=posterior)
        dz = np.exp(ln_p)
        frame = np.arange(B)[:, None] * T + np.arange(T)[:, None, None]  # its row in (B T, K)
        np.subtract.at(dz.reshape(-1), frame * dz.shape[-1] + states, posterior)
        dz *= np.where(possible, g, 0.0)[:, None, None]
        dz[np.arange(T) >= frames[:, None]] = 0  # behind a sample's end
        return dz

    return np.where(possible, -ln_total, np.inf), vjp, None, None, None


def _sum3(a: Any, b: Any, c: Any) -> Any:
    """ln(e^a + e^b + e^c)"""
    top = np.maximum(np.maximum(a, b), c)
    return top + np.log(np.exp(a - top) + np.exp(b - top) + np.exp(c - top))
