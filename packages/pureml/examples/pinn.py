"""A network that solves a differential equation: u'' + u = 0 with u(0) = 0, u'(0) = 1, whose solution is sin t.

    python packages/pureml/examples/pinn.py [--steps 3000] [--seed 0]

A physics-informed network (Lagaris, Likas & Fotiadis 1998; Raissi, Perdikaris & Karniadakis 2019) has no data: the
loss is how far u'' + u is from zero at points of the interval. Its gradient by the weights is a third derivative: u''
is two of them. The initial values hold by construction: u(t) = t + (t / T)² N(t), with N the network.
"""

import argparse
import time

import numpy as np
from pureml import Tensor, no_grad
from pureml.base import NN
from pureml.layers import Affine
from pureml.optimizers import Adam, StepLR
from pureml_core import gradients

T = np.pi  # the interval is [0, T]: half a period


class Solution(NN):
    """u(t) for a column of times, (n, 1) -> (n, 1)."""

    def __init__(self, width: int, seed: int) -> None:
        self.L1 = Affine(1, width, seed=seed).astype(np.float64)
        self.L2 = Affine(width, width, seed=seed + 1).astype(np.float64)
        self.L3 = Affine(width, 1, seed=seed + 2).astype(np.float64)

    def predict(self, t: Tensor) -> Tensor:
        x = t - T / 2  # centred
        return t + (t / T) ** 2 * self.L3(np.tanh(self.L2(np.tanh(self.L1(x)))))


def residual(u: Solution, t: Tensor) -> Tensor:
    """u'' + u at times t, which must be tracked. Each u depends on its own t only: the sum has all derivatives."""
    y = u(t)
    dy = gradients(y.sum(), t, create_graph=True)
    ddy = gradients(dy.sum(), t, create_graph=True)
    return ddy + y


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--steps", type=int, default=3000, help="of the optimizer")
    options.add_argument("--seed", type=int, default=0, help="of the weights and the points")
    chosen = options.parse_args()

    u = Solution(width=24, seed=chosen.seed)
    optimizer = Adam(u.parameters, lr=1e-2)
    schedule = StepLR(optimizer, step_size=max(1, chosen.steps // 6), gamma=0.4)
    rng = np.random.default_rng(chosen.seed)
    start = time.perf_counter()
    for step in range(1, chosen.steps + 1):
        points = (np.arange(64) + rng.random(64)) / 64 * T  # one in each 64th of the interval
        loss = np.square(residual(u, Tensor(points[:, None], requires_grad=True))).mean()
        optimizer.zero_grad()
        loss.backward()
        schedule.step()
        optimizer.step()
        if step % max(1, chosen.steps // 6) == 0:
            print(f"step {step}: mean squared residual {float(loss):.2e}")

    times = np.linspace(0, T, 1001)[:, None]
    with no_grad():
        error = np.abs(u(Tensor(times)).numpy() - np.sin(times)).max()
    print(f"largest error against sin t on [0, π]: {error:.1e} after {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
