"""Tables of the model cards, from result files of the suite: `python -m truefeed.train.eval.suite_tables docs`.

A document names a table in two comments, `<!-- table FILE: MEASURE -->` and `<!-- end -->`; what stands between them is
written anew from the rows of that measure in docs/results/FILE.json. With several conditions (`2 s`, `half size`) each
has a column; `<!-- table FILE: MEASURE, called fake -->` shows shares called fake in place of AUC.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from ...stream.atomic import write_text
from .suite import Row, read

NAMES = {
    "deepfacelive": "live face swaps (DeepFaceLive, eleven models)",
    "resyncer": "ReSyncer, StyleSync, StyleSwap",
    "keysync": "KeySync, KeyFace (lip-sync)",
    "edtalk": "EDTalk",
    "anitalker": "AniTalker",
    "sonic": "Sonic, Hallo, EchoMimic, SadTalker, Jimeng",
    "fantasy": "FantasyTalking, FantasyPortrait",
    "mocha": "MoCha (text to video)",
    "people": "clips of people",
    "real": "talking clips",
    "FLUX1_schnell": "FLUX schnell",
}
"What groups are called in a document."
_MARK = re.compile(r"(<!-- table (\w+): ([^\n]+?)(, called fake)? -->\n).*?(<!-- end -->)", re.DOTALL)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m truefeed.train.eval.suite_tables", description=__doc__)
    parser.add_argument("docs", type=Path, help="the folder of the documents, with results/ in it")
    args = parser.parse_args(argv)
    for path in sorted(args.docs.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        if (filled := fill(text, args.docs / "results")) != text:
            write_text(path, filled)
            sys.stderr.write(f"written: {path}\n")
    return 0


def fill(text: str, results: Path) -> str:
    """Return the text of a document with its tables made of the result files in a folder.

    Raises:
        ConfigError: a result file is missing, or is none.
    """

    def made(mark: re.Match[str]) -> str:
        rows = [row for row in read(results / f"{mark[2]}.json").rows if row.measure == mark[3]]
        return mark[1] + table(rows, called=bool(mark[4])) + mark[5]

    return _MARK.sub(made, text)


def table(rows: Sequence[Row], *, called: bool = False) -> str:
    """Return rows of one measure as Markdown, in their order; empty without rows."""
    if not rows:
        return ""
    if len({row.condition for row in rows}) > 1:
        return _markdown(_by_condition(rows, called))
    lines = [["", "genuine", "fakes", "AUC (95%)", "genuine called fake", "fakes called fake", ""]]
    for row in rows:
        shares = _percent(row.called_fake_genuine), _percent(row.called_fake_fake)
        lines.append(
            [
                _name(row),
                str(row.n_genuine or ""),
                str(row.n_fake or ""),
                _area(row),
                *shares,
                re.sub(r"(?<=before )0(?=\.)", "", row.note),
            ]
        )
    return _markdown(_without_empty(lines))


def _by_condition(rows: Sequence[Row], called: bool) -> list[list[str]]:
    conditions = list(dict.fromkeys(row.condition for row in rows))
    lines = [["", "genuine", "fakes", *conditions]]
    for group in dict.fromkeys(row.group for row in rows):
        of = {row.condition: row for row in rows if row.group == group}
        most = max(of.values(), key=lambda row: row.n_genuine + row.n_fake)
        cells = [(_called(of[c]) if called else _area(of[c])) if c in of else "" for c in conditions]
        if not any(cells):
            continue
        lines.append([_name(most), str(most.n_genuine or ""), str(most.n_fake or ""), *cells])
    return _without_empty(lines)


def _without_empty(lines: list[list[str]]) -> list[list[str]]:
    """Leave out columns of which no row has anything; the first row is the head, the first column the groups."""
    kept = [i for i in range(len(lines[0])) if i == 0 or any(line[i] for line in lines[1:])]
    return [[line[i] for i in kept] for line in lines]


def _markdown(lines: list[list[str]]) -> str:
    head, *rest = (re.sub(r"\|  (?=\|)", "| ", f"| {' | '.join(line)} |") for line in lines)
    return "\n".join([head, "|" + "---|" * len(lines[0]), *rest]) + "\n"


def _name(row: Row) -> str:
    return NAMES.get(row.group, row.group)


def _area(row: Row) -> str:
    if row.auc is None:
        return ""
    low_high = "" if row.low is None or row.high is None else f" ({_number(row.low, 2)} to {_number(row.high, 2)})"
    return _number(row.auc, 3) + low_high


def _called(row: Row) -> str:
    return ", ".join(filter(None, (_percent(row.called_fake_genuine), _percent(row.called_fake_fake))))


def _number(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    return text.removeprefix("0") if value < 1 else text


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}%"


if __name__ == "__main__":
    sys.exit(main())
