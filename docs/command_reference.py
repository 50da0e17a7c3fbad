"""The page on every command: `python docs/command_reference.py` writes docs/commands.md.

It is read from the declarations that `--help` is made from, not from what `--help` prints, whose
frames and line breaks change from one version of typer to the next.
"""

import inspect
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from typer.models import ArgumentInfo, CommandInfo, OptionInfo

from autograder.cli import app

PAGE = Path(__file__).parent / "commands.md"
INTRODUCTION = """\
# Commands

Everything here is also told by `autograder --help` and `autograder COMMAND --help`. Where a command takes an
assignment, its name, its number or its topic will do: `3_colorization`, `3` or `colorization`.

What its user can mend is one sentence and exit code 2.

Made by `python docs/command_reference.py`: not edited by hand.
"""
OTHERS = """\
## Beside `autograder`

| command | what it does |
| --- | --- |
| `make demo` | sets everything up, and runs `autograder demo` |
| `make test` | everything that CI runs |
| `pytest autograder/checks` | the hidden checks against the references |
| `pytest autograder/checks --submission NOTEBOOK` | the hidden checks against a notebook, one by one |
| `python data_scripts/render_furniture.py` | renders the furniture world; needs the extra `render` |
| `python data_scripts/make_packs.py` | renders the packs of pictures that the assignments ship |
| `python data_scripts/download.py` | lists the real data sets, and fetches those that are named |
| `python docs/lecture_map.py` | writes `docs/map.md` |
| `python docs/command_reference.py` | writes this page |
"""


def page() -> str:
    """The whole page, as Markdown."""
    commands = app.registered_commands
    overview = ["| command | what it does |", "| --- | --- |"]
    overview += [
        f"| [`autograder {_name(one)}`](#autograder-{_name(one)}) | {_summary(one)} |"
        for one in commands
    ]
    parts = [line for one in commands for line in _command(one)]
    return "\n".join([INTRODUCTION, *overview, "", *parts, OTHERS])


def options() -> dict[str, set[str]]:
    """The options of every command, as `--to`, by the command's name."""
    return {
        _name(command): {"--help"}
        | {
            _spelt(name, info)
            for name, info, *_ in _parameters(command)
            if isinstance(info, OptionInfo)
        }
        for command in app.registered_commands
    }


def _name(command: CommandInfo) -> str:
    return command.name or command.callback.__name__.replace("_", "-")


def _help(command: CommandInfo) -> str:
    return inspect.getdoc(command.callback) or ""


def _summary(command: CommandInfo) -> str:
    return _help(command).split("\n\n")[0].replace("\n", " ")


def _command(command: CommandInfo) -> Iterator[str]:
    parameters = list(_parameters(command))
    arguments = [
        _shown(name, info) for name, info, *_ in parameters if isinstance(info, ArgumentInfo)
    ]
    yield f"## `autograder {_name(command)}`\n"
    yield f"```text\n{' '.join(['autograder', _name(command), *arguments, '[OPTIONS]'])}\n```\n"
    yield f"{_help(command)}\n"
    yield "| | what it is | default |\n| --- | --- | --- |"
    for name, info, kind, default in parameters:
        yield f"| {_left(name, info, kind)} | {info.help or ''} | {_default(default)} |"
    yield ""


def _parameters(command: CommandInfo) -> Iterator[tuple[str, ArgumentInfo | OptionInfo, Any, Any]]:
    """Name, declaration, type and default of each parameter; a bare one is an option, as for
    typer.
    """
    hints = get_type_hints(command.callback, include_extras=True)
    for name, parameter in inspect.signature(command.callback).parameters.items():
        hint = hints[name]
        kind, *declared = get_args(hint) if get_origin(hint) is Annotated else (hint,)
        info = next(
            (one for one in declared if isinstance(one, (ArgumentInfo, OptionInfo))), OptionInfo()
        )
        yield name, info, kind, parameter.default


def _shown(name: str, info: ArgumentInfo) -> str:
    return info.metavar or name.upper()


def _spelt(name: str, info: OptionInfo) -> str:
    return next(iter(info.param_decls or ()), f"--{name.replace('_', '-')}")


def _left(name: str, info: ArgumentInfo | OptionInfo, kind: Any) -> str:  # noqa: ANN401  a type
    if isinstance(info, ArgumentInfo):
        return f"`{_shown(name, info)}`"
    return f"`{' '.join(filter(None, (_spelt(name, info), info.metavar or _values(kind))))}`"


def _values(kind: Any) -> str:  # noqa: ANN401  a type
    """What is written after an option; nothing for a switch."""
    if get_origin(kind) is UnionType:
        kind = next(one for one in get_args(kind) if one is not NoneType)
    if get_origin(kind) is Literal:
        return "\\|".join(get_args(kind))
    kind = next(iter(get_args(kind)), kind)  # of a list, its items
    return {bool: "", int: "NUMBER", float: "NUMBER", str: "TEXT", Path: "PATH"}[kind]


def _default(default: Any) -> str:  # noqa: ANN401  a value of any type
    if default is inspect.Parameter.empty:
        return "to be given"
    return "" if default in (None, False) else f"`{default}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
