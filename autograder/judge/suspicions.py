"""What in a student's code an instructor may want to look at. It costs nothing, and accuses nobody.

Honest notebooks draw, time, warn, count, install, print and set options; none of that is listed here. What is
has no place in the answers of an assignment: whatever reaches around the functions that were asked for.
"""

import ast
import re
from collections.abc import Callable, Iterator
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import NamedTuple

from autograder.judge.bindings import Names, Scope, constant, object_of, split
from autograder.judge.code_cells import Code


class Seen(NamedTuple):
    """Something seen: what it does, for a sentence, and where.

    what  for example; told the first time only
    """

    does: str
    line: int
    what: str = ""


LOOKS_AROUND = "looks around in the interpreter"
REPLACES = "replaces parts of other modules"
SHELLS = "runs a command of the shell or of another language"
FOR_THE_GRADER = "looks for the grader"

# What a dotted name is for. Whatever begins with one of these names is meant, too.
USES = {
    LOOKS_AROUND: [
        *("gc", "ctypes", "sys.modules", "sys._getframe", "sys._current_frames", "sys.settrace"),
        *("sys.setprofile", "sys.meta_path", "sys.path_hooks", "sys.addaudithook", "linecache"),
        *("inspect.stack", "inspect.currentframe", "inspect.trace", "inspect.getouterframes"),
        *(
            "inspect.getinnerframes",
            "inspect.getframeinfo",
            "traceback.walk_stack",
            "_ctypes",
            "__builtins__",
        ),
    ],
    "starts other programs or processes": [
        *(
            "subprocess",
            "multiprocessing",
            "torch.multiprocessing",
            "pty",
            "os.system",
            "os.popen",
            "os.fork",
        ),
        *(
            "os.forkpty",
            "os.posix_spawn",
            "os.posix_spawnp",
            "os.startfile",
            "asyncio.create_subprocess_exec",
        ),
        *("asyncio.create_subprocess_shell", "concurrent.futures.ProcessPoolExecutor"),
        *(
            f"os.{word}{way}"
            for word in ("exec", "spawn")
            for way in ("l", "le", "lp", "v", "ve", "vp", "vpe")
        ),
    ],
    "ends, signals or outlives its process": [
        *("os._exit", "os.abort", "os.kill", "os.killpg", "os.setsid", "os.setpgid", "os.setpgrp", "signal"),
        "atexit",
    ],
    "starts threads": ["threading", "_thread", "concurrent.futures"],
    "uses the network": [
        *("socket", "_socket", "ssl", "urllib.request", "urllib3", "requests", "http", "ftplib", "smtplib"),
        *("aiohttp", "httpx", "telnetlib", "xmlrpc", "torch.hub", "asyncio.open_connection"),
    ],
    "reads or writes pickles, which can run code": [
        *("pickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "copyreg"),
    ],
    "makes code while it runs": [
        *("builtins.eval", "builtins.exec", "builtins.compile", "builtins.__import__", "runpy"),
        *("importlib.import_module", "importlib.__import__", "importlib.util", "importlib.machinery"),
        *("code", "codeop", "types.CodeType", "torch.utils.cpp_extension"),
    ],
    "asks where it runs": [
        *("os.environ", "os.environb", "os.getenv", "os.getuid", "os.geteuid", "os.getgid", "os.getpid"),
        *("os.getppid", "os.getlogin", "os.uname", "getpass", "pwd", "platform.node"),
        *("platform.uname", "resource"),
    ],
    "uses inner parts of torch": [
        *("torch._C", "torch._VF", "torch.ops", "torch.library", "torch.overrides"),
        *("torch.utils._python_dispatch", "torch.utils._pytree"),
    ],
    "asks for other rights": [
        "os.setuid",
        "os.setgid",
        "os.seteuid",
        "os.setgroups",
        "os.mknod",
        "os.chroot",
    ],
    REPLACES: ["unittest.mock", "pytest.MonkeyPatch", "_pytest"],
    FOR_THE_GRADER: [
        *("nbgrader", "autograder", "course_utils.reference", "wire", "worker", "blocked", "zygote"),
    ],
}
WATCHED = {name: does for does, names in USES.items() for name in names}
# Known honest uses of what is watched.
HARMLESS = {
    *("threading.Lock", "threading.RLock", "multiprocessing.cpu_count", "torch.multiprocessing.cpu_count"),
    *("ssl._create_default_https_context", "ssl._create_unverified_context", "signal.__doc__"),
}

# Setting these is what they are for.
SETTINGS = (
    *("torch.backends", "matplotlib", "PIL", "pandas", "tqdm", "warnings", "ssl"),
    "IPython.core.interactiveshell.InteractiveShell.ast_node_interactivity",
)

SHELL = {"get_ipython().system", "get_ipython().getoutput"}
SHELL_MAGICS = {
    *(
        "!",
        "!!",
        "%%!",
        "%sx",
        "%system",
        "%%sx",
        "%%system",
        "%%bash",
        "%%sh",
        "%%script",
        "%%cmd",
        "%%perl",
    ),
    *(
        "%%ruby",
        "%%python",
        "%%python2",
        "%%python3",
        "%%pypy",
        "%%javascript",
        "%%js",
        "%%writefile",
        "%%file",
    ),
    *("%run", "%store"),
}
PIP = r"(?:python3?\s+-m\s+)?(?:pip3?|conda|uv pip)\s+(?:install|list|show)\b"
INSTALLS = re.compile(rf"!!?\s*(?:{PIP}|nvidia-smi\b)")
MAGIC_METHODS = ("run_line_magic", "run_cell_magic", "magic", "system", "getoutput")

INNER_ATTRIBUTES = {
    *("__subclasses__", "__globals__", "__builtins__", "__code__", "__closure__", "__loader__"),
    *("f_back", "f_globals", "f_locals", "f_builtins", "tb_frame", "gi_frame", "cr_frame", "ag_frame"),
}
# Methods by which an object answers for itself when it is compared, sent or thrown away.
ANSWERING = {
    *("__torch_function__", "__torch_dispatch__", "__array_function__", "__array_ufunc__", "__reduce__"),
    *("__reduce_ex__", "__setstate__", "__del__", "__instancecheck__", "__subclasscheck__"),
}
COMPARING = {"__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__bool__", "__contains__"}

FOLDERS = "proc|sys|etc|dev|run|var|root|boot|usr|srv|worker|course|autograder|gradescope"
SYSTEM_PATH = re.compile(rf"/(?:{FOLDERS})(?:/|$)")
GRADER = re.compile(
    r"gradebook|nbgrader|autograder|course_utils[./]reference|\bconftest\b|hidden.?tests?\b|verdict\.json"
)
SCRIPT = re.compile(r"<\s*script\b|javascript:", re.IGNORECASE)
LISTING = {
    *("os.listdir", "os.walk", "os.scandir", "os.fwalk", "glob.glob", "glob.iglob", "shutil.copytree"),
    *("shutil.rmtree",),
}
LISTING_METHODS = {"rglob", "glob", "iterdir", "walk"}
AWAY = re.compile(r"^[/~]|^\.\./?$|\.\./\.\.")

# Characters that a reader does not see, or sees in another order: overrides of the writing direction, letters
# without a width, and the tags that spell out hidden text. Joiners are left out: emoji are made with them.
HIDDEN = re.compile("[\u200b\u2060\u202a-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]")

OWNERS = (type, ModuleType, FunctionType, BuiltinFunctionType)
LITERAL = (ast.Constant, ast.Call, ast.UnaryOp, ast.unaryop, ast.List, ast.Tuple, ast.expr_context)

COLAB = "google.colab"
LOOKED_UP = {"torch", "torch.nn", "torch.nn.functional", "torch.Tensor", "builtins", "os", "sys"}
BENIGN_VARIABLES = ("CUDA", "COLAB", "KAGGLE", "PYTORCH", "TORCH", "OMP", "MKL")


def suspicions(cells: list[Code], names: Names, tasks: frozenset[str]) -> list[str]:
    """A sentence on each kind of thing: the first of it, and how many more there are."""
    found: dict[str, list[tuple[Code, Seen]]] = {}
    for code, seen in _all(cells, names, tasks):
        found.setdefault(seen.does, []).append((code, seen))
    return [_sentence(*places[0], len(places)) for places in found.values()]


def _all(cells: list[Code], names: Names, tasks: frozenset[str]) -> Iterator[tuple[Code, Seen]]:
    for code in (code for code in cells if code.own):
        for seen in [*_in_text(code), *_in_magics(code)]:
            yield code, seen
    for statement, scope in names.statements:
        if scope.code.own:
            for seen in _Look(names, tasks).at(statement, scope):
                yield scope.code, seen


def _sentence(code: Code, seen: Seen, count: int) -> str:
    what = f": `{seen.what}`" if seen.what else ""
    more = f", and {count - 1} more" if count > 1 else ""
    return f"{code.name[0].upper()}{code.name[1:]} {seen.does}{what} (line {seen.line}{more})."


def _in_text(code: Code) -> Iterator[Seen]:
    for number, line in enumerate(code.source.split("\n"), 1):
        if hidden := HIDDEN.search(line):
            yield Seen("has characters that can't be seen", number, f"U+{ord(hidden[0]):04X}")


def _in_magics(code: Code) -> Iterator[Seen]:
    for number, text in code.magics:
        word = text.split()[0]
        word = "!" if text.startswith("!") else word
        plain = INSTALLS.match(text) and not re.search(r"[;&|<>`$]", text)
        if word in SHELL_MAGICS and not plain:
            yield Seen(SHELLS, number, _shown(text))


class _Look:
    """Looks at one top-level statement."""

    def __init__(self, names: Names, tasks: frozenset[str]) -> None:
        self.names, self.tasks = names, tasks
        self.excused: set[int] = set()  # parts of something harmless

    def at(self, statement: ast.stmt, scope: Scope) -> Iterator[Seen]:
        """What is seen in a statement, from the outside in."""
        for node, around in self.names.walk(statement, scope):
            for look in LOOKS.get(type(node), ()):
                yield from look(self, node, around)

    def imports(self, node: ast.Import, scope: Scope) -> Iterator[Seen]:
        """An import tells nothing before its use, but for what students have no business to know of."""
        for alias in node.names:
            if alias.name.startswith(tuple(USES[FOR_THE_GRADER])):
                yield from self.uses(alias.name, node)

    def imports_from(self, node: ast.ImportFrom, scope: Scope) -> Iterator[Seen]:
        for alias in node.names:
            yield from self.uses(f"{node.module or ''}.{alias.name}", node)

    def name(self, node: ast.Name | ast.Attribute, scope: Scope) -> Iterator[Seen]:
        """A name that is used for what it stands for; of a dotted one, the whole."""
        if id(node) in self.excused:
            self.excused.add(id(getattr(node, "value", None)))
        elif isinstance(node.ctx, ast.Load) and (paths := self.names.paths(node, scope)):
            self.excused.add(id(getattr(node, "value", None)))
            for path in paths:
                yield from self.uses(path, node)

    def uses(self, path: str, node: ast.AST) -> Iterator[Seen]:
        """A dotted name, or the beginning of one, that is watched."""
        parts = path.split(".")
        starts = [".".join(parts[: count + 1]) for count in range(len(parts))]
        if HARMLESS.intersection(starts):
            return
        for start in starts:
            if start in WATCHED:
                yield Seen(WATCHED[start], node.lineno, start.removeprefix("builtins."))
                return
            if start.startswith("get_ipython().") and start.split(".")[1] not in MAGIC_METHODS:
                yield Seen("changes or reads IPython itself", node.lineno, _shown(start))
                return

    def attribute(self, node: ast.Attribute, scope: Scope) -> Iterator[Seen]:
        if node.attr in INNER_ATTRIBUTES:
            yield Seen(LOOKS_AROUND, node.lineno, node.attr)
        if not isinstance(node.ctx, ast.Load):
            yield from self.replaced(self.names.paths(node, scope), node)

    def subscript(self, node: ast.Subscript, scope: Scope) -> Iterator[Seen]:
        bases = self.names.paths(node.value, scope)
        if "os.environ" in bases:
            key = constant(node.slice)
            if not isinstance(node.ctx, ast.Load) or key.startswith(BENIGN_VARIABLES):
                self.excused.add(id(node.value))
        elif not isinstance(node.ctx, ast.Load):
            yield from self.replaced(self.names.paths(node, scope), node)
            if any(path.endswith(".__dict__") or path == "sys.modules" for path in bases):
                yield Seen(REPLACES, node.lineno, min(bases))

    def replaced(self, paths: frozenset[str], node: ast.AST) -> Iterator[Seen]:
        """A name of a module or a class, not of an object, that is set or deleted."""
        for path in paths:
            owner = object_of(path.rpartition(".")[0])
            inner = owner is None or isinstance(owner, OWNERS)
            if inner and "." in path and not path.startswith((*SETTINGS, "get_ipython()")):
                yield Seen(REPLACES, node.lineno, _shown(path))

    def compared(self, node: ast.Compare, scope: Scope) -> Iterator[Seen]:
        """`"google.colab" in sys.modules` is how everybody asks."""
        if constant(node.left) == COLAB:
            self.excused |= {id(right) for right in node.comparators}
        yield from ()

    def call(self, node: ast.Call, scope: Scope) -> Iterator[Seen]:
        functions = self.names.paths(node.func, scope)
        bases = self.names.paths(node.args[0], scope) if node.args else frozenset()
        text = [constant(argument) for argument in node.args[:2]]
        if functions & {"builtins.setattr", "builtins.delattr"} and len(node.args) > 1:
            yield from self.replaced(frozenset(f"{base}.{text[1] or '…'}" for base in bases), node)
        elif "builtins.getattr" in functions and len(node.args) > 1 and not text[1]:
            yield from self.looked_up(bases, node)
        elif "builtins.vars" in functions and any(split(base)[0] for base in bases):
            yield Seen(LOOKS_AROUND, node.lineno, f"vars({min(bases)})")
        yield from self.shell(functions, text, node)
        self.environment(functions, text, node)
        yield from self.lists(functions, node)

    def looked_up(self, bases: frozenset[str], node: ast.Call) -> Iterator[Seen]:
        for base in bases & LOOKED_UP:
            yield Seen("looks something up by a name that is put together", node.lineno, base)

    def shell(self, functions: frozenset[str], text: list[str], node: ast.Call) -> Iterator[Seen]:
        way = {"get_ipython().run_line_magic": "%", "get_ipython().run_cell_magic": "%%"}
        for path in functions & {*SHELL, *way}:
            word = way.get(path, "!") + (text[0] if path in way and text else "")
            if word in SHELL_MAGICS:
                yield Seen(SHELLS, node.lineno, word)

    def environment(self, functions: frozenset[str], text: list[str], node: ast.Call) -> None:
        """Reading a variable that notebooks do ask for is excused, and so is setting any."""
        settings = {"os.environ.setdefault", "os.environ.update", "os.environ.pop", "os.putenv"}
        reads = {"os.environ.get", "os.getenv"}
        benign = bool(text) and text[0].startswith(BENIGN_VARIABLES)
        if functions & settings or (functions & reads and benign):
            self.excused |= {id(part) for part in ast.walk(node.func)}

    def lists(self, functions: frozenset[str], node: ast.Call) -> Iterator[Seen]:
        """Listing a folder that is not the notebook's own."""
        method = isinstance(node.func, ast.Attribute) and node.func.attr in LISTING_METHODS
        if not (functions & LISTING or method):
            return
        for part in ast.walk(node):
            if AWAY.search(text := constant(part)):
                yield Seen("searches folders outside of its own", node.lineno, _shown(text))

    def text(self, node: ast.Constant, scope: Scope) -> Iterator[Seen]:
        if not isinstance(node.value, str) or id(node) in self.excused or node.value == "/dev/null":
            return
        if SYSTEM_PATH.match(node.value):
            yield Seen("names a folder of the system", node.lineno, _shown(node.value))
        elif found := GRADER.search(node.value):
            yield Seen(FOR_THE_GRADER, node.lineno, found[0])
        elif SCRIPT.search(node.value):
            yield Seen("shows a script for the browser", node.lineno)

    def docstring(self, node: ast.Expr, scope: Scope) -> Iterator[Seen]:
        """Text that is no value of anything: whatever it says, nobody does it."""
        if isinstance(node.value, ast.Constant):
            self.excused.add(id(node.value))
        yield from ()

    def function(self, node: ast.FunctionDef, scope: Scope) -> Iterator[Seen]:
        yield from self.answers(node.name, node.body, node)
        if node.name in self.tasks and _is_a_table(node):
            yield Seen("answers from a table of numbers", node.lineno, node.name)

    def dictionary(self, node: ast.Dict, scope: Scope) -> Iterator[Seen]:
        """Methods of a class that is made by `type("Name", (), {"__eq__": lambda ...})`."""
        for key, value in zip(node.keys, node.values, strict=True):
            if key is not None and isinstance(value, ast.Lambda):
                yield from self.answers(constant(key), [ast.Return(value.body)], node)

    def answers(self, method: str, body: list[ast.stmt], node: ast.AST) -> Iterator[Seen]:
        returned = [statement.value for statement in body if isinstance(statement, ast.Return)]
        same = len(returned) == len(body) and all(isinstance(value, ast.Constant) for value in returned)
        if method in ANSWERING or (method in COMPARING and same):
            yield Seen("makes an object that answers for itself when it is looked at", node.lineno, method)

    def raised(self, node: ast.Raise, scope: Scope) -> Iterator[Seen]:
        """Whole values in the text of an exception. Its cause's text, a name or a size are no values."""
        said = node.exc.args if isinstance(node.exc, ast.Call) else []
        for part in (part for one in said for part in ast.walk(one) if isinstance(part, ast.Call)):
            attribute = part.func.attr if isinstance(part.func, ast.Attribute) else ""
            whole = self.names.paths(part.func, scope) & {"builtins.str", "builtins.repr"} and part.args
            if attribute in ("tolist", "numpy") or (whole and self.is_given(part.args[0], scope)):
                yield Seen("puts what it was given into the text of an exception", node.lineno)

    def is_given(self, node: ast.AST, scope: Scope) -> bool:
        """Whether it is a parameter, as a whole."""
        inner: Scope | None = scope
        while inner is not None and isinstance(node, ast.Name):
            if bounds := inner.locals.get(node.id):
                # A parameter is bound from outside, the name of a caught exception inside.
                return bounds[0].value is None and bounds[0].scope is not inner
            inner = inner.parent
        return False


def _is_a_table(function: ast.FunctionDef) -> bool:
    """Whether all that a function can return is written out in it, and there is more than one such answer."""
    returned = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
    written = {ast.dump(value) for value in returned if value is not None and _is_literal(value)}
    return len(returned) > 1 and len(written) == len(returned)


def _is_literal(node: ast.expr) -> bool:
    """Numbers, and what is made of nothing else: `torch.tensor(12.5)`."""
    aside: set[int] = set()  # what is called, and options
    for part in ast.walk(node):
        parts = [part.func, *part.keywords] if isinstance(part, ast.Call) else []
        aside |= {id(inner) for one in parts for inner in ast.walk(one)}
    return all(isinstance(part, LITERAL) or id(part) in aside for part in ast.walk(node))


def _shown(text: str) -> str:
    """A few characters of what a student wrote."""
    shown = "".join(letter if letter.isprintable() and letter != "`" else " " for letter in text[:60])
    return shown.strip() + ("…" if len(text) > 60 else "")


LOOKS: dict[type, tuple[Callable[[_Look, ast.AST, Scope], Iterator[Seen]], ...]] = {
    ast.Import: (_Look.imports,),
    ast.ImportFrom: (_Look.imports_from,),
    ast.Name: (_Look.name,),
    ast.Attribute: (_Look.attribute, _Look.name),
    ast.Subscript: (_Look.subscript,),
    ast.Compare: (_Look.compared,),
    ast.Call: (_Look.call,),
    ast.Constant: (_Look.text,),
    ast.Expr: (_Look.docstring,),
    ast.FunctionDef: (_Look.function,),
    ast.AsyncFunctionDef: (_Look.function,),
    ast.Dict: (_Look.dictionary,),
    ast.Raise: (_Look.raised,),
}
