"""What samplers and transforms have in common: a state, which is that of the generators in their attributes."""

from __future__ import annotations

from collections.abc import Mapping

from pureml_core import Composite, Saved, State
from pureml_core.state import StateMismatch, check_kind, collect, kind_of, restore_tensors


class Drawing(Composite, Saved):
    """What draws random numbers and can be saved: restored, it draws the same ones.

    The state is that of the generators, Parameters and Buffers in the attributes; settings are not part of it.
    """

    def state(self) -> State:
        """Where the random streams stand."""
        arrays, generators = collect(self)
        return State(kind_of(self), arrays, {"generators": generators})

    def restore(self, state: State, *, strict: bool = True) -> list[str]:
        """Go on from where the random streams of a snapshot stood, all or nothing.

        Returns:
            What was skipped, one line each; empty under `strict`.

        Raises:
            ValueError: the state is another class's, or under `strict` does not fit.
        """
        check_kind(self, state)
        generators = state.literals.get("generators") if isinstance(state.literals, Mapping) else None
        if not isinstance(generators, Mapping):
            raise StateMismatch(type(self).__name__, ["its literals have no 'generators'"])
        return restore_tensors(self, state.arrays, generators, strict=strict)
