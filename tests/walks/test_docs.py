"""The documentation says what is so: the pages made are current, and what the others name
exists.
"""

import ast
import re
import sys
import tomllib
from dataclasses import asdict
from pathlib import Path
from textwrap import dedent

import pytest
from traitlets.config import Config

from autograder.assignments import COURSE, CourseError
from autograder.authoring.master import ATTRIBUTES, TAGS
from autograder.judge.limits import GB, MB, Limits
from autograder.judge.source import flag_rules

DOCS = COURSE / "docs"
sys.path.append(str(DOCS))
import command_reference  # noqa: E402
import lecture_map  # noqa: E402

# attacks.md is made by tests/attacks/stock_nbgrader.py, and says itself how.
PAGES = [COURSE / "README.md", COURSE / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)

FENCE = re.compile(r"^( *)(`{3,})(.*?)\n(.*?)^\1\2$", re.MULTILINE | re.DOTALL)
FOLDERS = ("assignments", "autograder", "course_utils", "data_scripts", "docs", "tests")
PATH = re.compile(rf"(?:{'|'.join(FOLDERS)})/[\w./]*\w(?:\.\w+|/)")
# The example of writing.md is put into files that are not in the repository; capitals stand for a
# name.
NOT_HERE = re.compile(r"posters|[A-Z]{3,}|\btopic\b|N_topic|test_topic")


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def spoken(page: Path) -> list[str]:
    """What a page has in code: each line of a fence, and what stands between backticks."""
    text = text_of(page)
    blocks = [block for *_, block in FENCE.findall(text)]
    code = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [*code, *re.findall(r"`([^`\n]+)`", FENCE.sub("", text))]


# ------------------------------------------------------------------------------ pages that are made


def test_the_map_is_current():
    assert text_of(lecture_map.PAGE) == lecture_map.page(lecture_map.lecture()), (
        "run `python docs/lecture_map.py`"
    )


def test_the_commands_are_current():
    assert text_of(command_reference.PAGE) == command_reference.page(), (
        "run `python docs/command_reference.py`"
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            ('"cnn_classifier.relu"', '"cnn_classifier.relu", "cnn_classifier.conv2d"'),
            "conv2d' is there twice",
        ),
        (('"cnn_classifier.relu", ', ""), "relu' is in no part of the lecture"),
        (('"cnn_classifier.relu"', '"cnn_classifier.gelu"'), "no task and no written question"),
        (('"colorization.why_l2_greys"', ""), "why_l2_greys' is in no part"),
    ],
)
def test_every_task_is_in_the_lecture_exactly_once(change, says, tmp_path):
    text = text_of(DOCS / "lecture.toml")
    assert change[0] in text
    (tmp_path / "lecture.toml").write_text(text.replace(*change), encoding="utf-8")
    with pytest.raises(CourseError, match=re.escape(says)):
        lecture_map.lecture(tmp_path / "lecture.toml")


# ------------------------------------------------------------------------------ what the pages name


@each_page
def test_commands_and_options_exist(page):
    known = command_reference.options()
    called = [code.split() for code in spoken(page) if re.match(r"autograder [a-z]", code)]
    for _, command, *words in called:
        assert command in known, f"autograder {command}"
        options = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert options <= known[command], f"autograder {command}: {options - known[command]}"


@each_page
def test_targets_scripts_and_extras_exist(page):
    project = tomllib.loads(text_of(COURSE / "pyproject.toml"))["project"]
    makefile, code = text_of(COURSE / "Makefile"), "\n".join(spoken(page))
    for target in re.findall(r"^make ([a-z]+)", code, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"make {target}"
    for extra in re.findall(r"install (?:-e|--editable) [\"']?\.\[(\w+)\]", code):
        assert extra in project["optional-dependencies"], f".[{extra}]"
    for script in re.findall(r"^python ([\w/]+\.py)", code, re.MULTILINE):
        assert (COURSE / script).is_file(), script
    for module in re.findall(r"^python -m ((?:course_utils|autograder)[\w.]*)", code, re.MULTILINE):
        path = COURSE / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), (
            f"python -m {module}"
        )


def nbgraders_commands(code_of_page: list[str]) -> set[str]:
    """The commands of nbgrader that a page calls, in a line of code or between backticks."""
    return {code.split()[1] for code in code_of_page if re.match(r"nbgrader [a-z_]+[^·]*$", code)}


def test_nbgraders_commands_exist():
    from nbgrader.apps.nbgraderapp import NbGraderApp

    called = {page.stem: nbgraders_commands(spoken(page)) for page in PAGES}
    assert {"instructor"} <= {name for name, commands in called.items() if commands}
    known = set(NbGraderApp.subcommands)
    assert {name: commands - known for name, commands in called.items() if commands - known} == {}


@each_page
def test_paths_exist(page):
    named = {
        path for code in spoken(page) for path in PATH.findall(code) if not NOT_HERE.search(code)
    }
    assert [path for path in sorted(named) if not (COURSE / path).exists()] == []


@each_page
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", text_of(page))):
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        leads_to = page.parent / name if name else page
        assert leads_to.is_file(), target
        assert not anchor or anchor in anchors(leads_to), target


def anchors(page: Path) -> set[str]:
    """The headings of a page as a code-hosting page links to them."""
    headings = re.findall(r"^#{1,3} (.+)$", FENCE.sub("", text_of(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# ------------------------------------------------------------------------------ tables of the pages


def table(page: str, head: str) -> list[list[str]]:
    """The rows of the table that begins so, as cells."""
    _, found, rest = text_of(DOCS / page).partition(f"| {head}")
    assert found, f"{page} has no table {head!r}"
    rows = rest.split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def codes(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def test_the_limits_are_those_of_the_judge():
    units = {"s": 1, "MB": MB, "GB": GB}
    told = {}
    for names, defaults, _ in table("writing.md", "limit |"):
        *_, last = re.findall(r"\b[A-Za-z]+\b", defaults) or [""]
        found = [
            (float(number), unit or last)
            for number, unit in re.findall(r"(\d+) ?([A-Za-z]*)", defaults)
        ]
        told |= dict(
            zip(codes(names), (number * units.get(unit, 1) for number, unit in found), strict=True)
        )
    assert told == asdict(Limits())


def test_every_word_of_a_master_is_explained():
    writing, keys = (
        text_of(DOCS / "writing.md"),
        {row[0].strip("`") for row in table("writing.md", "key |")},
    )
    words = {word for known in (*ATTRIBUTES.values(), *TAGS.values()) for word in known}
    assert [
        word for word in sorted(words) if not re.search(rf'`{word}`|{word}=|"{word}"', writing)
    ] == []
    used = {key for master in lecture_map.masters() for key in master.metadata["assignment"]}
    assert used <= keys == {"title", "data", "hidden_data", "hand_in", "gallery", "limits"}


def test_the_tests_of_the_proof_are_explained():
    proof = text_of(COURSE / "tests/grading/test_proof.py")
    named = {
        name
        for row in table("writing.md", "what fails")
        for name in codes(row[0])
        if " " not in name
    }
    assert {name for name in named if name.startswith("test_")} <= set(
        re.findall(r"def (test_\w+)", proof)
    )
    assert len(named) > 5


def test_the_assignments_are_as_told():
    masters = lecture_map.masters()
    told = {row[0].split()[0]: int(row[1]) for row in table("index.md", "| tasks")}
    assert told == {one.assignment.name.split("_")[0]: len(one.tasks) for one in masters}
    handed_in = {row[0]: codes(row[1]) for row in table("student.md", "assignment | to hand in")}
    assert handed_in == {one.assignment.name.split("_")[0]: one.files for one in masters}


@each_page
def test_python_is_python(page):
    blocks = [block for *_, name, block in FENCE.findall(text_of(page)) if name == "python"]
    for block in (dedent(block) for block in blocks if not block.startswith('"posters"')):
        ast.parse(block)


def test_the_late_penalty_of_the_page_is_one():
    [block] = [
        dedent(block)
        for *_, block in FENCE.findall(text_of(DOCS / "instructor.md"))
        if "class " in block
    ]
    exec(block, {"c": (config := Config())})
    plugin = config.AssignLatePenalties.plugin_class(parent=None)
    day = 86_400
    assert [plugin.late_submission_penalty("ada", 50, late) for late in (1, day, 1.5 * day)] == [
        5,
        5,
        10,
    ]


def test_the_flags_are_told_in_their_own_words():
    told = " ".join(text_of(DOCS / "judge.md").split())
    words = [
        *flag_rules.USES,
        flag_rules.SHELLS,
        "has characters that can't be seen",
        "answers from a table of numbers",
    ]
    assert [does for does in words if does not in told] == []


def test_the_kinds_of_failure_are_the_judges():
    code = "\n".join(text_of(path) for path in sorted((COURSE / "autograder").rglob("*.py")))
    kinds = [row[0] for row in table("student.md", "it says | look for")]
    assert len(kinds) > 5
    assert [kind for kind in kinds if f'"{kind}"' not in code] == []
