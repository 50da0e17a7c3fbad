"""Every way in and out gives the same scores: the same twenty, through folders, exchange, LMS and
PostgreSQL.

All parts are real: nbgrader's commands, archives as Moodle and Canvas name them, a PostgreSQL
server, the formgrader's own interface for what a person grades, the judge in its sandbox.
"""

import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browser import jupyter_lab
from judged_class import COMMENTS, GRADES
from postgresql import Server, needs_postgresql, postgresql
from sqlalchemy import create_engine, text
from workers import needs_bubblewrap

HERE = Path(__file__).parent
NAME = "1_small"
NOTEBOOK = f"{NAME}.ipynb"
AUTOGRADER = [sys.executable, "-P", "-c", "from autograder.cli import main; main()"]
# Several commands in one process, which imports once; stops at the first that fails.
COMMANDS = """
import json, sys
from autograder.cli import main
for words in json.loads(sys.argv[1]):
    sys.argv = ["autograder", *words]
    try:
        main()
    except SystemExit as ended:
        if ended.code:
            raise
"""
# nbgrader's commands, in the folders of all students.
STUDENTS = """
import os, sys
from nbgrader.apps import FetchAssignmentApp, SubmitApp
command, name, *homes = sys.argv[1:]
for home in homes:
    os.chdir(home)
    app = {"fetch": FetchAssignmentApp, "submit": SubmitApp}[command]()
    app.initialize([name])
    app.start()
"""
NBGRADER = [sys.executable, "-P", "-m", "nbgrader"]
FORMATS = ("csv", "canvas", "moodle")
WAYS = ("plain", "exchange", "moodle", "canvas", pytest.param("postgresql", marks=needs_postgresql))
pytestmark = [pytest.mark.slow, needs_bubblewrap]
# Of all kinds; the ids are s00 to s19.
NAMES = [
    *(
        "Ada Lovelace",
        "Zoë 🦊 Fox",
        "Miles O'Brien",
        "名 無し",
        "José Ñandú",
        "Jo “Quote” Smith",
        "Jean-Luc Picard",
    ),
    *(f"Student Number{chr(65 + number)}" for number in range(13)),
]


@pytest.fixture(scope="module")
def package(small_course) -> Iterator[None]:
    """Every process that is started finds the small assignment only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(
            "PYTHONPATH", os.pathsep.join([str(small_course), str(HERE.parent / "support")])
        )
        patch.setenv(
            "PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        )
        yield


@pytest.fixture(scope="module")
def folder(package, tmp_path_factory) -> Path:
    """What was handed in, and an empty course directory."""
    made = tmp_path_factory.mktemp("ways")
    subprocess.run([sys.executable, str(HERE / "ways_in.py"), str(made)], check=True)
    roster = [f"s{number:02},{name},{100 + number}" for number, name in enumerate(NAMES)]
    (made / "roster.csv").write_text(
        "\n".join(["id,name,lms_user_id", *roster]) + "\n", encoding="utf-8"
    )
    return made


@pytest.fixture(scope="module")
def notebooks(folder) -> dict[str, bytes]:
    found = {path.stem: path.read_bytes() for path in sorted((folder / "handed_in").iterdir())}
    assert len(found) == len(NAMES) == 20
    return found


@pytest.fixture(scope="module")
def server(package) -> Iterator[Server]:
    with postgresql() as running:
        yield running


def run(*command: object, cwd: Path | None = None, rc: int = 0) -> str:
    ran = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, check=False)
    assert ran.returncode == rc, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


def autograder(*words: object, rc: int = 0) -> str:
    return run(*AUTOGRADER, *words, rc=rc)


def autograder_all(*commands: tuple) -> str:
    words = json.dumps([[str(word) for word in command] for command in commands])
    return run(sys.executable, "-P", "-c", COMMANDS, words)


def course_for(folder: Path, way: str, *config: str) -> Path:
    """A course directory with these lines in its configuration, and nobody in it."""
    course = Path(shutil.copytree(folder / "blank", folder / way))
    with (course / "nbgrader_config.py").open("a") as file:
        file.write("\n".join(["", *config, ""]))
    return course


def by_hand(folder: Path, notebooks: dict[str, bytes], course: Path) -> Path:
    for student, content in notebooks.items():
        path = course / "submitted" / student / NAME / NOTEBOOK
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    return course


def plain(folder: Path, notebooks: dict[str, bytes], _: Callable) -> Path:
    return by_hand(folder, notebooks, course_for(folder, "plain"))


def exchange(folder: Path, notebooks: dict[str, bytes], _: Callable) -> Path:
    """Released, fetched, worked on, submitted and collected by nbgrader's own commands."""
    root = folder / "exchange root"
    root.mkdir()
    root.chmod(0o777)
    config = f"c.Exchange.root = {str(root)!r}"
    course = course_for(folder, "exchange", config)
    run(*NBGRADER, "release_assignment", NAME, cwd=course)
    homes = {student: folder / "homes" / student for student in notebooks}
    for student, home in homes.items():
        home.mkdir(parents=True)
        cache = f"c.Exchange.cache = {str(home / 'cache')!r}"
        who = f"c.CourseDirectory.course_id, c.CourseDirectory.student_id = 'blank', {student!r}"
        (home / "nbgrader_config.py").write_text(f"c = get_config()\n{config}\n{cache}\n{who}\n")
    run(sys.executable, "-P", "-c", STUDENTS, "fetch", NAME, *homes.values())
    for student, home in homes.items():
        fetched = home / NAME / NOTEBOOK
        fetched.write_bytes(worked_on(fetched.read_bytes(), notebooks[student]))
    run(sys.executable, "-P", "-c", STUDENTS, "submit", NAME, *homes.values())
    run(*NBGRADER, "collect", NAME, cwd=course)
    return course


def worked_on(fetched: bytes, content: bytes) -> bytes:
    """What was handed in, with the metadata that nbgrader has given to the cells."""
    try:
        notebook = json.loads(content)
    except ValueError:
        return content
    released = {cell["id"]: cell["metadata"] for cell in json.loads(fetched)["cells"]}
    for cell in notebook["cells"]:
        cell["metadata"] = released.get(cell["id"], cell["metadata"])
    return json.dumps(notebook).encode()


def zipped(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def moodle(folder: Path, notebooks: dict[str, bytes], _: Callable) -> Path:
    """One zip of folders, as Moodle names them; one in three has zipped the work."""
    course, files = course_for(folder, "moodle"), {}
    for number, (name, content) in enumerate(zip(NAMES, notebooks.values(), strict=True)):
        home = f"{name}_{9000 + number}_assignsubmission_file_"
        if number % 3:
            files[f"{home}/{NOTEBOOK}"] = content
        else:
            files[f"{home}/my work.zip"] = zipped(
                {f"work/{NOTEBOOK}": content, "work/course_utils/x.py": b""}
            )
    (folder / "moodle.zip").write_bytes(zipped(files))
    said = autograder("collect", course, folder / "moodle.zip", "--roster", folder / "roster.csv")
    assert said.count(" taken") >= len(notebooks)
    return course


def canvas(folder: Path, notebooks: dict[str, bytes], _: Callable) -> Path:
    """A folder of files, as Canvas names them; some have handed in twice."""
    course, source = course_for(folder, "canvas"), folder / "canvas submissions"
    source.mkdir()
    for number, (name, content) in enumerate(zip(NAMES, notebooks.values(), strict=True)):
        last, first = name.split()[-1], "".join(name.split()[:-1])
        sender = f"{last}{first}_{'LATE_' * (number % 4 == 1)}{100 + number}"
        if number % 3 == 1:
            (source / f"{sender}_{7000 + number}_work.zip").write_bytes(zipped({NOTEBOOK: content}))
        else:
            (source / f"{sender}_{7000 + number}_{NAME}-1.ipynb").write_bytes(content)
            (source / f"{sender}_{6000 + number}_{NOTEBOOK}").write_bytes(b"{}")
    autograder("collect", course, source, "--roster", folder / "roster.csv")
    return course


def in_postgresql(folder: Path, notebooks: dict[str, bytes], url: Callable[[], str]) -> Path:
    """The plain way, with the gradebook on a server, as the configuration says."""
    course = course_for(folder, "postgresql", f"c.CourseDirectory.db_url = {url()!r}")
    (course / "gradebook.db").unlink()
    by_hand(folder, notebooks, course)
    said = autograder("grade", course, rc=2)
    command = f"nbgrader generate_assignment {NAME} --force"
    assert command in " ".join(said.split())
    run(*NBGRADER, *command.split()[1:], cwd=course)
    return course


MAKE = {
    "plain": plain,
    "exchange": exchange,
    "moodle": moodle,
    "canvas": canvas,
    "postgresql": in_postgresql,
}


@pytest.fixture(scope="module")
def graded(folder, notebooks, request) -> Callable[[str], dict]:
    """By the way in: what came out. Each way is gone once."""
    done: dict[str, dict] = {}

    def graded(way: str) -> dict:
        if way not in done:
            course = MAKE[way](
                folder, notebooks, lambda: request.getfixturevalue("server").url("ways")
            )
            done[way] = {"course": course, "judged": outcome(folder, course)}
            with jupyter_lab(course) as address:
                grade_by_hand(address)
            done[way]["by hand"] = outcome(folder, course)
        return done[way]

    return graded


def rows(course: Path) -> list[tuple]:
    """Every score, penalty and comment in the gradebook, without nbgrader's help."""
    config = (course / "nbgrader_config.py").read_text()
    on_server = re.search(r"^c\.CourseDirectory\.db_url = '(.+)'", config, re.MULTILINE)
    engine = create_engine(on_server[1] if on_server else f"sqlite:///{course}/gradebook.db")
    try:
        with engine.connect() as connection:
            found = [
                tuple(int(cell) if isinstance(cell, bool) else cell for cell in row)
                for query in (GRADES, COMMENTS)
                for row in connection.execute(text(query))
            ]
        return sorted(found, key=repr)
    finally:
        engine.dispose()


def outcome(folder: Path, course: Path) -> dict[str, object]:
    """Grade a course directory, and return all that comes out of it, but for times."""
    to, roster = {kind: course / f"{kind}.csv" for kind in FORMATS}, folder / "roster.csv"
    exports = [
        ("export", course, "--to", to[kind], "--format", kind, "--roster", roster)
        for kind in FORMATS
    ]
    autograder_all(("grade", course), *exports)
    found: dict[str, object] = {kind: path.read_text() for kind, path in to.items()}
    found |= {"gradebook": rows(course), "verdicts": verdicts(course)}
    pages = sorted((course / "feedback").glob(f"*/{NAME}/*.html"))
    found["feedback"] = {path.parent.parent.name: path.read_text() for path in pages}
    return found


def verdicts(course: Path) -> dict[str, dict]:
    """By student, all of a verdict that has to repeat: not how long it took."""
    found = {}
    for path in sorted(course.glob(f"verdicts/{NAME}/*/verdict.json")):
        verdict = json.loads(path.read_text())
        del verdict["resources"], verdict["key"]
        found[path.parent.name] = verdict
    return found


def grade_by_hand(address: str) -> None:
    """As the formgrader's pages do: another score for two tasks, extra credit, and a comment."""
    for number in range(0, 20, 3):
        (notebook,) = (
            one
            for one in ask(address, f"submitted_notebooks/{NAME}/{NAME}")
            if one["student"] == f"s{number:02}"
        )
        which = f"?submission_id={notebook['id']}"
        grades = {one["name"]: one for one in ask(address, f"grades{which}")}
        comments = {one["name"]: one for one in ask(address, f"comments{which}")}
        put(address, f"grade/{grades['grade-gray']['id']}", {"manual_score": 0.5 + number / 16})
        put(
            address,
            f"grade/{grades['grade-enlarge']['id']}",
            {"manual_score": 1 / 3, "extra_credit": 0.25},
        )
        put(
            address,
            f"comment/{comments['task-gray']['id']}",
            {"manual_comment": f"Good point, № {number} 🦊"},
        )


def ask(address: str, path: str, data: dict | None = None) -> list[dict]:
    """The formgrader's answer."""
    name, _, query = path.partition("?")
    url = address.format(f"formgrader/api/{name}") + (f"&{query}" if query else "")
    body = None if data is None else json.dumps(data).encode()
    headers = {"Authorization": f"token {urlsplit(url).query.split('&')[0].removeprefix('token=')}"}
    method = "GET" if data is None else "PUT"
    with urllib.request.urlopen(
        urllib.request.Request(url, body, headers, method=method)
    ) as answer:
        return json.load(answer)


def put(address: str, path: str, data: dict) -> None:
    ask(address, path, data)


def test_the_class_is_what_it_should_be(graded):
    found = graded("plain")["judged"]["verdicts"]
    assert len(found) == 20
    points = {
        student: sum(
            check["points"] for task in one["tasks"] for check in task["checks"] if check["passed"]
        )
        for student, one in found.items()
    }
    status = [one["status"] for one in found.values()]
    assert status == ["graded"] * 17 + ["refused"] * 3
    assert [points[student] for student in ("s00", "s01", "s02", "s03", "s04")] == [
        20,
        20,
        0,
        8,
        12,
    ]
    assert all(0 < points[f"s{number:02}"] < 20 for number in range(5, 16))
    assert [points[f"s{number:02}"] for number in range(16, 20)] == [20, 0, 0, 0]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("when", ["judged", "by hand"])
def test_scores_comments_exports_and_pages_are_those_of_the_plain_way(graded, way, when):
    expected, found = graded("plain")[when], graded(way)[when]
    assert expected.keys() == found.keys()
    for what in expected:
        assert found[what] == expected[what], what
    assert len(found["feedback"]) == 20


@pytest.mark.parametrize("way", WAYS)
def test_what_a_person_has_graded_is_there_and_counts(graded, way):
    found = graded(way)
    before, after = found["judged"]["gradebook"], found["by hand"]["gradebook"]
    manual = {row for row in after if row[3] is not None}
    assert not {row for row in before if row[3] is not None}
    assert len([row for row in manual if isinstance(row[3], float)]) == 14
    assert (
        len([row for row in manual if row[3] == f"Good point, № {row[0][1:].lstrip('0') or 0} 🦊"])
        == 7
    )
    assert "Good point, № 3 🦊" in found["by hand"]["feedback"]["s03"]
    assert found["judged"]["csv"] != found["by hand"]["csv"]


@pytest.mark.parametrize("way", ["plain", pytest.param("postgresql", marks=needs_postgresql)])
def test_the_report_and_a_roster(graded, folder, way):
    course = graded(way)["course"]
    roster = ("roster", course, folder / "roster.csv")
    said = autograder_all(("report", course), ("report", course, "--anonymous"), roster, roster)
    assert "0 students added, 20 were there" in said
    assert (course / "reports" / f"{NAME}.html").read_text().count("s00") > 1
    anonymous = (course / "reports" / f"{NAME}-anonymous.html").read_text()
    assert "s00" not in anonymous


@pytest.mark.parametrize("way", ["moodle", "canvas"])
def test_no_name_is_in_a_course_directory_that_was_collected_with_a_roster(graded, way):
    """Names come into it by `autograder roster` alone: who grades sees the roster's ids."""
    course = graded(way)["course"]
    names = {part for name in NAMES[:7] for part in name.split() if len(part) > 3}
    leaks = []
    for path in course.rglob("*"):
        if path.is_file() and path.suffix not in (".db", ".csv", ".npz"):
            content = path.read_bytes()
            leaks += [
                (str(path), name) for name in names if name.encode() in content or name in str(path)
            ]
    assert leaks == []


def test_the_feedback_goes_back_through_the_exchange(graded, folder):
    course = graded("exchange")["course"]
    run(*NBGRADER, "release_feedback", NAME, cwd=course)
    home = folder / "homes" / "s03"
    run(*NBGRADER, "fetch_feedback", NAME, cwd=home)
    (page,) = (home / NAME / "feedback").rglob("*.html")
    assert "Good point, № 3 🦊" in page.read_text()


@needs_postgresql
def test_killed_and_with_the_server_killed_postgresql_has_the_same(
    graded, folder, notebooks, server
):
    expected = graded("plain")["judged"]
    course = course_for(folder, "killed", f"c.CourseDirectory.db_url = {server.url('killed')!r}")
    (course / "gradebook.db").unlink()
    run(*NBGRADER, "generate_assignment", NAME, "--force", cwd=course)
    by_hand(folder, notebooks, course)
    draw, killed = random.Random(8), 0
    while killed < 6:
        more = ["--force"] if len(verdicts(course)) == 20 else []
        grading = subprocess.Popen(
            [*AUTOGRADER, "grade", str(course), *more], stdout=subprocess.DEVNULL
        )
        time.sleep(draw.uniform(2.0, 12.0))
        grading.send_signal(signal.SIGKILL)
        killed += grading.wait() == -signal.SIGKILL
    command = [*AUTOGRADER, "grade", str(course), "--force"]
    grading = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    time.sleep(8.0)
    server.control("stop", "-m", "immediate")
    _, said = grading.communicate()
    server.control("start")
    assert "Traceback" not in said
    assert grading.returncode == 2, said
    assert "The gradebook postgresql" in said
    found = outcome(folder, course)
    for what in expected:
        assert found[what] == expected[what], what
