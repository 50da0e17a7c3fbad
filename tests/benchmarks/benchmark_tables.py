"""The benchmark's figures as Markdown, and where the documentation shows them.

A place to fill is between two comments, `<!-- benchmark:NAME -->` and `<!-- /benchmark -->`.
"""

import math
import re
from pathlib import Path
from typing import Any

from autograder.assignments import COURSE

README, PAGE = COURSE / "README.md", COURSE / "docs/benchmark.md"
Figures = dict[str, Any]  # as compare_with_stock.py writes them
TITLES = {
    "0_data_driven_graphics": "0 data-driven graphics",
    "1_cnn_classifier": "1 the CNN classifier",
    "2_chair_generator": "2 the chair generator",
}
HEAD = "| | stock `nbgrader autograde` | verdicts | × stock | with feedback pages | × stock |"
DETAILS = (
    "| | whole class | start-up | a submission | CPU, a submission | memory |",
    "| --- | ---: | ---: | ---: | ---: | ---: |",
)
GROWTH = (
    "| submissions | judged by | start-up | whole class | a minute | memory |",
    "| ---: | --- | ---: | ---: | ---: | ---: |",
)


def ratio(one: Figures, what: str) -> float:
    """How many times as fast as stock nbgrader: `verdicts` or `recorded`."""
    return one["stock"]["seconds"] / one[what]["seconds"]


def least_ratio(figures: Figures, what: str) -> float:
    """That of the assignment with the smallest."""
    return min(ratio(one, what) for one in figures["assignments"].values())


def throughput(figures: Figures) -> str:
    """The table of the README: submissions a minute, and times stock."""
    lines = [HEAD, "| --- | ---: | ---: | ---: | ---: | ---: |"]
    for name, one in figures["assignments"].items():
        cells = [f"{60 / one['stock']['seconds']:.1f}"]
        for what in ("verdicts", "recorded"):
            cells += [f"{60 / one[what]['seconds']:.0f}", f"{ratio(one, what):.0f}"]
        lines.append(f"| {title_of(name)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def title_of(name: str) -> str:
    """An assignment as the README's tables call it."""
    return TITLES.get(name, name.replace("_", " "))


def details(figures: Figures) -> str:
    """Tables of what each part costs, one for each assignment."""
    return "\n\n".join(_details_of(name, one) for name, one in figures["assignments"].items())


def _details_of(name: str, one: Figures) -> str:
    stock, alone = one["stock"], one["verdicts"]["alone"]
    rows = [
        _row("stock", one["count"], stock, f"{stock['cpu']:.1f} s", stock["memory"]),
        _row("verdicts", one["count"], one["verdicts"], f"{alone['cpu']:.1f} s", None),
        _row("with feedback pages", one["count"], one["recorded"], "", None),
    ]
    for row, what in zip(rows[1:], ("verdicts", "recorded"), strict=True):
        row[-1] = f"{_megabytes(one[what]['memory'] / one['jobs'])} a slot"
    lines = [f"| {' | '.join(row)} |" for row in rows]
    says = (
        f"One verdict alone on the machine takes {alone['latency']:.1f} s (median). "
        f"{_agreement(one)}"
    )
    return "\n".join([f"### {title_of(name)}", "", *DETAILS, *lines, "", says])


def _row(what: str, count: int, part: Figures, cpu: str, memory: float | None) -> list[str]:
    whole = part["start_up"] + count * part["seconds"]
    times = [f"{whole:.0f} s", f"{part['start_up']:.1f} s", f"{part['seconds']:.2f} s"]
    return [what, *times, cpu, "" if memory is None else _megabytes(memory)]


def _agreement(one: Figures) -> str:
    """Whether both graders agree on every task."""
    right = "all points" if one["reference_is_right"] else "**not all points**"
    first = f"The reference gets {right} from both."
    if not one["differences"]:
        tasks = sum(map(len, one["verdicts"]["points"].values()))
        return f"{first} On all {tasks} tasks of the class, both agree on which are right."
    listed = "\n".join(f"- {difference}" for difference in one["differences"])
    return f"{first} They disagree on:\n\n{listed}"


def growth(figures: Figures) -> str:
    """The table of what larger classes cost."""
    rows = sorted(figures.get("growth", []), key=lambda one: (one["judged_by"], one["count"]))
    lines = [
        f"| {one['count']:,} | {one['judged_by']} | {one['start_up']:.0f} s | "
        f"{_minutes(one['start_up'] + one['count'] * one['seconds'])} | "
        f"{60 / one['seconds']:.0f} | {_megabytes(one['memory'])} |"
        for one in rows
    ]
    return "\n".join([*GROWTH, *lines])


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60} min {int(seconds) % 60:02} s"


def _megabytes(count: float) -> str:
    return f"{count / 2**20:,.0f} MB"


def filled(text: str, contents: dict[str, str]) -> str:
    """A page with these contents between its comments. Raises ValueError if a place is missing."""
    for name, content in contents.items():
        place = rf"(<!-- benchmark:{name} -->)(.*?)(<!-- /benchmark -->)"
        found = re.search(place, text, re.DOTALL)
        if not found:
            raise ValueError(f"There is no place `<!-- benchmark:{name} -->` in this page.")
        line = "\n" if "\n" in found[2] else ""  # a place within a line stays within it
        new = f"{found[1]}{line}{content}{line}{found[3]}"
        text = text[: found.start()] + new + text[found.end() :]
    return text


def write(figures: Figures, readme: Path = README, page: Path = PAGE) -> None:
    """Put the figures into the README and into the page about the benchmark."""
    least = f"{math.floor(least_ratio(figures, 'verdicts'))} ×"
    places = {
        readme: {"least": least, "throughput": throughput(figures)},
        page: {"machine": figures["machine"], "details": details(figures)}
        | ({"growth": growth(figures)} if figures.get("growth") else {}),
    }
    for path, contents in places.items():
        path.write_text(filled(path.read_text(encoding="utf-8"), contents), encoding="utf-8")
