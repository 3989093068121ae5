"""The page that describes the format: what it shows runs, and its numbers are the code's."""

import doctest
from pathlib import Path

from pureml_io import archive, container, layout
from pureml_io import archive_reading as reading

PAGE = Path(__file__).resolve().parents[1] / "docs" / "format.md"


def test_what_the_page_shows_runs():
    assert doctest.testfile(str(PAGE), module_relative=False).failed == 0


def test_numbers():
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert f"format version {reading.VERSION}" in text and f'`"{reading.FORMAT}"`' in text
    assert (reading.MAX_JSON, reading.MAX_ARRAY_JSON, reading.UNASKED, reading.RATIO) == (
        16 << 20, 16 << 10, 1 << 30, 200,
    )  # fmt: skip
    assert (layout.CHUNK, layout.MAX_CHUNK, layout.SAMPLE, archive.EAGER) == (2 << 20, 64 << 20, 16 << 10, 8 << 20)
    assert (layout.WORTH, archive.SAMPLED, reading.MAX_DEPTH, container.MANY) == (0.8, 3, 200, 65535)
    for words in ("at most 16 MiB", "at most 16 KiB", "1 GiB or 200 times", "up to 2 MiB", "at most 64 MiB",
                  "16 KiB of it", "first 8 MiB", "by a fifth", "level 3", "200 deep", "65,535"):  # fmt: skip
        assert words in text, words
