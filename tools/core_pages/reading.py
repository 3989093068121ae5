"""Functions as Markdown: their source, their helpers, their signature, their docstring."""

import ast
import functools
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pureml_core as pm

Function = Callable[..., Any]
Record = Any  # pureml_core.op.Op or pureml_core.registry.Composed

VERSION = ".".join(np.__version__.split(".")[:2])


# Source.


def line(f: Function) -> int:
    """Where a function begins in its file."""
    return inspect.unwrap(f).__code__.co_firstlineno


@functools.cache
def source(f: Function) -> str:
    """The text of a function, decorators included; empty where there is no file to read (a notebook, `exec`)."""
    try:
        return textwrap.dedent(inspect.getsource(inspect.unwrap(f))).rstrip()
    except (OSError, TypeError):
        return ""


def without_docstring(text: str) -> str:
    """The source of a function whose docstring is shown elsewhere."""
    function = ast.parse(text).body[0] if text else None
    if not isinstance(function, ast.FunctionDef) or ast.get_docstring(function) is None or len(function.body) == 1:
        return text
    docstring, lines = function.body[0], text.splitlines()
    rest = lines[docstring.end_lineno :]
    return "\n".join([*lines[: docstring.lineno - 1], *(rest if rest[0].strip() else rest[1:])])


def helpers(f: Function) -> set[Function]:
    """The functions of operation files that f's source names, and those that these name; operations are left out."""
    found: set[Function] = set()
    pending = [inspect.unwrap(f)]
    while pending:
        g = pending.pop()
        text = source(g)
        names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)} if text else set()
        for h in [inspect.unwrap(g.__globals__[name]) for name in names & g.__globals__.keys()]:
            ours = inspect.isfunction(h) and h.__module__.startswith("pureml_core.ops.")
            if ours and h not in found and h not in bodies():
                found.add(h)
                pending.append(h)
    return found


@functools.cache
def bodies() -> set[Function]:
    """The functions that are registered."""
    return {inspect.unwrap(r.body) for r in (*pm.OPS.values(), *pm.COMPOSED.values())}


def signature(f: Function) -> str:
    """The signature without annotations."""
    given = inspect.signature(f)
    bare = [p.replace(annotation=p.empty) for p in given.parameters.values()]
    return str(given.replace(parameters=bare, return_annotation=given.empty))


# Markdown.


def prose(text: str) -> str:
    """Text on one line as Markdown shows it; code in backticks is left alone."""
    parts = " ".join(text.split()).split("`")
    parts[::2] = [re.sub(r"([*<]|(?<!\w)_|_(?!\w))", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


def summary(f: Any) -> str:
    """The first paragraph of a docstring."""
    return prose((inspect.getdoc(f) or "").split("\n\n")[0])


def details(f: Any) -> Iterator[str]:
    """A docstring after its first paragraph: paragraphs, lists of arguments, examples."""
    for block in re.split(r"\n{2,}", inspect.getdoc(f) or "")[1:]:
        first, *rest = block.splitlines()
        if first.startswith(">>>"):
            yield fenced(block)
        elif re.fullmatch(r"[A-Z]\w+:", first) and rest:
            entries = re.split(r"\n(?! )", textwrap.dedent("\n".join(rest)))
            yield "\n".join([f"{first}\n", *(f"- {prose(entry)}" for entry in entries)])
        else:
            yield prose(block)


def fenced(code: str) -> str:
    """A block of Python."""
    return f"```python\n{code}\n```" if code else "(The source is not in a file.)"


def link(record: Record, page: str = "") -> str:
    """A link to an operation's section of `operations.md`."""
    return f"[`{record.name}`]({page}#{record.name.lower()})"
