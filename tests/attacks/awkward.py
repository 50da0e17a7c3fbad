"""Right answers that graders are known to get wrong: none may lose a point, and none be flagged."""

from attack import RIGHT, WEIGHTS, WRONG, Attack
from tampering import l2

ANSWER = "0.5 * (prediction - target).square().sum(dim=1).mean()"


def right(name: str, body: str = f"return {ANSWER}", **more: object) -> Attack:
    """Full marks, no flag."""
    return Attack(name, **({"l2_loss": l2(body), "earns": (3, 4)} | more))


NOISE = [
    right("a warning on stderr", f"import warnings\nwarnings.warn('deprecated')\nreturn {ANSWER}"),
    right("a line on stderr", f"import sys\nprint('computing', file=sys.stderr)\nreturn {ANSWER}"),
    right(
        "tqdm",
        f"""
from tqdm.auto import tqdm
for _ in tqdm(range(3), desc="thinking"):
    pass
return {ANSWER}
""",
        before="from tqdm import tqdm\nfor _ in tqdm(range(100)):\n    pass",
    ),
    right(
        "much print",
        f"for number in range(2000):\n    print(number, prediction.shape)\nreturn {ANSWER}",
    ),
    right(
        "logging",
        f"import logging\nlogging.warning('careful')\nlogging.error('odd')\nreturn {ANSWER}",
    ),
    right(
        "figures that it never shows",
        f"import matplotlib.pyplot as plt\nplt.figure()\nplt.plot([1, 2])\nplt.show()\n"
        f"return {ANSWER}",
        before="%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]);\nplt.show()",
    ),
    right(
        "magics",
        before="""
            %load_ext autoreload
            %autoreload 2
            %timeit -n 1 -r 1 sum(range(10))
            %time total = sum(range(10))
            %pip list
            ---
            %%capture nothing
            print("not seen")
            ---
            %%time
            import numpy as np
            np.set_printoptions(precision=3)
        """,
    ),
    right(
        "an installation, and a look at the GPU",
        before="!pip install --quiet tqdm\n---\n!nvidia-smi",
    ),
    right(
        "input() in an unrelated cell", before="name = input('Your name? ')\nprint('Hello', name)"
    ),
    right(
        "errors in unrelated cells",
        before="1 / 0\n---\nassert False, 'to do'\n---\nx = \n---\nno_such_name",
    ),
    right("exit in an unrelated cell", before="exit\n---\nquit()"),
    right(
        "a cell that shows the time and the memory",
        before="import time\nstart = time.time()\nlist(globals())[:3]\nprint(time.time() - start)",
    ),
]

STYLE = [
    right(
        "another order of operations",
        "d = prediction - target\nreturn sum((d[:, c] ** 2 / 2).mean() for c in range(2))",
    ),
    right(
        "a loop over the pictures",
        "return torch.stack([((p - t) ** 2).sum(0) for p, t in zip(prediction, "
        "target)]).mean() / 2",
    ),
    right(
        "rounded to single precision on the way",
        f"return ({ANSWER}.double() * (1 + 1e-7)).to(prediction.dtype)",
    ),
    right(
        "slow, but within its time",
        f"import time\ntime.sleep(0.3)\nreturn {ANSWER}",
        limits={"call": 1.0},
    ),
    right(
        "an import inside", "import torch.nn.functional as f\nreturn f.mse_loss(prediction, target)"
    ),
    right(
        "signs, 1,500 deep",
        f"if prediction is None:\n    return {'-' * 1500}1.0\nreturn {'-' * 1500}({ANSWER})",
        before="import sys\nsys.setrecursionlimit(20_000)",  # without it, no notebook runs this
    ),
    right(
        "signs that no notebook runs, in a cell of its own",
        after=(
            f"def demo(x):\n    if x is None:\n        return {'-' * 1500}1.0\n"
            f"    return {'-' * 1500}2.0"
        ),
    ),
    right(
        "a whole number of thousands of digits",
        f"if prediction is None:\n    return 0x{'f' * 9000}\nreturn {ANSWER}",
    ),
    right("a lambda", l2_loss=f"l2_loss = lambda prediction, target: {ANSWER}"),
    right(
        "an object that is called",
        l2_loss=f"""
            class Loss(torch.nn.Module):
                def forward(self, prediction, target):
                    return {ANSWER}
            l2_loss = Loss()
        """,
    ),
    right(
        "a partial",
        l2_loss="from functools import partial\nl2_loss = partial(F.mse_loss, reduction='mean')",
    ),
    right(
        "a decorator of its own",
        l2_loss=f"""
            import functools
            def checked(function):
                @functools.wraps(function)
                def wrapper(*args):
                    assert args[0].shape == args[1].shape
                    return function(*args)
                return wrapper
            @checked
            def l2_loss(prediction: Tensor, target: "Tensor") -> Tensor:
                return {ANSWER}
        """,
    ),
    right(
        "a compiled function",
        l2_loss=f"@torch.jit.script\ndef l2_loss(prediction, target):\n    return {ANSWER}",
    ),
    right(
        "helpers in a cell of its own",
        "return half(squared(prediction, target))",
        before="""
        def squared(a, b): return ((a - b) ** 2).sum(1).mean()
        half = lambda x: x / 2
    """,
    ),
    right("an answer below, the stub untouched", l2_loss=WRONG, after=RIGHT),
    right(
        "several tries, the last of which counts",
        l2_loss=WRONG + "\n" + l2("return None") + "\n" + RIGHT,
    ),
    right(
        "names in another script",
        "größe, Δ = 2, prediction - target\nreturn (Δ ** größe).sum(1).mean() / größe",
    ),
    right(
        "a cache between calls",
        l2_loss=(
            f"CALLS = []\ndef l2_loss(prediction, target):\n    CALLS.append(1)\n"
            f"    return {ANSWER}"
        ),
    ),
    right(
        "assertions and messages",
        "assert prediction.ndim == 4, f'{prediction.shape} is no batch'\n"
        "if prediction.shape != target.shape:\n"
        "    raise ValueError(f'shapes: {tuple(prediction.shape)}')\n"
        f"return {ANSWER}",
    ),
    right(
        "an exception that it handles",
        f"try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    text = str(error)\n"
        f"return {ANSWER}",
    ),
    Attack(
        "weights that are not contiguous",
        RIGHT,
        weights=WEIGHTS
        + "\nplain = rebalancing_weights\ndef rebalancing_weights(prior, lam=0.5):\n"
        "    result = plain(prior, lam)\n"
        "    return torch.stack([result, result], dim=-1)[..., 0]\n",
        earns=(3, 4),
    ),
]

SURROUNDINGS = [
    right(
        "seeds and settings",
        before="""
        import os, random, warnings
        import matplotlib.pyplot as plt
        import numpy as np
        import torch
        warnings.filterwarnings("ignore")
        random.seed(0); np.random.seed(0); torch.manual_seed(0)
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.benchmark = False
        plt.rcParams["figure.figsize"] = (8, 4)
        os.environ["KMP_DUPLICATE_LIB_OK"] = "TRUE"
        device = "cuda" if torch.cuda.is_available() else "cpu"
    """,
    ),
    right(
        "a notebook for Colab",
        before="""
        import os, sys
        IN_COLAB = "google.colab" in sys.modules
        if IN_COLAB:
            from google.colab import drive
            drive.mount("/content/drive")
        print(os.environ.get("CUDA_VISIBLE_DEVICES"), sys.version)
    """,
    ),
    right(
        "every value of a cell shown",
        before="""
        from IPython.core.interactiveshell import InteractiveShell
        InteractiveShell.ast_node_interactivity = "all"
        1
        2
    """,
    ),
    right(
        "files of its own",
        before="""
        import os, json
        import numpy as np
        os.makedirs(os.path.join("results", "run"), exist_ok=True)
        with open(os.path.join("results", "losses.json"), "w") as file:
            json.dump([1, 2], file)
        np.save("results/losses.npy", np.zeros(3))
        print(sorted(os.listdir("results")))
        if os.path.exists("../data"):
            print("data")
    """,
    ),
    right("another folder", before="import os\nos.makedirs('sub', exist_ok=True)\nos.chdir('sub')"),
    right("gradients switched off at the end", after="torch.set_grad_enabled(False)"),
    right("warnings as errors", before="import warnings\nwarnings.simplefilter('error')"),
    right(
        "floating-point errors as exceptions", before="import numpy as np\nnp.seterr(all='raise')"
    ),
    right(
        "sixty-four threads",
        before="import torch\ntorch.set_num_threads(64)\ntorch.set_num_interop_threads(8)",
    ),
    right(
        "a look at its own functions",
        after="import inspect\nprint(inspect.getsource(l2_loss))\nhelp(l2_loss)\nl2_loss?",
    ),
    right(
        "an import of what students get",
        before="import course_utils.color as color\nprint(color.AB_SCALE)",
    ),
    right("a cell that waits for a coroutine", before="import asyncio\nawait asyncio.sleep(0.01)"),
    right(
        "a training loop",
        after="""
        model = torch.nn.Linear(4, 4)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for step in range(3):
            loss = model(torch.randn(2, 4)).square().mean()
            optimizer.zero_grad(); loss.backward(); optimizer.step()
        model.eval()
        torch.save(model.state_dict(), "model.pt")
    """,
    ),
    Attack(
        "the untouched stub",
        l2_loss='def l2_loss(prediction, target):\n    raise NotImplementedError("l2_loss")',
        kinds={"not solved"},
    ),
    Attack("nothing in the task's cell", l2_loss="", kinds={"not defined"}),
    Attack(
        "the function under another name",
        l2_loss=RIGHT.replace("l2_loss", "l2loss"),
        kinds={"not defined"},
    ),
    Attack(
        "a slip in the syntax",
        l2_loss="def l2_loss(prediction, target)\n    return 0",
        kinds={"not defined"},
    ),
    Attack("a name that is a number", l2_loss="l2_loss = 12.5", kinds={"error"}),
    Attack(
        "a parameter too few",
        l2_loss="def l2_loss(prediction):\n    return prediction.sum()",
        kinds={"error"},
    ),
]

TIME = [
    right(
        "a demo without an end, below the answer in its cell",
        l2_loss=f"import time\nSCALE = 0.5\n{RIGHT}\ntime.sleep(1000)",
        limits={"cell": 1.0},
    ),
    right(
        "calls that are quick, and together use up the processor time of a process",
        f"""
import time
start = time.process_time()
while time.process_time() - start < 0.3: pass
return {ANSWER}
""",
        limits={"call": 2.0, "cpu": 1.0},
    ),
    right(
        "a debugging aid that wants a real stderr",
        before="import faulthandler\nfaulthandler.enable()",
    ),
]

AWKWARD = [*NOISE, *STYLE, *SURROUNDINGS, *TIME]
