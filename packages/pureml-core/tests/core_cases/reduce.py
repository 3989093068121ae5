from .case import Error, case, draws

n, pos, c = draws(2)

CASES = [
    *[
        case(op, x, axis=axis, keepdims=keepdims)
        for op in ("sum", "mean", "max", "min")
        for x in (n(3, 3), n(2, 3, 4))
        for axis in (None, 0, -1, (0, 1), (-1, 0))
        for keepdims in (False, True)
    ],
    *[case(op, n()) for op in ("sum", "mean", "max")],
    case("sum", n(0, 2)),
]

ERRORS: list[Error] = []
