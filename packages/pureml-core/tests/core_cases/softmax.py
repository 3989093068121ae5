from .case import Error, case, draws

n, pos, c = draws(6)

CASES = [
    *[
        case(op, n(*s), axis=axis)
        for op in ("softmax", "log_softmax", "logsumexp")
        for s, axis in [((3, 4), -1), ((3, 3), 0), ((2, 3, 4), 1), ((2, 1), -1)]
    ],
    case("logsumexp", n(3, 4), axis=1, keepdims=True),
]

ERRORS: list[Error] = []
