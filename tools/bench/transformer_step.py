"""A training step of a character transformer beside PyTorch eager.

    python tools/bench/transformer_step.py [--torch-python PATH] [--rounds 5] [--steps 30]

The same for all: 4 layers of 4 heads, 128 wide (hidden 512), normalised first, GELU by its tanh approximation, no
dropout, learned positions, 64 characters of context, batches of 32, a vocabulary of 65, cross-entropy from logits,
Adam with its default settings, float32, two threads. PyTorch's layers are its `nn.TransformerEncoderLayer`, and a block
written by hand around `F.scaled_dot_product_attention` with one product for queries, keys and values. Ours is measured
plain, and with the batch split over two threads (`split_backward`). Milliseconds per step: forward, backward, and the
optimizer.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from peers import Figures, compare, parser, run_worker

LAYERS, HEADS, WIDTH, CONTEXT, BATCH, VOCABULARY = 4, 4, 128, 64, 32, 65


def timed(step: Callable[[Any, Any], Any], convert: Callable[[Any], Any], steps: int) -> Figures:
    """The median of `steps` steps, and the fastest, after five to warm up; their loss must have fallen."""
    import numpy as np

    rng = np.random.default_rng(0)
    X = rng.integers(VOCABULARY, size=(BATCH, CONTEXT))
    inputs, targets = convert(X), convert((X * 7 + 3) % VOCABULARY)
    losses, times = [], []
    for _ in range(steps + 5):
        start = time.perf_counter()
        losses.append(float(step(inputs, targets)))
        times.append(1e3 * (time.perf_counter() - start))
    if losses[-1] > 0.7 * losses[0]:
        sys.exit(f"the loss went from {losses[0]:.2f} to {losses[-1]:.2f}: this did not train")
    return {"median step": statistics.median(times[5:]), "fastest step": min(times[5:])}


def ours(steps: str, split: bool = False) -> Figures:
    from pureml_core import split_backward
    from pureml_nn import CCE, Affine, Embedding, LayerNorm, LearnedPositions, Sequential, TransformerEncoderLayer
    from pureml_optim import Adam

    settings = {"dropout": 0.0, "activation": "gelu_tanh", "norm_first": True}
    embed = Sequential(Embedding(VOCABULARY, WIDTH), LearnedPositions(CONTEXT, WIDTH))
    blocks = [TransformerEncoderLayer(WIDTH, HEADS, **settings) for _ in range(LAYERS)]
    head = Sequential(LayerNorm(WIDTH), Affine(WIDTH, VOCABULARY))
    optimizer = Adam([*embed.parameters, *(p for b in blocks for p in b.parameters), *head.parameters], lr=1e-3)

    def loss_of(X: Any, Y: Any) -> Any:
        Z = embed(X)
        for block in blocks:
            Z = block(Z, causal=True)
        return CCE(Y, head(Z), from_logits=True)

    def step(X: Any, Y: Any) -> Any:
        optimizer.zero_grad()
        if split:
            loss: Any = split_backward(loss_of, (X, Y), workers=2)
        else:
            loss = loss_of(X, Y)
            loss.backward()
        optimizer.step()
        return loss

    return timed(step, lambda X: X, int(steps))


def ours_split(steps: str) -> Figures:
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy is imported: the threads are those of the two halves
    return ours(steps, split=True)


def in_torch(steps: str, make_block: Callable[[], Any]) -> Figures:
    import torch
    from torch import nn

    torch.set_num_threads(2)

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(VOCABULARY, WIDTH)
            self.positions = nn.Parameter(0.02 * torch.randn(CONTEXT, WIDTH))
            self.blocks = nn.ModuleList(make_block() for _ in range(LAYERS))
            self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, VOCABULARY)

        def forward(self, X: Any) -> Any:
            Z = self.embed(X) + self.positions
            for block in self.blocks:
                Z = block(Z)
            return self.head(self.norm(Z))

    model = Model()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step(X: Any, Y: Any) -> Any:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(X).view(-1, VOCABULARY), Y.view(-1))
        loss.backward()
        optimizer.step()
        return loss.detach()

    return timed(step, torch.from_numpy, int(steps))


def torch_layers(steps: str) -> Figures:
    import torch
    from torch import nn

    mask = nn.Transformer.generate_square_subsequent_mask(CONTEXT)

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.TransformerEncoderLayer(
                WIDTH,
                HEADS,
                4 * WIDTH,
                dropout=0.0,
                activation=lambda x: torch.nn.functional.gelu(x, approximate="tanh"),
                batch_first=True,
                norm_first=True,
            )

        def forward(self, X: Any) -> Any:
            return self.layer(X, src_mask=mask, is_causal=True)

    return in_torch(steps, Block)


def torch_by_hand(steps: str) -> Figures:
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
            self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
            self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

        def forward(self, X: Any) -> Any:
            qkv = self.qkv(self.norm1(X)).view(*X.shape[:-1], 3, HEADS, -1)
            q, k, v = qkv.permute(2, 0, 3, 1, 4)
            Y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            X = X + self.out(Y.transpose(1, 2).reshape(X.shape))
            return X + self.down(torch.nn.functional.gelu(self.up(self.norm2(X)), approximate="tanh"))

    return in_torch(steps, Block)


WORKERS = {"ours": ours, "ours, batch split": ours_split, "torch layers": torch_layers, "torch by hand": torch_by_hand}

if __name__ == "__main__":
    if not run_worker(WORKERS):
        options = parser(__doc__, rounds=5)
        options.add_argument("--steps", type=int, default=30, help="steps timed in every process")
        chosen = options.parse_args()
        compare(__file__, list(WORKERS), chosen, "milliseconds", (str(chosen.steps),))
