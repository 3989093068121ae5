"""A graph network on Zachary's karate club (1977): who follows whom when the club splits, told two members.

    python packages/pureml/examples/karate.py [--seed 0] [--steps 200]

The club's 34 members are nodes, joined by edges where two of them met outside of it, in as many kinds of activity as
the edge's weight says. Only the instructor, node 0, and the officer, node 33, have a label: the rest learn theirs
through the edges (semi-supervised: Kipf & Welling 2017, appendix A). Needs networkx: `pip install networkx`.
"""

import argparse
import sys
from itertools import pairwise

import numpy as np
from pureml import Tensor, no_grad
from pureml.base import NN
from pureml.layers import GraphConv
from pureml.losses import CCE
from pureml.optimizers import Adam

LABELLED = np.array([0, 33])
CLUBS = ("Mr. Hi", "Officer")


class Followers(NN):
    """Scores of the two clubs for every node, (N, C) -> (N, 2): three layers, so as many steps along the edges."""

    def __init__(self, features: int, width: int, seed: int) -> None:
        sizes = pairwise([features, width, width, len(CLUBS)])
        self.layers = [GraphConv(a, b, seed=3 * seed + i) for i, (a, b) in enumerate(sizes)]

    def predict(self, X: Tensor, edges: np.ndarray, weight: np.ndarray) -> Tensor:
        *hidden, last = self.layers
        for layer in hidden:
            X = np.tanh(layer(X, edges, weight))
        return last(X, edges, weight)


def karate() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges (2, E), their weights (E,), and the club of each node, 0 or 1."""
    try:
        import networkx
    except ImportError:
        sys.exit("karate.py: the club is in networkx, which is missing (pip install networkx)")
    graph = networkx.karate_club_graph()
    source, target, weight = zip(*graph.edges(data="weight"), strict=True)
    edges = np.array([source + target, target + source])  # both directions
    clubs = np.array([CLUBS.index(club) for _, club in graph.nodes(data="club")])
    return edges, np.array(weight * 2, np.float32), clubs


def train(seed: int, steps: int) -> np.ndarray:
    """Which of the unlabelled nodes the trained network puts into the right club, booleans (32,)."""
    edges, weight, clubs = karate()
    X = np.eye(len(clubs), dtype=np.float32)  # nothing is known of a node but which one it is
    model = Followers(len(clubs), 16, seed)
    optimizer = Adam(model.parameters, lr=0.01, weight_decay=5e-4)
    for step in range(1, steps + 1):
        loss = CCE(clubs[LABELLED], model(X, edges, weight)[LABELLED], from_logits=True)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % max(1, steps // 4) == 0:
            print(f"step {step}: loss of the two labelled nodes {float(loss):.4f}")
    with no_grad():
        found = model(X, edges, weight).numpy().argmax(axis=1)
    return np.delete(found == clubs, LABELLED)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seed", type=int, default=0, help="of the weights")
    options.add_argument("--steps", type=int, default=200, help="of the optimizer, each on the whole graph")
    chosen = options.parse_args()
    right = train(chosen.seed, chosen.steps)
    print(f"accuracy on the other nodes: {right.mean():.1%} ({right.sum()} of {right.size})")


if __name__ == "__main__":
    main()
