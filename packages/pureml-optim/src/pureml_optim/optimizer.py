"""Optimizer: everything about an update but its formula.

The base class owns the loop over parameters, groups and their settings, step counts, weight decay, missing gradients
and state. A rule names its settings and slots and writes its formula:

    class Momentum(Optimizer):
        settings = {"beta": between(0, 1)}
        slots = ("v",)                               # arrays shaped like the parameter, zero at first

        def update(self, s, w, g, v):                # all in place
            v[...] = s.beta * v + g
            w -= s.lr * v

    optim = Momentum(model, lr=0.1, beta=0.9)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from pureml_core import Composite, Saved, State, Tensor
from pureml_core.state import StateMismatch, check_kind, kind_of

from .blocks import Batch, Entry, Group, Plan, Update
from .naming import Params, by_name, by_pattern
from .restoring import read
from .settings import Check, between, checked, flag
from .slots import Shape, ShapeOf, like_parameter


class Setting:
    """A setting as an attribute of its optimizer.

    Setting it also sets it in all groups but those that were given another value than the common one.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, optim: Optimizer | None, owner: type | None = None) -> Any:
        return self if optim is None else optim._common[self.name]

    def __set__(self, optim: Optimizer, value: Any) -> None:
        new = optim._checked({self.name: value})[self.name]
        before = optim._common[self.name]
        optim._defaults[self.name] = new
        for group in optim.groups:
            if group.settings[self.name] == before:
                group.settings[self.name] = new


class Optimizer(Saved):
    """What all optimizers share. Parameters without a gradient are left alone at a step: no decay, no step counted.

    Of a table with a row-sparse gradient (`Embedding(sparse=True)`, `table[rows]`) only the touched rows and their
    slots take part: the other rows do not decay, and their moments neither fade nor move them. The step counts for the
    whole parameter. Rules over whole arrays (`blocks = False`) take such a gradient as a dense one. So does every rule
    once `.grad` has been read, which makes it dense: to look at it before a step, read `sparse_grad`.

    The padding row of a table (`padding_idx` of the tensor, set by an Embedding that has one) does not decay either, as
    long as its gradient is zero.

    Slots have the parameter's dtype. In float16 what is below 6e-8 is zero, such as the square of a gradient below
    2.4e-4 and the default `delta` of Adam: the weight is then infinite or nan, as in PyTorch.

    Args:
        model_params: the tensors to train: an iterable of them (named "0", "1", ... in the state), a mapping from
            names, a Layer or list of Layers to walk for their parameters, or a list of groups: dicts with any of these
            under "params" and with settings of their own, `[{"params": [W], "lr": 0.01}, {"params": [b]}]`.
        lr: learning rate, >= 0. A group's own rate keeps its proportion to it when `lr` is set later.
        weight_decay: >= 0; acts if positive.
        decoupled_wd: shrink the weights by `lr * weight_decay` of themselves before the rule's own update; False adds
            `weight_decay * w` to the gradient instead.
        maximize: climb instead: the gradient counts with the opposite sign.
        groups: settings by name pattern, for parameters whose full name fits (`fnmatch`: * is any text). The first
            pattern that fits counts; a key may be a tuple of patterns. No decay on biases and norms:
            `AdamW(model, 1e-3, groups={("*.b", "*.gamma", "*.beta"): {"weight_decay": 0}})`.
        settings: those of the rule, as named in its `settings`.

    Raises:
        TypeError: something is not a tensor, or a setting is missing or of another type.
        ValueError: a setting is unknown or out of range; there are no parameters, one is given twice, two share a
            name, one was computed from others, or its dtype is not a real floating one; a pattern fits no parameter.

    Attributes:
        groups: the groups, at least one.
        weight_decay, decoupled_wd, maximize and the settings of the rule: what all groups share, or else those of
            groups that were given none of their own. They can be set.
        initial_lr: the rate that the first scheduler found, None before; it is part of the state, so that a scheduler
            made with `last_step` starts from it and not from the rate that was reached.
    """

    settings: ClassVar[Mapping[str, Check]] = {}
    """The rule's own settings, and what each of them may be."""

    slots: ClassVar[Sequence[str] | Mapping[str, ShapeOf]] = ()
    """Arrays kept for every parameter, zero at first: names, or (with whole arrays) names and shapes for a shape; a
    shape of None: parameters of that shape have no such slot, and `update` receives None."""

    blocks: ClassVar[bool] = True
    """Whether `update` sees flat blocks; False: whole arrays in their own shapes."""

    own_decay: ClassVar[bool] = False
    """Whether `update` applies decoupled decay by itself; decay that joins the gradient is in `g` already."""

    weight_decay = Setting("weight_decay")
    decoupled_wd = Setting("decoupled_wd")
    maximize = Setting("maximize")

    def __init_subclass__(cls, **others: Any) -> None:
        super().__init_subclass__(**others)
        for name, check in cls.settings.items():
            if not callable(check):
                raise TypeError(
                    f"{cls.__name__}.settings: {name!r} is {check!r}, needed a check such as "
                    "pureml_optim.between(0, 1): defaults stand in __init__"
                )
            if not hasattr(cls, name):
                setattr(cls, name, Setting(name))

    def __init__(
        self,
        model_params: Params,
        lr: float,
        *,
        weight_decay: float = 0.0,
        decoupled_wd: bool = True,
        maximize: bool = False,
        groups: Mapping[Any, Mapping[str, Any]] | None = None,
        **settings: Any,
    ) -> None:
        if self.blocks and isinstance(self.slots, Mapping):
            raise TypeError(f"{type(self).__name__}: slots of other shapes need whole arrays; set blocks = False")
        common = {"lr": lr, "weight_decay": weight_decay, "decoupled_wd": decoupled_wd, "maximize": maximize}
        given = {**common, **settings}
        self._defaults = self._checked(given)
        if missing := [name for name in self.settings if name not in given]:
            raise TypeError(f"{type(self).__name__}: missing the setting {', '.join(missing)}")
        self.groups: list[Group] = []
        self.initial_lr: float | None = None
        self._entries: list[Entry] = []
        self._plan: Plan | None = None
        if isinstance(model_params, Iterable) and not isinstance(model_params, Composite | Mapping | Tensor):
            model_params = list(model_params)
        if isinstance(model_params, list) and model_params and all(isinstance(p, Mapping) for p in model_params):
            if groups:
                raise ValueError(f"{type(self).__name__}: given a list of groups and patterns; give one of them")
            for group in model_params:
                if "params" not in group:
                    raise ValueError(f"{type(self).__name__}: given a group without 'params'; it has {list(group)}")
                self.add_group(**group)
        else:
            for params, own in by_pattern(model_params, groups or {}, type(self).__name__):
                self.add_group(params, **own)
        if not self._entries:
            raise ValueError(
                f"{type(self).__name__}: given no parameters; give tensors, or a model that has some (a generator "
                "can be read only once)"
            )

    # ---- what a rule writes

    def update(self, s: Any, w: Any, g: Any, *slots: Any) -> None:
        """One step of the rule, in place on `w` and the slots.

        Args:
            s: the settings as attributes, and `s.t`, the number of this step for these parameters, from 1.
            w: values; a flat block of them, or the whole array with `blocks = False`.
            g: their gradient, not to be written to.
            slots: the arrays that `slots` names, in order.
        """
        raise NotImplementedError(f"{type(self).__name__} has no update(); define one that changes w in place")

    def slots_for(self, s: Mapping[str, Any]) -> Mapping[str, ShapeOf]:
        """The slots that these settings need, and their shapes; a rule may need fewer for some settings."""
        return self.slots if isinstance(self.slots, Mapping) else like_parameter(*self.slots)

    # ---- what a user calls

    @property
    def lr(self) -> float:
        """The learning rate. Setting it sets every group's, in the proportion that the group was given with."""
        rate: float = self._defaults["lr"]
        return rate

    @lr.setter
    def lr(self, value: float) -> None:
        lr = self._checked({"lr": value})["lr"]
        rates = [self._checked({"lr": lr * group.rate})["lr"] for group in self.groups]
        self._defaults["lr"] = lr
        for group, rate in zip(self.groups, rates, strict=True):
            group.settings["lr"] = rate

    def step(self) -> None:
        """Update every parameter that has a gradient, in place."""
        if getattr(self.update, "__func__", None) is Optimizer.update:
            self.update(None, None, None)  # raises, even where nothing has a gradient
        live = []
        for e in self._entries:
            sparse = e.tensor.sparse_grad if self.blocks else None
            e.g = e.tensor.grad if sparse is None else sparse
            if e.g is not None:
                live.append(e)
        try:
            if self._plan is None or not (self._plan.holds(live) and self._plan.has(self._slot_shapes)):
                self._prepare(live)
                self._plan = Plan(live, self._slot_shapes, self.blocks)
            # A gradient that is not finite shows in the weights; the anomaly mode finds its origin.
            with np.errstate(all="ignore"):
                padding = self._plan.padding_rows()
                self._plan.apply(self._update_of)
                for table, i, row in padding:
                    table[i] = row
        finally:
            for e in live:
                e.g = None
        for e in live:
            e.t += 1
            e.tensor.touch()

    def add_group(self, params: Params, **own: Any) -> None:
        """Add parameters, with settings of their own where these are given; the others are the common ones.

        Args:
            params: as `model_params`, except for a list of groups.
            own: settings that differ.

        Raises:
            TypeError, ValueError: as at construction; nothing is added then.
        """
        where = type(self).__name__
        named = by_name(params, len(self._entries), where)
        names, seen = {e.name for e in self._entries}, {id(e.tensor) for e in self._entries}
        for name, t in named.items():
            if name in names:
                raise ValueError(
                    f"{where}: two parameters have the name {name!r}; name them, or the layers that they are of, as in "
                    "{'params': {'encoder': layer}}"
                )
            if id(t) in seen:
                raise ValueError(f"{where}: parameter {name!r}, of shape {t.shape}, is given twice; give it once")
            if not t.is_leaf:
                raise ValueError(f"{where}: parameter {name!r}, of shape {t.shape}, was computed; give the leaves")
            if t.dtype.kind != "f":
                raise ValueError(f"{where}: parameter {name!r} has dtype {t.dtype}, needed a real floating one")
            seen.add(id(t))
        own = self._checked(own)
        rate = 1.0
        if "lr" in own and own["lr"] != self.lr:
            if self.lr == 0:
                raise ValueError(f"{where}: a group has lr {own['lr']}, which has no proportion to the common lr, 0")
            rate = own["lr"] / self.lr
        group = Group(named, self._defaults | own, rate)
        self.groups.append(group)
        self._entries += [Entry(name, t, group) for name, t in named.items()]

    def zero_grad(self) -> None:
        """Forget all gradients: `.grad` is None afterwards."""
        for entry in self._entries:
            entry.tensor.grad = None

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self._common.items())
        groups = f" in {len(self.groups)} groups" if len(self.groups) > 1 else ""
        return f"{type(self).__name__}({len(self._entries)} parameters{groups}, {settings})"

    # ---- state

    def state(self) -> State:
        """Copies of all slots, the step counts and the settings; not the parameters, which belong to the model."""
        begun = [(e, self._slots_of(e)) for e in self._entries if e.t or e.slots]
        arrays = {f"{slot}.{e.name}": array.copy() for e, slots in begun for slot, array in slots.items()}
        groups = [
            {
                "params": {name: list(t.shape) for name, t in group.params.items()},
                "settings": dict(group.settings),
                "rate": group.rate,
            }
            for group in self.groups
        ]
        steps = {e.name: e.t for e in self._entries if e.t}
        literals = {"lr": self.lr, "initial_lr": self.initial_lr, "groups": groups, "steps": steps}
        return State(kind_of(self), arrays, literals)

    def restore(self, state: State, *, strict: bool = True) -> list[str]:
        """Take slots, step counts and settings from a snapshot, all or nothing.

        Args:
            state: of an optimizer of the same class, over parameters of the same names, shapes and groups.
            strict: with False, what does not fit is skipped: such parameters and groups stay as they are.

        Returns:
            What was skipped, one line each; empty under `strict`.

        Raises:
            ValueError: under `strict`, listing everything that does not fit; always for another class's state.
        """
        check_kind(self, state)
        found = read(state, self.groups, self._entries, self._checked, self.slots_for)
        if strict and found.problems:
            raise StateMismatch(type(self).__name__, found.problems)
        self._plan = None
        if found.lr is not None:
            self._defaults["lr"], self.initial_lr = found.lr, found.initial_lr
        common = self._defaults.copy()
        for group, settings, rate in reversed(found.groups):  # where one had no value of its own, it has the common one
            self._defaults |= {k: v for k, v in settings.items() if k != "lr" and group.settings[k] == common[k]}
            group.settings, group.rate = settings, rate
        for entry, t, slots in found.entries:
            entry.t, entry.slots = t, slots
        return found.problems

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_plan": None}  # a copy's slots must be its own: the plan is made again

    # ---- inside

    @property
    def _common(self) -> dict[str, Any]:
        """The settings that all groups share; where they differ, those of groups that were given none of their own."""
        every = [group.settings for group in self.groups]
        return {
            name: value if all(s[name] == value for s in every) else self._defaults[name]
            for name, value in every[0].items()
        }

    def _checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Settings as plain Python values, or an error that names the wrong one."""
        return checked(type(self).__name__, COMMON | dict(self.settings), given)

    def _update_of(self, batch: Batch) -> Update:
        """The rule for one batch, with all that it does not know: its settings, decay, direction."""
        s = SimpleNamespace(**batch.group.settings, t=batch.entries[0].t + 1)
        coupled = s.weight_decay > 0 and not s.decoupled_wd
        decoupled = s.weight_decay > 0 and s.decoupled_wd and not self.own_decay
        update = self.update

        def step(w: np.ndarray, g: Any, *slots: np.ndarray | None) -> None:
            if s.maximize:
                g = -g
            if decoupled:
                w *= 1 - s.lr * s.weight_decay
            elif coupled:
                g = g + s.weight_decay * w
            if (returned := update(s, w, g, *slots)) is not None:
                raise TypeError(
                    f"{type(self).__name__}.update returned a {type(returned).__name__}, needed None: it changes w in "
                    "place, w -= ..."
                )
            if s.t % FLUSH == 0 and w.dtype != np.float16:
                for slot in [a for a in slots if a is not None]:
                    slot[np.abs(slot) < np.finfo(slot.dtype).tiny] = 0

        return step

    def _prepare(self, entries: Iterable[Entry]) -> None:
        """Give every entry its slots; raise before anything is updated."""
        for e in entries:
            if not e.tensor.data.flags.writeable:
                raise ValueError(
                    f"{type(self).__name__}: parameter {e.name!r} is read-only; give one that can be written"
                )
            slots = self._slots_of(e)
            for slot, needed in self._slot_shapes(e).items():
                if slot in slots and slots[slot].shape != needed:
                    raise ValueError(
                        f"{type(self).__name__}: parameter {e.name!r} now has shape {e.tensor.shape}, and its slot "
                        f"{slot!r} has shape {slots[slot].shape}, needed {needed}; make a new optimizer"
                    )
            e.slots = {slot: array.astype(e.tensor.dtype, copy=False) for slot, array in slots.items()}

    def _slots_of(self, e: Entry) -> dict[str, np.ndarray]:
        """The slots that the settings need now: those that there are, and zeros for the others."""
        return {
            slot: e.slots[slot] if slot in e.slots else np.zeros(shape, e.tensor.dtype)
            for slot, shape in self._slot_shapes(e).items()
            if shape is not None
        }

    def _slot_shapes(self, e: Entry) -> dict[str, Shape | None]:
        return {slot: shape(e.tensor.shape) for slot, shape in self.slots_for(e.group.settings).items()}


# A moment whose gradient stays zero, such as that of a pixel at the edge of the images, decays into denormal numbers
# and stays there; processors are many times slower with these. Every so many steps they become zeros. Half precision
# is computed in float32, where its denormal numbers are ordinary ones.
FLUSH = 64

COMMON: dict[str, Check] = {"lr": between(0), "weight_decay": between(0), "decoupled_wd": flag, "maximize": flag}
