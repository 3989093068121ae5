import numpy as np
from pureml_nn import GATConv, GraphConv, MessagePassing, SAGEConv

from .case import LayerCase, LayerError


def edges(*pairs):
    return np.array(pairs, np.int64).reshape(-1, 2).T


GRAPHS = {  # number of nodes and edges
    "": (4, edges((0, 1), (1, 0), (1, 2), (2, 1), (2, 3), (3, 0))),
    "of one isolated": (4, edges((0, 1), (1, 0), (2, 0))),  # 3; and none leads to 2
    "with self loops": (3, edges((0, 0), (0, 1), (1, 2), (2, 2))),
    "with repeated edges": (3, edges((0, 1), (0, 1), (1, 2), (2, 1), (0, 1))),
    "of one node": (1, edges()),
    "of one node with a loop": (1, edges((0, 0))),
    "without edges": (3, edges()),
    "nodes = features": (2, edges((0, 1), (1, 0))),
    "without nodes": (0, edges()),
}
N, E = GRAPHS[""]


class Messages(MessagePassing):
    def message(self, source, target, *features):
        return source * target - target


LAYERS = [
    *[
        LayerCase(f"{name} {graph}", make, ((n, 2), e), (n, after))
        for graph, (n, e) in GRAPHS.items()
        for name, make, after in [
            ("MessagePassing sum", MessagePassing, 2),
            ("MessagePassing mean", lambda: MessagePassing("mean"), 2),
            ("MessagePassing max", lambda: MessagePassing("max"), 2),
            ("GraphConv", lambda: GraphConv(2, 3, seed=0), 3),
            ("GraphConv without loops", lambda: GraphConv(2, 3, self_loops=False, seed=0), 3),
            ("SAGEConv", lambda: SAGEConv(2, 3, seed=0), 3),
            ("GATConv", lambda: GATConv(2, 3, heads=2, seed=0), 6),
            ("GATConv without loops", lambda: GATConv(2, 3, heads=2, self_loops=False, concat=False, seed=0), 3),
        ]
    ],
    LayerCase("MessagePassing of its own", lambda: Messages(), ((N, 2), E), (N, 2)),
    LayerCase("MessagePassing of its own, max", lambda: Messages("max"), ((N, 2), E), (N, 2)),
    LayerCase("MessagePassing of more axes", lambda: MessagePassing("max"), ((N, 2, 3), E), (N, 2, 3)),
    LayerCase("GraphConv without bias", lambda: GraphConv(3, 3, bias=False, seed=0), ((N, 3), E), (N, 3)),
    LayerCase("GraphConv with weights", lambda: GraphConv(2, 3, seed=0), ((N, 2), E, np.arange(1, 7) / 4), (N, 3)),
    LayerCase("GraphConv with integer weights", lambda: GraphConv(2, 3, seed=0), ((N, 2), E, np.arange(6)), (N, 3)),
    LayerCase(
        "GraphConv with weights without loops",
        lambda: GraphConv(2, 3, self_loops=False, seed=0),
        ((N, 2), E[:, :4], np.arange(1, 5) / 4),  # none leads to 3
        (N, 3),
    ),
    LayerCase(
        "SAGEConv max without root",
        lambda: SAGEConv(2, 2, aggregation="max", root=False, seed=0),
        ((N, 2), E),
        (N, 2),
    ),
    LayerCase(
        "SAGEConv sum without bias",
        lambda: SAGEConv(1, 2, aggregation="sum", bias=False, seed=0),
        ((N, 1), E),
        (N, 2),
    ),
    LayerCase("GATConv without bias", lambda: GATConv(2, 2, bias=False, seed=0), ((N, 2), E), (N, 2)),
    LayerCase("GATConv of one feature", lambda: GATConv(1, 1, negative_slope=0, seed=0), ((N, 1), E), (N, 1)),
]

X = np.ones((3, 2))
PAIR = edges((0, 1))

ERRORS = [
    *[
        LayerError(lambda layer=layer, bad=bad: layer(2)(X, bad), kind, message)
        for layer in (lambda c: MessagePassing(), *(lambda c, k=k: k(c, 3) for k in (GraphConv, SAGEConv, GATConv)))
        for bad, kind, message in [
            (np.zeros((4, 2), int), ValueError, r"given edges of shape \(4, 2\), needed \(2, E\).*give edges\.T"),
            (np.zeros((3, 3), int), ValueError, r"shape \(3, 3\), needed \(2, E\).*adjacency matrix.*np\.nonzero"),
            (np.zeros(2, int), ValueError, r"shape \(2,\), needed \(2, E\): a row of sources and one of targets$"),
            ([[0, 1], [1]], ValueError, r"rows differ in length, needed \(2, E\)"),
            (None, ValueError, r"edges of shape \(\), needed"),
            (np.zeros((2, 4)), TypeError, r"edges of dtype float.*needed integers.*astype\(int\)"),
            (np.zeros((2, 4), bool), TypeError, r"edges of dtype bool"),
            (edges((0, 3), (4, 1)), IndexError, r"given edges with node 3, 4, needed 0 to 2: X has 3 rows"),
            (edges((0, -1)), IndexError, r"node -1, needed 0 to 2"),
        ]
    ],
    LayerError(lambda: MessagePassing("median"), ValueError, r"aggregation='median'; there are sum, mean, max"),
    LayerError(lambda: SAGEConv(2, 3, aggregation="lstm"), ValueError, r"SAGEConv: given aggregation='lstm'"),
    LayerError(lambda: MessagePassing()(np.ones(3), PAIR), ValueError, r"MessagePassing: given X of shape \(3,\)"),
    LayerError(lambda: MessagePassing()([[1.0]], PAIR), TypeError, r"MessagePassing: given X of type list"),
    LayerError(lambda: GraphConv(4, 3)(X, PAIR), ValueError, r"GraphConv: given X of shape \(3, 2\), needed \(N, 4\)"),
    LayerError(lambda: SAGEConv(2, 3)(np.ones((1, 3, 2)), PAIR), ValueError, r"SAGEConv: given X of shape \(1, 3, 2\)"),
    LayerError(lambda: GATConv(2, 3)(X * 1j, PAIR), TypeError, r"GATConv: given X of dtype complex128"),
    LayerError(lambda: GraphConv(0, 3), ValueError, r"GraphConv: given fan_in=0"),
    LayerError(lambda: GATConv(2, 3, heads=0), ValueError, r"GATConv: given heads=0"),
    LayerError(lambda: GATConv(2, 3, negative_slope=np.inf), ValueError, r"GATConv: given negative_slope=inf"),
    LayerError(lambda: GATConv(2, 3, method="he"), ValueError, r"'he'.*glorot-normal"),
    LayerError(lambda: GraphConv(2, 3, W=np.ones((3, 2))), ValueError, r"W of shape \(3, 2\), needed \(2, 3\)"),
    LayerError(lambda: GraphConv(2, 3, b=np.ones(2)), ValueError, r"b of shape \(2,\), needed \(3,\)"),
    LayerError(lambda: GraphConv(2, 3, b=np.ones(3), bias=False), ValueError, r"b together with bias=False"),
    LayerError(lambda: GraphConv(2, 3)(X, PAIR, np.ones(2)), ValueError, r"edge_weight of shape \(2,\), needed \(1,\)"),
    LayerError(lambda: GraphConv(2, 3)(X, PAIR, np.array(["a"])), TypeError, r"edge_weight of dtype <U1"),
    LayerError(
        lambda: GraphConv(2, 3)(X, PAIR, np.array([-1.5])), ValueError, r"add up to -0\.5 at node 1.*not be negative"
    ),
]
