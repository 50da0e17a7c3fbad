"""The page on a class: its numbers by hand, its pictures, similar code, and students who are
hostile.
"""

import base64
import io
import json
import os
import re
import shutil
import struct
import zlib
from pathlib import Path

import nbformat
import pytest
from browser import chromium_page, needs_browser
from bs4 import BeautifulSoup
from judged_class import course_of, keep, submit
from PIL import Image
from typer.testing import CliRunner

from autograder.assignments import CourseError, find_assignment
from autograder.authoring.notebooks import student_notebook
from autograder.checks import checks_of
from autograder.cli import app
from autograder.demo import as_answer
from autograder.gradebook.course import Course
from autograder.judge.verdict import CheckVerdict, TaskVerdict, Verdict
from autograder.report.executed import cells_of
from autograder.report.gallery import pictures_of, thumbnail, width_for
from autograder.report.gather import NOT_JUDGED, OUT_OF_DATE, gather
from autograder.report.numbers import histogram, misconceptions_shown, tasks_of, totals_of
from autograder.report.page import as_data, percent, write_report
from autograder.report.similarity import grams_of, most_alike, own_code

COLORIZATION = find_assignment("colorization")
NAME = COLORIZATION.name
HOSTILE = """<script>document.title='hacked'</script>'"`&amp; 😀"""


def quiet(what: str, done: int, total: int) -> None:
    pass


def checked(
    name: str, points: float, kind: str = "", misconception: str | None = None
) -> CheckVerdict:
    hint = f"the hint of {misconception}" if misconception else None
    return CheckVerdict(name, f"says {name}", points, not kind, kind, "", misconception, hint)


def verdict_of(*tasks: TaskVerdict) -> Verdict:
    return Verdict(NAME, "graded", "bubblewrap", list(tasks))


@pytest.fixture(scope="module")
def by_hand() -> dict[str, Verdict]:
    """Four students, two tasks of 4 and 2 points: ann 6, ben 3, cat 0, dan 2."""

    def student(a: tuple, b: tuple, c: tuple) -> Verdict:
        first = TaskVerdict("first", [checked("a", 1, *a), checked("b", 3, *b)])
        return verdict_of(first, TaskVerdict("second", [checked("c", 2, *c)]))

    return {
        "ann": student((), (), ()),
        "ben": student(("wrong value", "sign lost"), (), ("wrong value", "mean for sum")),
        "cat": student(("not solved",), ("not solved",), ("not solved",)),
        "dan": student(("wrong value", "sign lost"), ("wrong value", "sign lost"), ()),
    }


def test_totals_are_those_worked_by_hand(by_hand):
    totals = totals_of(list(by_hand.values()))
    assert (totals.mean, totals.median, totals.points) == (2.75, 2.5, 6)
    assert totals.bins == [1, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1]  # 0, 33, 50 and 100 per cent
    assert totals_of([]) is None
    assert histogram([0.7, 0.3, 1.0], 1.0) == [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1]
    assert histogram([0.0], 0.0)[0] == 1


def test_misconceptions_are_ranked_by_students_and_not_by_checks(by_hand):
    shown = misconceptions_shown(by_hand)
    assert [(one.task, one.name, one.students) for one in shown] == [
        ("first", "sign lost", ["ben", "dan"]),
        ("second", "mean for sum", ["ben"]),
    ]
    assert shown[0].hint == "the hint of sign lost"


def test_tasks_have_their_shares_and_the_checks_that_all_or_none_failed(by_hand):
    first, second = tasks_of(list(by_hand.values()))
    assert (first.points, first.mean, first.full, first.unsolved, first.wrote) == (
        4,
        1.75,
        0.25,
        0.25,
        3,
    )
    assert first.bins == [2, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1]
    assert (first.nobody, first.everybody) == ([], [])
    assert (second.full, second.unsolved) == (0.5, 0.25)
    (left,) = tasks_of([by_hand["cat"]])[:1]
    assert (left.wrote, left.nobody, left.everybody) == (0, [], [])
    failed = tasks_of([by_hand["dan"], by_hand["cat"]])  # cat wrote nothing
    assert failed[0].everybody == ["says a", "says b"]
    assert failed[1].nobody == ["says c"]


def test_shares_are_not_rounded_to_none_or_all():
    assert [percent(share) for share in (0, 0.001, 0.25, 0.999, 1)] == [
        "0 %",
        "< 1 %",
        "25 %",
        "> 99 %",
        "100 %",
    ]


# The class on disk.


@pytest.fixture(scope="module")
def nobody(master, tmp_path_factory) -> Path:
    return course_of(master, tmp_path_factory.mktemp("nobody")).folder


@pytest.fixture
def course(nobody, tmp_path) -> Course:
    shutil.copytree(nobody, tmp_path / "course")
    return Course(tmp_path / "course")


def hand_in(course, master, student, notebook=None, passes=lambda check: True, **said) -> None:
    notebook = notebook or student_notebook(master)
    submit(course, COLORIZATION, student, notebook)
    keep(course, master, student, passes, notebook, **said)


def report(course, **options) -> BeautifulSoup:
    return BeautifulSoup(
        write_report(course, COLORIZATION, quiet, **options).read_text(), "html.parser"
    )


def text(page: BeautifulSoup, section: str) -> str:
    return " ".join(page.find(id=section).get_text(" ").split())


def rows(page: BeautifulSoup) -> dict[str, list[str]]:
    found = [
        [cell.get_text().strip() for cell in row.find_all("td")]
        for row in page.select("#all tbody tr")
    ]
    return {row[0]: row[1:] for row in found}


def test_an_empty_class_is_one_sentence(course):
    with pytest.raises(CourseError, match=r"Nobody has handed in 3_colorization: .*submitted"):
        write_report(course, COLORIZATION, quiet)
    assert not (course.folder / "reports").exists()


def test_every_standing_is_named_and_only_the_graded_are_in_the_figures(course, master):
    hand_in(course, master, "ann")
    hand_in(course, master, "ben", passes=lambda check: False)
    refused, fault = {"status": "refused", "reason": "it is no notebook"}, {"status": "not graded"}
    hand_in(course, master, "cat", passes=lambda check: False, **refused)
    hand_in(course, master, "dan", passes=lambda check: False, **fault, reason="no memory")
    submit(course, COLORIZATION, "eve", student_notebook(master))
    hand_in(course, master, "finn")
    submit(course, COLORIZATION, "finn", b"changed since")
    for student, content in {"gus": "{", "hal": '["a list"]', "ida": ""}.items():
        hand_in(course, master, student)
        (course.verdict(COLORIZATION, student) / "verdict.json").write_text(content)
    page = report(course)
    assert text(page, "head").startswith(
        "handed in 9 graded 2 refused 1 not graded 1 to be judged 5"
    )
    assert "eve (not judged), finn (out of date), gus (out of date)" in text(page, "head")
    most = sum(check.points for check in checks_of(COLORIZATION.topic))
    assert f"Mean {most / 2:.1f}, median {most / 2:g} of {most:g} points" in text(page, "head")
    table = rows(page)
    assert table["ann"][:2] == [f"{most:g}", "graded"]
    assert table["cat"][:2] == ["0", "refused"]
    assert table["dan"][:2] == ["–", "not graded"]  # never zero
    assert table["eve"][:2] == ["–", NOT_JUDGED]
    assert table["finn"][:2] == ["–", OUT_OF_DATE]
    assert "refused: it is no notebook" in text(page, "strange")
    assert "not graded: no memory" in text(page, "strange")


def test_sections_stand_in_their_order_and_nothing_comes_from_elsewhere(course, master):
    hand_in(course, master, "ann")
    page = report(course)
    assert [s["id"] for s in page.find_all("section")] == [
        "head",
        "lecture",
        "tasks",
        "strange",
        "gallery",
        "alike",
        "students",
    ]
    addresses = [
        tag.get("src") or tag.get("href") for tag in page.find_all(["img", "a", "script", "link"])
    ]
    assert all(
        address is None or address.startswith(("data:", "#", "../")) for address in addresses
    )
    assert "://" not in (course.folder / "reports" / f"{NAME}.html").read_text()


def test_slow_and_strange_submissions_are_told_with_their_figures(course, master):
    used = {"seconds": 61.25, "cpu_seconds": 30.0, "peak_bytes": 512 * 2**20, "workers": 2}
    hand_in(course, master, "ann", resources=used)
    hand_in(
        course,
        master,
        "ben",
        resources=used | {"seconds": 2.0},
        repairs=["task-ab_bins: is missing."],
    )
    hand_in(
        course, master, "cat", flags=[f"`{'x' * 1000}` is long", *(f"flag {n}" for n in range(50))]
    )
    said = text(report(course), "strange")
    assert re.search(r"ann 61.2 30.0 512 MB ben 2.0", said)
    assert "repaired: task-ab_bins: is missing." in said
    assert "and 45 more" in said
    assert len(said) < 2500


def test_hostile_names_and_words_are_shown_and_do_nothing(course, master):
    name = HOSTILE.replace("/", "∕")
    plain = HOSTILE.replace("`", "") * 2
    hand_in(course, master, name, flags=[f"to see `{HOSTILE}`"], repairs=[plain])
    hand_in(course, master, os.fsdecode(b"not \xff text"))
    hand_in(course, master, "x" * 200)
    course.feedback(COLORIZATION, name).parent.mkdir(parents=True)
    course.feedback(COLORIZATION, name).write_text("its page")
    page = report(course)
    assert len(page.find_all("script")) == 1
    assert set(rows(page)) == {name, r"not \udcff text", "x" * 200}
    link = page.find("a", string=name)["href"]
    assert re.fullmatch(r"\.\./feedback/[\w%./~-]+\.html", link)
    assert plain in text(page, "strange")


@needs_browser
def test_in_a_browser_it_sorts_filters_and_lets_no_student_run_anything(course, master):
    name = HOSTILE.replace("/", "∕")
    hand_in(course, master, name)
    hand_in(course, master, "ben", passes=lambda check: False)
    hand_in(course, master, "cat", passes=lambda check: check.points < 1.5)
    course.feedback(COLORIZATION, name).parent.mkdir(parents=True)
    course.feedback(COLORIZATION, name).write_text("<title>its page</title>")
    path, faults = write_report(course, COLORIZATION, quiet), []
    with chromium_page() as page:
        page.on("pageerror", lambda fault: faults.append(fault))
        page.on("console", lambda said: faults.append(said.text))
        page.set_viewport_size({"width": 390, "height": 800})
        page.goto(path.as_uri())
        assert page.title() == f"{NAME}: the class"
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        students = page.locator("#all tbody tr:visible td:first-child")
        assert students.all_inner_texts()[-1] == "cat"
        page.get_by_role("button", name="Points").click()
        assert students.all_inner_texts() == ["ben", "cat", name]
        page.get_by_role("button", name="Points").click()
        assert students.all_inner_texts() == [name, "cat", "ben"]
        page.get_by_role("searchbox").fill("CAT")
        assert students.all_inner_texts() == ["cat"]
        page.get_by_role("searchbox").fill("")
        assert not faults
        page.locator("#all").get_by_role("link").click()
        page.wait_for_url("**/feedback/**")
        assert page.title() == "its page"


def test_anonymous_holds_no_name_anywhere(course, master):
    students = ["Zebedee", "Yolanda", "Xanthippe"]
    for student in students:
        words = [f"`{student}.py` beside the notebook is a link"]
        hand_in(course, master, student, flags=words)
        course.feedback(COLORIZATION, student).parent.mkdir(parents=True)
        course.feedback(COLORIZATION, student).write_text("page")
    hand_in(course, master, "Wulfstan", status="not graded", reason="/courses/Wulfstan is full")
    submit(course, COLORIZATION, "Vercingetorix", b"not judged")
    named = report(course)
    page = report(course, anonymous=True)
    assert set(rows(page)) == {f"Student {number}" for number in range(1, 6)}
    assert "1 flag" in text(page, "strange")
    written = (course.folder / "reports" / f"{NAME}-anonymous.html").read_text()
    for student in [*students, "Wulfstan", "Vercingetorix"]:
        assert student not in written
        assert student in str(named)
    assert (course.folder / "reports" / f"{NAME}.html").exists()


def test_a_missing_or_broken_executed_notebook_costs_its_picture_alone(course, master):
    for student in ("ann", "ben", "cat"):
        hand_in(course, master, student)
    (course.verdict(COLORIZATION, "ben") / "executed.ipynb").unlink()
    (course.verdict(COLORIZATION, "cat") / "executed.ipynb").write_text(
        '{\n "cells": [\n  {\n   "id": "picture-'
    )
    page = report(course)
    assert "graded 3" in text(page, "head")
    assert "1 of 3 notebooks have drawn it" in text(page, "gallery")
    assert page.select("#gallery figcaption")[0].get_text().split()[0] == "ann"


# Pictures.


def png(size=(600, 300), color="red", mode="RGB", **how) -> str:
    written = io.BytesIO()
    Image.new(mode, size, color).save(written, "PNG", **how)
    return base64.b64encode(written.getvalue()).decode()


def shows(picture: object, kind: str = "image/png") -> dict:
    return {"outputs": [{"output_type": "display_data", "data": {kind: picture}}]}


def bomb() -> str:
    """A PNG of four hundred megapixels in a few kilobytes."""
    size, chunk = 20_000, lambda name, data: struct.pack(">I", len(data)) + name + data
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(2**22))),
        (b"IEND", b""),
    ]
    whole = b"".join(
        chunk(name, data) + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + whole).decode()


def test_a_thumbnail_is_small_and_new():
    secret = Image.new("RGB", (8, 8))
    secret.info["comment"] = "secret"
    small = thumbnail(shows(png()), 240)
    with Image.open(io.BytesIO(small)) as image:
        assert (image.format, image.size) == ("WEBP", (240, 120))
        assert abs(image.convert("RGB").getpixel((9, 9))[0] - 255) < 12
    clear = thumbnail(shows(png(mode="RGBA", color=(0, 0, 0, 0))), 240)
    with Image.open(io.BytesIO(clear)) as image:
        assert min(image.convert("RGB").getpixel((9, 9))) > 245


@pytest.mark.parametrize(
    "cell",
    [
        {},
        {"outputs": None},
        {"outputs": ["text", {"data": []}]},
        shows(17),
        shows("not base64 !"),
        shows(base64.b64encode(b"GIF89a" + bytes(99)).decode()),
        shows(png()[:200]),
        shows(bomb()),
        shows("A" * (17 * 2**20)),
    ],
    ids=["none", "null", "odd", "number", "no base64", "a GIF", "cut off", "bomb", "17 MB"],
)
def test_a_broken_or_monstrous_picture_is_skipped(cell):
    assert thumbnail(cell, 240) is None


def test_no_byte_of_a_students_picture_reaches_the_page(course, master):
    hand_in(course, master, "ann")
    path = course.verdict(COLORIZATION, "ann") / "executed.ipynb"
    notebook = json.loads(path.read_text())
    drawn = f"picture-{pictures_of(master, None)}"
    for cell in notebook["cells"]:
        if cell["id"] == drawn:
            cell["outputs"][0]["data"]["image/png"] = png(color="blue")
    path.write_text(json.dumps(notebook, indent=1))
    (image,) = report(course).select("#gallery img")
    assert image["src"] == as_data(thumbnail(shows(png(color="blue")), width_for(1)))
    assert "image/png" not in str(image)


def test_the_gated_picture_is_shown_or_the_last_or_the_named_one(master, whole_master):
    assert pictures_of(whole_master, None) == "five_rows"
    assert pictures_of(master, None) == "colorization_auc"
    assert pictures_of(master, "ab_bins") == pictures_of(master, "picture-ab_bins") == "ab_bins"
    with pytest.raises(CourseError, match=r"no picture 'nonsense'. There is: .*ab_bins"):
        pictures_of(master, "nonsense")


def test_cells_are_found_without_parsing_the_others(tmp_path, master):
    tricky = '\n  },\n  {\n   "id": "task-forged"\n  }\n ],'
    notebook = student_notebook(master)
    notebook.cells.insert(2, nbformat.v4.new_code_cell(tricky, id="own-1"))
    path = tmp_path / "executed.ipynb"
    ours = [cell for cell in notebook.cells if cell.id.startswith(("task-", "own-"))]
    for indent in (1, 2, None):  # 1 is how the store writes
        path.write_text(json.dumps(notebook, indent=indent))
        found = cells_of(path, lambda name: name.startswith(("task-", "own-")))
        assert [(cell["id"], cell["source"]) for cell in found] == [
            (cell.id, cell.source) for cell in ours
        ]


# Similar code.


@pytest.fixture(scope="module")
def given(master) -> dict[str, str]:
    return {cell.id: cell.source for cell in student_notebook(master).cells}


@pytest.fixture(scope="module")
def another_way(master) -> dict[str, str]:
    """The alternatives: right answers that were written apart from the reference."""
    from autograder.alternatives import alternatives_of

    known = alternatives_of(COLORIZATION.topic)
    return {task: as_answer(known[task][0], task) for task in master.tasks if known.get(task)}


def code_of(answers: dict[str, str], given: dict[str, str]):
    return own_code([(f"task-{task}", source) for task, source in answers.items()], given)


def disguised(source: str) -> str:
    """The same with other names, layout and comments."""
    import ast

    tree = ast.parse(source)
    own = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in own:
            node.id = f"my_{node.id}_value"
    return "# all my own work\n" + ast.unparse(tree).replace("\n", "  # so\n", 1).replace("'", '"')


def test_a_copy_with_other_names_is_found_and_two_independent_ones_are_not(
    answers, another_way, given
):
    tasks = another_way.keys() & answers.keys()
    one = code_of({task: answers[task] for task in tasks}, given)
    other = code_of(another_way, given)
    copied = code_of({task: disguised(source) for task, source in another_way.items()}, given)
    pairs = most_alike([one, other, {}, copied])
    assert (pairs[0].first, pairs[0].second) == (1, 3)
    assert pairs[0].score > 0.9
    assert set(pairs[0].tasks) <= set(tasks)
    assert pairs[0].tasks
    assert all(pair.score < 0.5 for pair in pairs[1:])


def test_what_was_given_out_and_what_many_share_say_nothing(answers, given, master):
    stubs = own_code(list(given.items()), given)
    assert not any(stubs.values())
    assert most_alike([stubs, stubs]) == []
    assert most_alike([]) == []
    same = code_of(answers, given)
    assert most_alike([same] * 2)[0].score == pytest.approx(1)
    assert most_alike([same] * 30) == []
    short = own_code([("own-1", "x = torch.softmax(logits / temperature, dim=1).sum()")], given)
    assert most_alike([short, short]) == []


def test_grams_read_anything():
    assert grams_of("def f(a):\n    return a.size(0) + 1 # one") == grams_of(
        "def g(b): return b.size(0)+1"
    )
    assert grams_of("def f(a):\n    return a.size(0) + 1") != grams_of(
        "def f(a):\n    return a.shape(0) + 1"
    )
    for odd in (
        "",
        "def f(:",
        "%%bash\nls",
        '"""' * 999,
        "(" * 5000,
        "\x00",
        "x = '" + "a" * 10_000,
    ):
        assert isinstance(grams_of(odd), frozenset)
    assert own_code([("own-1", "x = 1\n" * 100_000)], {}) == {}


def test_a_planted_copy_is_named_on_the_page(course, master, notebook_with, another_way, answers):
    copy = {task: disguised(source) for task, source in another_way.items()}
    hand_in(course, master, "ann", notebook_with(answers))
    hand_in(course, master, "ben", notebook_with(another_way))
    hand_in(course, master, "cat", notebook_with(copy))
    page = report(course)
    first = page.select("#alike tbody tr")[0].get_text(" ").split()
    assert first[1:4] == ["ben", "and", "cat"]
    assert "says nothing of how it came about" in text(page, "alike")


# The command.


def test_the_command_prints_the_path_and_teaches(course, master):
    hand_in(course, master, "ann")
    ran = CliRunner().invoke(app, ["report", str(course.folder)])
    assert ran.exit_code == 0, ran.output
    assert ran.stdout.split() == [str(course.folder / "reports" / f"{NAME}.html")]
    wrong = CliRunner().invoke(app, ["report", str(course.folder), "3", "--picture", "nonsense"])
    assert isinstance(wrong.exception, CourseError)
    nobody = CliRunner().invoke(app, ["report", str(course.folder), "1"])
    assert "Nobody has handed in 1_cnn_classifier" in str(nobody.exception)


def test_progress_counts_every_student(course, master):
    for student in ("ann", "ben"):
        hand_in(course, master, student)
    told = []
    gather(
        course, course.exam(COLORIZATION), "five_rows", lambda *counted: told.append(counted[1:])
    )
    assert told == [(1, 2), (2, 2)]
