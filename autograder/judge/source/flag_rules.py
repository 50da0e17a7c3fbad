"""The names that raise a flag in a submission, grouped by what they are for.

Names that begin with a listed name count as well. Honest notebooks draw, time, warn, count,
install, print and set options; what that takes is not listed, or is let off by name.
"""

import re


def _table(text: str) -> dict[str, list[str]]:
    """Lines of `what it does: names`; a line that is indented goes on with the names."""
    entries = re.sub(r"\n +", " ", text).strip().splitlines()
    return {does: names.split() for does, names in (entry.split(": ", 1) for entry in entries)}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LOOKS_AROUND = "looks around in the interpreter"
REPLACES = "replaces parts of other modules"
SHELLS = "runs a command of the shell or of another language"
FOR_THE_GRADER = "looks for the grader"

USES = _table(f"""
{LOOKS_AROUND}: gc ctypes _ctypes linecache __builtins__ traceback.walk_stack traceback.walk_tb
    traceback.StackSummary traceback.extract_stack traceback.format_stack
    sys.modules sys._getframe sys._current_frames sys._current_exceptions sys.settrace
    sys.setprofile
    sys.addaudithook sys.meta_path sys.path_hooks sys.last_traceback sys.call_tracing
    inspect.stack inspect.currentframe inspect.trace inspect.getouterframes
    inspect.getinnerframes inspect.getframeinfo inspect.getclosurevars inspect.getgeneratorlocals
    inspect.getcoroutinelocals logging.currentframe logging._srcfile logging.Logger.findCaller bdb
    asyncio.Task.get_stack threading.settrace threading.setprofile
starts other programs or processes: subprocess multiprocessing torch.multiprocessing pty
    concurrent.futures.ProcessPoolExecutor asyncio.create_subprocess_exec
    asyncio.create_subprocess_shell
    os.system os.popen os.fork os.forkpty os.posix_spawn os.posix_spawnp os.startfile
    os.execl os.execle os.execlp os.execlpe os.execv os.execve os.execvp os.execvpe
    os.spawnl os.spawnle os.spawnlp os.spawnlpe os.spawnv os.spawnve os.spawnvp os.spawnvpe
ends, signals or outlives its process: os._exit os.abort os.kill os.killpg os.setsid os.setpgid
    os.setpgrp
    signal atexit
starts threads: threading _thread concurrent.futures
uses the network: socket _socket ssl urllib.request urllib3 requests http ftplib smtplib telnetlib
    xmlrpc
    aiohttp httpx torch.hub asyncio.open_connection
reads or writes pickles, which can run code: pickle _pickle dill cloudpickle joblib shelve marshal
    copyreg
makes code while it runs: builtins.eval builtins.exec builtins.compile builtins.__import__ runpy
    importlib.import_module importlib.__import__ importlib.util importlib.machinery
    code codeop types.CodeType torch.utils.cpp_extension
asks where it runs: os.environ os.environb os.getenv os.getuid os.geteuid os.getgid os.getpid
    os.getppid
    os.getlogin os.uname getpass pwd platform.node platform.uname resource
uses inner parts of torch: torch._C torch._VF torch.ops torch.library torch.overrides
    torch.utils._python_dispatch torch.utils._pytree
asks for other rights: os.setuid os.setgid os.seteuid os.setegid os.setgroups os.mknod os.chroot
{REPLACES}: unittest.mock pytest.MonkeyPatch _pytest
{FOR_THE_GRADER}: nbgrader autograder course_utils.reference inside wire worker blocker zygote
""")
WATCHED = {name: does for does, names in USES.items() for name in names}
# Known honest uses of what is watched.
HARMLESS = _words("""
    threading.Lock threading.RLock multiprocessing.cpu_count torch.multiprocessing.cpu_count
    ssl._create_default_https_context ssl._create_unverified_context
""")
# Setting these is what they are for.
SETTINGS = (
    *("torch.backends", "matplotlib", "PIL", "pandas", "tqdm", "warnings", "ssl"),
    "IPython.core.interactiveshell.InteractiveShell.ast_node_interactivity",
)
BENIGN_VARIABLES = ("CUDA", "COLAB", "KAGGLE", "PYTORCH", "TORCH", "OMP", "MKL")
COLAB = "google.colab"
# A name that is put together is looked up in one of these to hide it; elsewhere it is an option's.
LOOKED_UP = _words("torch torch.nn torch.nn.functional torch.Tensor builtins os sys")

SHELL = _words("get_ipython().system get_ipython().getoutput")
SHELL_MAGICS = _words("""
    ! !! %%! %sx %system %%sx %%system %%bash %%sh %%script %%cmd %%perl %%ruby %%python %%python2
    %%python3
    %%pypy %%javascript %%js %%writefile %%file %run %store
""")
MAGIC_METHODS = _words("run_line_magic run_cell_magic magic system getoutput")
_PIP = r"(?:python3?\s+-m\s+)?(?:pip3?|conda|mamba|uv pip)\s+(?:install|list|show|freeze)\b"
_APT = r"(?:sudo\s+)?apt(?:-get)?\s+(?:-\S+\s+)*(?:install|update)\b"
_LOOKS = r"(?:nvidia-smi|nproc|lscpu|free|df|pwd|date|python3?\s+(?:-V|--version))\b"
# Unpacking the course and fetching data, as the student guide and Colab do. Their paths are looked
# at below.
_FILES = r"(?:python3?\s+-m\s+zipfile\s+-e|unzip|ls|mkdir|wget|curl|git\s+clone|gdown)\b"
_ELSEWHERE = (
    r"(?!.*(?:^|[\s=\"'])(?:/(?!content\b)|~|\.\./|file:))"  # a path out of the working folder
)
HONEST_SHELL = re.compile(rf"!!?\s*(?:{_PIP}|{_APT}|{_LOOKS}|{_FILES}(?:{_ELSEWHERE}))[^;&|<>`$]*$")

INNER_ATTRIBUTES = _words("""
    __subclasses__ __globals__ __builtins__ __code__ __closure__ __loader__ __traceback__
    cell_contents
    f_back f_globals f_locals f_builtins f_trace f_code tb_frame tb_next gi_frame cr_frame ag_frame
    gi_yieldfrom cr_await cr_origin findCaller
""")
# Methods by which an object answers for itself when it is compared, sent or thrown away.
ANSWERING = _words("""
    __torch_function__ __torch_dispatch__ __array_function__ __array_ufunc__ __reduce__
    __reduce_ex__
    __setstate__ __del__ __instancecheck__ __subclasscheck__
""")
COMPARING = _words("__eq__ __ne__ __lt__ __le__ __gt__ __ge__ __bool__ __contains__")

_FOLDERS = "proc|sys|etc|dev|run|var|root|boot|usr|srv|worker|course|autograder|gradescope"
SYSTEM_PATH = re.compile(rf"/(?:{_FOLDERS})(?:/|$)")
GRADER = re.compile(
    r"gradebook|nbgrader|autograder|course_utils[./]reference|\bconftest\b|hidden.?tests?\b|verdict\.json"
)
SCRIPT = re.compile(r"<\s*script\b|javascript:", re.IGNORECASE)
LISTING = _words("""
    os.listdir os.walk os.scandir os.fwalk glob.glob glob.iglob shutil.copytree shutil.rmtree
""")
LISTING_METHODS = _words("rglob glob iterdir walk")
AWAY = re.compile(r"^[/~]|^\.\./?$|\.\./\.\.")

# Characters that a reader does not see, or sees in another order: overrides of the writing
# direction, letters without a width, and the tags that spell out hidden text. Joiners are left out:
# emoji are made with them.
HIDDEN = re.compile("[\u200b\u2060\u202a-\u202e\u2066-\u2069\ufeff\U000e0000-\U000e007f]")
