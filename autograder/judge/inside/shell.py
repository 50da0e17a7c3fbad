"""IPython as a submission's cells find it: without a terminal, a history or files of its own."""

import contextlib
import importlib
from functools import cache
from types import TracebackType
from typing import Any, Protocol, cast

from IPython.core.compilerop import CachingCompiler
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.formatters import DisplayFormatter
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Any as AnyTrait
from traitlets import Type
from traitlets.config import Config

from .outputs import Recorder

# A kernel knows these, and IPython alone does not. They are for a person at the keyboard: here they
# do nothing.
KERNEL_MAGICS = (
    "autosave",
    "clear",
    "connect_info",
    "edit",
    "less",
    "man",
    "more",
    "qtconsole",
    "subshell",
)


class Hook(DisplayHook):
    """Records the value of a cell's last line."""

    def quiet(self) -> bool:
        """Whether the cell ends in a semicolon. IPython looks into its history; there is none."""
        return self.semicolon_at_end_of_expression(_shell_of(self).compiler.source)

    def write_output_prompt(self) -> None:
        """Nothing: this is no terminal."""

    def write_format_data(self, format_dict: dict[str, Any], md_dict: object = None) -> None:
        """Record it."""
        _shell_of(self).recorder.data("execute_result", format_dict)

    def log_output(self, format_dict: dict[str, Any]) -> None:
        """Nothing: no history is kept."""

    def finish_displayhook(self) -> None:
        """Add no line to stdout."""
        self._is_active = False


class Publisher(DisplayPublisher):
    """Records what is displayed: `display(...)`, figures."""

    def publish(self, data: dict[str, Any], *_: object, update: bool = False, **__: object) -> None:
        """Record it, unless it replaces what has been displayed before."""
        if not update:
            _shell_of(self).recorder.data("display_data", data)

    def clear_output(self, wait: bool = False) -> None:
        """Forget what the cell has put out so far."""
        _shell_of(self).recorder.clear()


class Compiler(CachingCompiler):
    """Names the code of each cell after it, so that a line can be traced back to its cell.

    cells    by that name: the cell's number, and its leading empty lines, which IPython drops
    current  the number of the cell that runs; the first is 0
    source   its text
    """

    def __init__(self) -> None:
        super().__init__()
        self.cells: dict[str, tuple[int, int]] = {}
        self.current, self.source = -1, ""

    def get_code_name(self, raw_code: str, transformed_code: str, number: int) -> str:
        """The name of a cell's code."""
        name = f"<cell {self.current + 1}>"
        leading = raw_code[: len(raw_code) - len(raw_code.lstrip())]
        self.cells[name] = self.current, leading.count("\n")
        self.source = raw_code
        return name

    def format_code_name(self, name: str) -> tuple[str, str] | None:
        """What a traceback calls it."""
        return ("Cell", f"In[{self.cells[name][0] + 1}]") if name in self.cells else None

    def innermost(self, frame: TracebackType | None) -> TracebackType | None:
        """The innermost frame of a traceback that is in one of the cells."""
        found = None
        while frame is not None:
            if _file_of(frame) in self.cells:
                found = frame
            frame = frame.tb_next
        return found

    def place(self, frame: TracebackType | None) -> tuple[int | None, int | None]:
        """The number of the cell that a frame is in, and the line in it."""
        if frame is None:
            return None, None
        cell, dropped = self.cells[_file_of(frame)]
        return cell, frame.tb_lineno + dropped


def _file_of(frame: TracebackType) -> str:
    return frame.tb_frame.f_code.co_filename


class Shell(InteractiveShell):
    """IPython that records what cells put out."""

    displayhook_class = Type(Hook)
    display_pub_class = Type(Publisher)
    compiler_class = Type(Compiler)
    recorder = AnyTrait()

    @property
    def compiler(self) -> Compiler:
        """The compiler, of the class that is named above."""
        return cast(Compiler, self.compile)

    def _showtraceback(self, etype: type, evalue: object, stb: list[str]) -> None:
        self.recorder.error(etype, evalue, stb)

    def _tee(self, channel: str) -> Any:
        # IPython 9 keeps all that is printed in a history without bounds.
        return contextlib.nullcontext()

    def enable_gui(self, gui: str | None = None) -> None:
        """Nothing: there is no event loop."""

    def enable_matplotlib(self, gui: str | None = None) -> tuple[str, str]:
        """Draw into the outputs, whatever `%matplotlib` asks for: there is no window."""
        return super().enable_matplotlib("inline")

    def ask_exit(self) -> None:
        """Nothing: `exit` in a notebook ends nothing."""


def _shell_of(part: DisplayHook | DisplayPublisher) -> Shell:
    return cast(Shell, part.shell)


def make_shell(recorder: Recorder) -> Shell:
    """The shell that a submission's cells run in, with figures drawn into the outputs."""
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.cache_size = 0
    shell = Shell.instance(config=config, recorder=recorder)
    formatter = cast(DisplayFormatter, shell.display_formatter)
    formatter.active_types = ["text/plain", "image/png"]
    shell.enable_matplotlib("inline")
    for name in KERNEL_MAGICS:
        shell.magics_manager.register_function(_ignore, "line", name)
    skipping().install(shell)
    return shell


def _ignore(line: str) -> None:
    """A magic that does nothing."""


class Skipping(Protocol):
    """What `statements.py` of course_utils/notebook offers; a copy is staged in this package."""

    def install(self, shell: Shell) -> None:
        """Have a shell leave out statements that may fail."""

    def taken(self, shell: Shell) -> list[tuple[int, str, str]]:
        """What it has left out since the last call: line, statement and error of each."""


@cache
def skipping() -> Skipping:
    """That module. Looked up by name, as it is here only where this package has been staged."""
    return cast(Skipping, importlib.import_module(".statements", __package__))
