"""Reading the plain values of a State: each is looked at before any is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pureml_core import State
from pureml_core.state import check_kind

from .settings import Check


def read_literals(obj: object, state: State, known: Mapping[str, Check]) -> tuple[dict[str, Any], list[str]]:
    """The values that `known` names and allows, and one line for everything that does not fit.

    Raises:
        ValueError: the state is another class's.
    """
    check_kind(obj, state)
    values, problems = {}, []
    for name, check in known.items():
        if name not in state.literals:
            problems.append(f"missing {name!r}")
            continue
        try:
            values[name] = check(name, state.literals[name])
        except (TypeError, ValueError) as error:
            problems.append(str(error))
    return values, problems + [f"unexpected {name!r}" for name in state.literals if name not in known]
