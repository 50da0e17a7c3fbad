"""Masters are refused with file and line, and no release leaves with a secret in it."""

import inspect
import json
import re
import shutil
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from shortened_masters import BRIEF, REAL, SHORT

import autograder.alternatives.colorization
import autograder.checks.test_colorization
import autograder.misconceptions.colorization
import course_utils.reference.colorization
from autograder.assignments import COURSE, Assignment, CourseError, assignments
from autograder.authoring.leak import IDIOMS, LeakError, find_leaks, secret_lines
from autograder.authoring.master import MasterError, read_master
from autograder.authoring.notebooks import solution_notebook, student_notebook
from autograder.authoring.release import (
    build,
    check_release,
    check_stubs_only,
    release,
    student_files,
)
from autograder.judge.checking.submission import REFERENCE_FILES
from autograder.judge.exam import exam_of
from autograder.judge.judge import judge

# With all its pictures: what they show of the reference is no secret.
COLORIZATION = next(one for one in SHORT if one.topic == "colorization")
SECRETS = {
    "reference": course_utils.reference.colorization,
    "hidden check": autograder.checks.test_colorization,
    "misconception": autograder.misconceptions.colorization,
    "alternative": autograder.alternatives.colorization,
}


@pytest.fixture(scope="module")
def master():
    return read_master(COLORIZATION)


@pytest.fixture(scope="module")
def files(master):
    """What an archive of the assignment holds, the pictures too."""
    root = COLORIZATION.name
    made = student_files(master, student_notebook(master))
    picture = BytesIO()
    Image.new("RGB", (400, 300)).save(picture, "PNG")
    made |= {f"pictures/{name}.png": picture.getvalue() for name in master.pictures}
    return {f"{root}/{name}": content for name, content in made.items()}


@pytest.fixture
def pack(tmp_path):
    def pack(content: dict[str, bytes]) -> Path:
        path = tmp_path / "release.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in content.items():
                archive.writestr(name, data)
        return path

    return pack


NOTEBOOK = f"{COLORIZATION.name}/{COLORIZATION.name}.ipynb"
MODULE = f"{COLORIZATION.name}/course_utils/color/constants.py"


def with_line(files: dict[str, bytes], name: str, line: str) -> dict[str, bytes]:
    """The files with one line put into one of them by hand."""
    if name != NOTEBOOK:
        return files | {name: files[name] + line.encode() + b"\n"}
    notebook = json.loads(files[name])
    notebook["cells"][-1]["source"] += "\n" + line
    return files | {name: json.dumps(notebook).encode()}


def some_lines(module) -> list[str]:
    """A short, a middling and a long line of the module's secrets."""
    lines = [line for line in inspect.getsource(module).splitlines()[25:] if line.strip()]
    lines.sort(key=len)
    return [lines[0], lines[len(lines) // 2], lines[-1]]


def test_the_release_passes(master, files, pack):
    check_release(pack(files), master)


@pytest.mark.parametrize("name", [NOTEBOOK, MODULE], ids=["notebook", "module"])
@pytest.mark.parametrize("kind", SECRETS)
def test_any_line_put_in_by_hand_is_found(master, files, pack, kind, name):
    for line in some_lines(SECRETS[kind]):
        with pytest.raises(LeakError):
            check_release(pack(with_line(files, name, line)), master)


@pytest.mark.parametrize("kind", SECRETS)
def test_every_telling_line_is_found_even_if_it_crept_into_the_sources(master, files, kind, pack):
    """The second net alone: the builder itself would make this file, so the comparison sees
    nothing.
    """
    secret = [line for line, where in secret_lines(master).items() if where.startswith(kind)]
    assert len(secret) > 20
    leaky = with_line(files, MODULE, "\n".join(secret))
    pictures = {name for name in files if name.endswith(".png")}
    expected = {name: data for name, data in leaky.items() if name not in pictures}
    leaks = find_leaks(pack(leaky), master, expected, pictures)
    assert len(leaks) == len(secret)
    assert all(f"a line of a {kind}" in leak for leak in leaks)


def test_what_the_second_net_lets_through_is_shown_to_students_anyway(master):
    secret = secret_lines(master)
    shown = "".join("".join(cell.source.split()) for cell in student_notebook(master).cells)
    shown += "".join(inspect.getdoc(SECRETS["reference"]).split())
    for module in SECRETS.values():
        for line in inspect.getsource(module).splitlines():
            bare = "".join(line.split())
            if len(bare) >= 16 and not bare.startswith(("import", "from")):
                assert bare in secret or bare in shown or bare in IDIOMS, line


def test_a_text_in_a_pack_of_arrays_is_found(master, files, pack):
    """Where the builder itself would put it there: what is compressed is looked into."""
    line = next(
        line for line, where in secret_lines(master).items() if where.startswith("reference")
    )
    packed, name = BytesIO(), f"{COLORIZATION.name}/data/furniture.npz"
    np.savez_compressed(packed, pixels=np.zeros(3), names=np.array([["a chair", line]]))
    made = files | {name: packed.getvalue()}
    pictures = {name for name in files if name.endswith(".png")}
    expected = {name: data for name, data in made.items() if name not in pictures}
    [leak] = find_leaks(pack(made), master, expected, pictures)
    assert leak.startswith(f"{name} shows a line of a reference")


def test_extra_missing_and_doctored_files_are_found(master, files, pack):
    extra = files | {"3_colorization/course_utils/reference/colorization.py": b"x"}
    with pytest.raises(LeakError, match="not on the allowlist"):
        check_release(pack(extra), master)
    with pytest.raises(LeakError, match="is missing"):
        check_release(pack({name: data for name, data in files.items() if name != MODULE}), master)
    picture = next(name for name in files if name.endswith(".png"))
    with pytest.raises(LeakError, match="more than a picture"):
        check_release(pack(files | {picture: files[picture] + b"secret"}), master)


def test_no_path_of_a_machine_is_in_it(files):
    """A student may unpack it anywhere: on a laptop, on a server, on a drive in the cloud."""
    path = re.compile(r"(?<![\w.~/])/(home|Users|root|work|tmp|content|opt|mnt|srv)/|\b[A-Z]:\\\\")
    for name, content in files.items():
        if name.endswith((".py", ".ipynb", ".md", ".txt")):
            assert not path.search(content.decode()), name
            assert str(COURSE) not in content.decode()


def test_the_title_and_each_task_tell_points_and_time():
    for assignment in assignments():
        master = read_master(assignment)
        texts = [
            cell.source for cell in student_notebook(master).cells if cell.cell_type == "markdown"
        ]
        written = sum(cell.attributes["points"] for cell in master.named("written"))
        points = sum(master.points.values())
        assert re.match(
            rf"# .+\n\n\*\*{points + written:g} points\*\* · {len(master.tasks)} tasks \(", texts[0]
        )
        assert re.search(r"\*\*about [\d½]+ hours?\*\*$", texts[0].split("\n")[2])
        efforts = [
            f"· **about {cell.attributes['minutes']:g} minutes** · "
            f"{cell.attributes['seconds']:g} s of CPU · "
            f"**{master.points[cell.name]:g} points**"
            for cell in master.named("task")
        ]
        told = [
            re.search(r"^## Task.*\n\n\*\*Difficulty\*\* [●○]{3} (.+)", text, re.MULTILINE)
            for text in texts
        ]
        assert [found[1] for found in told if found] == efforts


def test_rubrics_are_in_the_solution_only(whole_master):
    rubrics = [cell.source for cell in whole_master.named("rubric")]
    assert len(rubrics) == 4
    student, solution = student_notebook(whole_master), solution_notebook(whole_master)
    for rubric in rubrics:
        assert any(rubric in cell.source for cell in solution.cells)
        assert not any(rubric in cell.source for cell in student.cells)


def test_student_notebook_has_stubs_and_grade_cells_with_the_points(master):
    cells = {cell.id: cell for cell in student_notebook(master).cells}
    assert sum(master.points.values()) == 76
    for task, points in master.points.items():
        unsolved = rf'raise NotImplementedError\("{task}(\.\w+)?"\)$'  # of a class, its methods
        assert re.search(unsolved, cells[f"task-{task}"].source)
        assert cells[f"grade-{task}"].metadata.nbgrader.points == points
        assert cells[f"grade-{task}"].source.startswith("#")
        assert cells[f"check-{task}"].metadata.nbgrader.locked
    assert all(not cell.get("outputs") for cell in cells.values())


def test_builds_are_repeatable(master):
    assert student_notebook(master) == student_notebook(read_master(COLORIZATION))


@pytest.fixture(scope="module")
def text():
    return COLORIZATION.master.read_text()


CHECK_CELL = 'with visible_checks.of("rgb_to_lab_planes"):'
IMPORT_CELL = "from course_utils.reference.colorization import "
# What is right and what is written instead; what the message says, and the line that it names.
SLIPS = {
    "unknown picture in the gallery": (
        "limits: {cpu: 60}",
        "limits: {cpu: 60}\n    gallery: no_such",
        "`gallery`: there is no picture 'no_such'",
        "---",
    ),
    "unknown tag": ('tags=["check"]', 'tags=["chekc"]', r"unknown tag 'chekc'", CHECK_CELL),
    "unknown attribute": (
        "difficulty=",
        "dificulty=",
        r"unknown directive 'dificulty'",
        f"{IMPORT_CELL}rgb_to_lab_planes",
    ),
    "unknown region": (
        '#region rubric="',
        '#region rubrik="',
        r"unknown directive 'rubrik'",
        "One point for each part.",
    ),
    "misspelt region": (
        '<!-- #region written="',
        '<!-- #regoin written="',
        r"this directive was not understood",
        '<!-- #regoin written="why_l2_greys" points=4 -->',
    ),
    "task does not exist": (
        f"seconds=1\n{IMPORT_CELL}l2_loss",
        f"seconds=1\n{IMPORT_CELL}l3_loss",
        r"the cell of task 'l2_loss' must be",
        f"{IMPORT_CELL}l3_loss",
    ),
    "more than the import": (
        "import soft_encode\n",
        "import soft_encode\nx = 1\n",
        r"and nothing else",
        f"{IMPORT_CELL}soft_encode",
    ),
    "reference imported elsewhere": (
        "import math\n",
        f"{IMPORT_CELL}soft_encode\n",
        r"only a task may import the reference",
        f"{IMPORT_CELL}soft_encode",
    ),
    "no title": ("title:", "titel:", r"no `jupyter: assignment: title:`", "---"),
    "no picture": (
        '@picture("l2_loss")',
        '@picture("another")',
        r"must be @picture\(.l2_loss.\)",
        '@picture("another")',
    ),
    "picture before the check": (
        'tags=["check"]',
        'tags=["picture"]',
        r"needs a function decorated",
        CHECK_CELL,
    ),
    "no heading": (
        "## Task: the L2 loss",
        "## The L2 loss",
        r"no heading",
        f"{IMPORT_CELL}l2_loss",
    ),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_slips_of_the_pen_are_refused_with_file_and_line(text, tmp_path, slip):
    right, wrong, message, named = SLIPS[slip]
    path = tmp_path / "assignment.md"
    changed = re.sub(re.escape(right), lambda _: wrong, text, count=1)
    assert changed != text
    path.write_text(changed)
    with pytest.raises(MasterError, match=rf"assignment\.md:\d+: .*{message}") as error:
        read_master(COLORIZATION, path)
    line = int(re.search(r"\.md:(\d+):", str(error.value))[1])
    assert changed.splitlines()[line - 1] == named


def test_a_task_without_checks_is_refused(master, monkeypatch):
    import autograder.authoring.master as module

    kept = [check for check in module.checks_of("colorization") if check.task != "ab_bins"]
    monkeypatch.setattr(module, "checks_of", lambda topic: kept)
    with pytest.raises(
        MasterError, match=r"assignment\.md:\d+: task 'ab_bins' has no hidden check"
    ):
        read_master(COLORIZATION)


def test_a_check_without_task_is_refused(text, tmp_path):
    start = text.index("## Task: ", text.index('@picture("colorfulness")'))
    path = tmp_path / "assignment.md"
    path.write_text(text[:start])
    with pytest.raises(MasterError, match="hidden checks of 'colorization_auc', which is no task"):
        read_master(COLORIZATION, path)


def in_full(assignment: Assignment) -> object:
    return pytest.param(assignment, id=f"{assignment.name}-in-full", marks=pytest.mark.slow)


def trained_for_an_epoch(assignment: Assignment) -> object:
    """The smallest assignment is released by `make test`, the others by `make proof`."""
    marks = [] if assignment is BRIEF[0] else [pytest.mark.slow]
    return pytest.param(assignment, id=assignment.name, marks=marks)


RELEASED = [*map(trained_for_an_epoch, BRIEF), *map(in_full, REAL)]


@pytest.mark.parametrize("assignment", RELEASED)
def test_the_whole_release(assignment, tmp_path):
    """The solution runs, its pictures are harvested, the archive passes, and as a student all is
    unsolved.

    Handed in, with what it has trained, the solution earns every point; with what the reference has
    trained where that was for an epoch only.
    """
    left: dict[str, int] = {}
    made = release(
        assignment, tmp_path, lambda what, done, total: left.update({what: total - done})
    )
    assert {"running the solution", "running the student notebook"} <= set(left)
    assert not any(left.values())
    with zipfile.ZipFile(made.archive) as archive:
        names = {name.removeprefix(f"{assignment.name}/") for name in archive.namelist()}
    assert {f"{assignment.name}.ipynb", "README.md", "requirements.txt"} <= names
    assert {f"pictures/{name}.png" for name in read_master(assignment).pictures} <= names
    assert not any("reference" in name or "autograder" in name for name in names)
    assert not list(tmp_path.glob("**/*.draft.zip"))
    if assignment in BRIEF:
        for file in read_master(assignment).files:
            assert (made.solution.parent / file).stat().st_size > 0
            shutil.copy(REFERENCE_FILES[file], made.solution.parent)
    verdict = judge(made.solution, exam_of(assignment)).verdict
    lost = {
        check.name: check.message
        for task in verdict.tasks
        for check in task.checks
        if not check.passed
    }
    assert (verdict.status, lost) == ("graded", {})
    # Once more: nothing has changed, so nothing is run.
    told: list[str] = []
    again = build(assignment, tmp_path, lambda what, done, total: told.append(what))
    assert (told, again.solution.read_bytes()) == ([], made.solution.read_bytes())


def test_a_notebook_that_fails_otherwise_than_by_its_stubs_is_not_released(files, pack):
    notebook = json.loads(files[NOTEBOOK])
    notebook["cells"][-1] = notebook["cells"][1] | {"source": "1 / 0", "id": "broken"}
    with pytest.raises(CourseError, match="broken fails by ZeroDivisionError"):
        check_stubs_only(pack(files | {NOTEBOOK: json.dumps(notebook).encode()}), COLORIZATION)


def test_every_master_of_the_course_is_in_order():
    for assignment in REAL:
        assert read_master(assignment).tasks
