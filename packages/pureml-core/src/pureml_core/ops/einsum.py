"""Einstein summation. Its gradient is an Einstein summation too: the gradient and the operand trade places."""

import math
import string
from collections import Counter

import numpy as np

from ..op import op
from ..registry import NUMPY, composed
from .untracked import untracked

__all__ = ["einsum", "einsum_path"]

LETTERS = string.ascii_uppercase + string.ascii_lowercase  # in the order in which an implicit output is sorted


@composed(np.einsum)
def einsum(*operands, optimize=None):
    """Sums of products by Einstein's notation: einsum("ij,jk->ik", a, b) is yᵢₖ = Σⱼ aᵢⱼ bⱼₖ.

    As in NumPy: an index that the output lacks is summed over; without `->` the output has every index that occurs
    once, in alphabetical order; an index repeated in one operand takes a diagonal; `...` stands for axes that
    broadcast. Also einsum(a, [0, 1], b, [1, 2], [0, 2]), with numbers for letters.

    Args:
        optimize: as in NumPy, the order of the products. None: NumPy's best where operands are large enough to gain.
    """
    subscripts, xs = _as_text(operands)
    try:
        return contraction(*xs, subscripts=subscripts, optimize=optimize)
    except ValueError as error:
        shapes = ", ".join(str(np.shape(x)) for x in xs)
        raise ValueError(f"einsum: {subscripts!r} given {shapes}: {error.__cause__ or error}") from error


@op
def contraction(*xs, subscripts, optimize=None):
    """What `einsum` does, with its subscripts as text."""
    y = np.einsum(subscripts, *xs, optimize=_worthwhile(xs) if optimize is None else optimize)
    return y, *[_vjp(subscripts, xs, k) for k in range(len(xs))]


def _vjp(subscripts, xs, k):
    """The VJP for operand k: g and the other operands, summed to the indices of the operand."""
    shapes = [np.shape(x) for x in xs]
    others = xs[:k] + xs[k + 1 :]

    def vjp(g):
        *of_others, mine, output = _explicit(subscripts, shapes, last=k)
        terms, factors, mine = [output, *of_others], [g, *others], list(mine)
        for i, index in enumerate(mine):  # x "ii": the gradient lies on the diagonal, gᵢ δᵢⱼ
            if index in mine[:i]:
                mine[i] = next(letter for letter in LETTERS if letter not in [*"".join(terms), *mine])
                terms.append(index + mine[i])
                factors.append(np.eye(shapes[k][i], dtype=g.dtype))
        known = [index for index in mine if any(index in term for term in terms)]
        dx = np.einsum(",".join(terms) + "->" + "".join(known), *factors, optimize=_worthwhile(factors))
        # x "ij->i": an index that only this operand has was summed, and every summed entry receives the same
        dx = np.expand_dims(dx, tuple(i for i, index in enumerate(mine) if index not in known))
        shape = np.broadcast_shapes(dx.shape, shapes[k])
        return dx if dx.shape == shape else np.broadcast_to(dx, shape)

    return vjp


def _worthwhile(xs):
    """Whether to let NumPy order the products and use BLAS for them: it takes longer to decide than small ones do."""
    return len(xs) > 1 and math.prod(np.size(x) for x in xs) > 1 << 21


def _as_text(operands):
    """Subscripts and operands, from einsum("ij,jk->ik", a, b) or einsum(a, [0, 1], b, [1, 2], [0, 2])."""
    if isinstance(operands[0], str):
        return operands[0].replace(" ", ""), operands[1:]
    terms = [
        "".join("..." if i is Ellipsis else LETTERS[i] for i in sublist)
        for sublist in (*operands[1::2], *(operands[-1:] if len(operands) % 2 else ()))
    ]
    if len(operands) % 2:
        return ",".join(terms[:-1]) + "->" + terms[-1], operands[:-1:2]
    return ",".join(terms), operands[::2]


def _explicit(subscripts, shapes, last):
    """The indices of every operand (the one that is `last` after the others) and of the output, all in letters."""
    inputs, arrow, output = subscripts.partition("->")
    terms = inputs.split(",")
    if not arrow:
        count = Counter(inputs.replace(",", "").replace(".", ""))
        output = "..." * ("..." in inputs) + "".join(sorted(index for index, n in count.items() if n == 1))
    spare = [letter for letter in LETTERS if letter not in subscripts]
    broadcast = [len(shape) - len(term) + 3 if "..." in term else 0 for term, shape in zip(terms, shapes, strict=True)]
    spare = spare[: max(broadcast)]
    terms = [term.replace("...", "".join(spare[len(spare) - n :])) for term, n in zip(terms, broadcast, strict=True)]
    return *terms[:last], *terms[last + 1 :], terms[last], output.replace("...", "".join(spare))


einsum_path = NUMPY[np.einsum_path] = untracked(np.einsum_path)
