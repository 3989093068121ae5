"""A training step of a character LSTM beside PyTorch eager.

    python tools/bench/lstm_step.py [--torch-python PATH] [--rounds 7] [--steps 60]

The same for both: embedding 96 -> 64, one LSTM layer of 128, dense 128 -> 96, cross-entropy from logits at every
character, 32 texts of 64 characters, Adam, float32, two threads, the same weights and data. Milliseconds per step.
Also the layer alone, forward and backward.

glibc gives freed memory back to the system after every step and takes it again page by page, which costs a fifth of our
step; MALLOC_TRIM_THRESHOLD_=268435456 MALLOC_MMAP_THRESHOLD_=268435456 in the environment keeps it.
"""

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
from peers import Figures, compare, parser, run_worker

VOCABULARY, EMBEDDING, HIDDEN, LENGTH, BATCH = 96, 64, 128, 64, 32


def data(count: int) -> list[np.ndarray]:
    """Texts that go on from random characters by one rule, which can be learnt."""
    texts = np.empty((count, BATCH, LENGTH + 1), np.int64)
    texts[..., 0] = np.random.default_rng(0).integers(0, VOCABULARY, (count, BATCH))
    for t in range(LENGTH):
        texts[..., t + 1] = (5 * texts[..., t] + 1) % VOCABULARY
    return list(texts)


def weights() -> list[np.ndarray]:
    """Table, W_ih, W_hh, b_ih, b_hh, W, b, in PyTorch's shapes."""
    rng = np.random.default_rng(1)
    G, bound = 4 * HIDDEN, HIDDEN**-0.5
    shapes = [(VOCABULARY, EMBEDDING), (G, EMBEDDING), (G, HIDDEN), (G,), (G,), (VOCABULARY, HIDDEN), (VOCABULARY,)]
    return [rng.uniform(-bound, bound, shape).astype(np.float32) for shape in shapes]


def timed(step: Callable[[np.ndarray], float], layer: Callable[[], object], steps: int) -> Figures:
    """Medians after some steps to warm up; the loss must be that of both and fall."""
    losses, seconds, alone = [], [], []
    for text in data(steps + 20):
        start = time.perf_counter()
        losses.append(step(text))
        seconds.append(time.perf_counter() - start)
    for _ in range(steps):
        start = time.perf_counter()
        layer()
        alone.append(time.perf_counter() - start)
    if not losses[-1] < losses[0]:
        sys.exit(f"the loss went from {losses[0]:.3f} to {losses[-1]:.3f}: this did not train")
    return {
        "step": 1000 * statistics.median(seconds[20:]),
        "fastest step": 1000 * min(seconds[20:]),
        "layer alone": 1000 * statistics.median(alone[steps // 4 :]),
        "loss of the last step (no time)": losses[-1],
    }


def ours(steps: str) -> Figures:
    from pureml_core import Tensor
    from pureml_nn import CCE, LSTM, Affine, Embedding
    from pureml_optim import Adam

    values = weights()
    table = Embedding(VOCABULARY, EMBEDDING, W=values[0])
    lstm, dense = LSTM(EMBEDDING, HIDDEN), Affine(HIDDEN, VOCABULARY, W=values[5].T, b=values[6])
    for p, value in zip(lstm.parameters, values[1:5], strict=True):
        p.data = np.ascontiguousarray(value.T)
    optimizer = Adam([*table.parameters, *lstm.parameters, *dense.parameters], lr=1e-3)

    def step(text: np.ndarray) -> float:
        optimizer.zero_grad()
        Y, _ = lstm(table(text[:, :-1]))
        loss = CCE(text[:, 1:], dense(Y), from_logits=True)
        loss.backward()
        optimizer.step()
        return float(loss)

    X = Tensor(np.random.default_rng(2).standard_normal((BATCH, LENGTH, EMBEDDING)).astype(np.float32), True)
    g = np.ones((BATCH, LENGTH, HIDDEN), np.float32)
    return timed(step, lambda: lstm(X)[0].backward(g), int(steps))


def torch(steps: str) -> Figures:
    import torch
    from torch import nn

    torch.set_num_threads(2)
    table, lstm = nn.Embedding(VOCABULARY, EMBEDDING), nn.LSTM(EMBEDDING, HIDDEN, batch_first=True)
    dense = nn.Linear(HIDDEN, VOCABULARY)
    model = nn.ModuleList([table, lstm, dense])
    with torch.no_grad():
        for p, value in zip(model.parameters(), weights(), strict=True):
            p.copy_(torch.from_numpy(value))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss_of = nn.CrossEntropyLoss()

    def step(text: np.ndarray) -> float:
        text = torch.from_numpy(text)
        optimizer.zero_grad()
        Y, _ = lstm(table(text[:, :-1]))
        loss = loss_of(dense(Y).reshape(-1, VOCABULARY), text[:, 1:].reshape(-1))
        loss.backward()
        optimizer.step()
        return loss.item()

    X = torch.from_numpy(np.random.default_rng(2).standard_normal((BATCH, LENGTH, EMBEDDING)).astype(np.float32))
    X.requires_grad_()
    g = torch.ones(BATCH, LENGTH, HIDDEN)
    return timed(step, lambda: lstm(X)[0].backward(g), int(steps))


if __name__ == "__main__":
    if not run_worker({"ours": ours, "torch": torch}):
        options = parser(__doc__, rounds=7)
        options.add_argument("--steps", type=int, default=60, help="steps timed in every process")
        chosen = options.parse_args()
        compare(__file__, ["ours", "torch"], chosen, "milliseconds", (str(chosen.steps),))
