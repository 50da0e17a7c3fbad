"""Ways to call what a task forbids: here, `l2_loss` may not call torch's mean squared error."""

from attack import RIGHT, Attack
from tampering import l2

from autograder.checks import Forbidden

MSE = Forbidden(("torch.nn.functional.mse_loss", "torch.nn.MSELoss"), ("aten::mse_loss",))
PLAIN = "asks you to write yourself"


def call(
    name: str, l2_loss: str, before: str = "", flagged: str | None = "", **more: object
) -> Attack:
    """A call that costs the task its points, and nothing else."""
    return Attack(
        name, l2_loss, before=before, flagged=flagged, kinds={"forbidden"}, rules=MSE, **more
    )


SEEN = [
    call("calls it", l2("return F.mse_loss(prediction, target)")),
    call(
        "calls it by an alias",
        l2("return nnf.mse_loss(prediction, target)"),
        "import torch.nn.functional as nnf",
    ),
    call(
        "imports it by another name",
        l2("return mine(prediction, target)"),
        "from torch.nn.functional import mse_loss as mine",
    ),
    call("is it", "from torch.nn.functional import mse_loss as l2_loss"),
    call("is bound to it", "l2_loss = F.mse_loss"),
    call("calls it by getattr", l2("return getattr(F, 'mse_loss')(prediction, target)")),
    call(
        "calls it by getattr and a sum",
        l2("return getattr(torch.nn.functional, 'mse' + '_loss')(prediction, target)"),
    ),
    call(
        "calls it from a helper",
        l2("return helper(prediction, target)"),
        "def helper(*a): return torch.nn.functional.mse_loss(*a)",
    ),
    call(
        "calls it from a helper's helper",
        l2("return A().b(prediction, target)"),
        """
        class A:
            def b(self, p, t): return c(p, t)
        def c(p, t): return F.mse_loss(p, t)
    """,
    ),
    call("uses its module", l2("return torch.nn.MSELoss()(prediction, target)")),
    call(
        "keeps its module",
        l2("return loss(prediction, target)"),
        "import torch\nloss = torch.nn.MSELoss()",
    ),
    call(
        "has it for a default",
        "def l2_loss(prediction, target, f=F.mse_loss):\n    return f(prediction, target)",
    ),
    call(
        "finds it in a dictionary",
        l2("return WAYS['l2'](prediction, target)"),
        "import torch\nWAYS = {'l2': torch.nn.functional.mse_loss}",
    ),
    call(
        "finds it in the module's dictionary",
        l2("return F.__dict__['mse_loss'](prediction, target)"),
    ),
    call(
        "imports it with everything else",
        l2("return mse_loss(prediction, target)"),
        "from torch.nn.functional import *",
    ),
    call(
        "makes a partial of it",
        "from functools import partial\nl2_loss = partial(F.mse_loss, reduction='mean')",
    ),
    call(
        "calls the operator",
        l2("return torch.ops.aten.mse_loss(prediction, target)"),
        flagged="inner parts of torch",
    ),
    call(
        "calls the operator's inner name",
        l2("return torch._C._nn.mse_loss(prediction, target, 1)"),
        flagged="inner parts of torch",
    ),
]
BLOCKED = [
    call("evaluates it", l2("return eval('F.mse' + '_loss')(prediction, target)"), flagged="eval"),
    call(
        "puts its name together",
        l2("return getattr(F, '_'.join(['mse', 'loss']))(prediction, target)"),
        flagged="put together",
    ),
    call(
        "finds it by search",
        l2(
            "return [f for n, f in sorted(F.__dict__.items()) if n[:5] == "
            "'mse_l'][0](prediction, target)"
        ),
        flagged=None,
    ),
    call(
        "calls the operator by a name that is put together",
        l2("return getattr(torch.ops.aten, 'mse' + chr(95) + 'loss')(prediction, target)"),
        flagged="inner parts of torch",
    ),
    call(
        "calls it in a thread",
        l2("""
from concurrent.futures import ThreadPoolExecutor
way = getattr(torch._C._nn, "_".join(["mse", "loss"]))
return ThreadPoolExecutor(1).submit(way, prediction, target, 1).result()
"""),
        flagged="starts threads|inner parts",
    ),
    call(
        "calls what was compiled before",
        l2("return COMPILED(prediction, target)"),
        """
        import torch
        COMPILED = torch.jit.trace(eval("torch.nn.MSELoss()"), (torch.ones(1), torch.ones(1)))
    """,
        flagged="eval",
    ),
    call(
        "calls it within autograd",
        """
        class Own(torch.autograd.Function):
            @staticmethod
            def forward(context, p, t):
                context.save_for_backward(p - t)
                return eval("F.mse_loss")(p, t)
            @staticmethod
            def backward(context, slope):
                difference, = context.saved_tensors
                return 2 * slope * difference / difference.numel(), None
        def l2_loss(prediction, target):
            return Own.apply(prediction, target)
    """,
        flagged="eval",
    ),
    call(
        "catches what that raises",
        l2("""
try:
    return eval("F.mse_loss")(prediction, target)
except BaseException:
    return 0.5 * (prediction - target).square().sum(dim=1).mean()
"""),
        flagged="eval",
    ),
]
REACHING = [
    call(
        "walks to the blocker by logging.currentframe and empties its rules",
        l2("""
frame = logging.currentframe()
while frame is not None:
    for names in (frame.f_locals, frame.f_globals, vars(frame.f_globals.get("blocker", object))):
        for name, value in [*names.items()]:
            if isinstance(value, (dict, list, set)) and ("rule" in name or "refused" in name):
                value.clear()
    frame = frame.f_back
try:
    return getattr(F, "_".join(["mse", "loss"]))(prediction, target)
except PermissionError:
    return 0.5 * (prediction - target).square().sum(dim=1).mean()
"""),
        "import logging",
        flagged="logging.currentframe|f_back|put together",
    ),
    call(
        "starts a process for it",
        l2("""
import multiprocessing
process = multiprocessing.get_context("spawn").Process(target=print)
process.start()
return prediction.sum()
"""),
        flagged="starts other programs",
    ),
    call(
        "lets a loader's child call it",
        l2("""
class Data:
    def __len__(self): return 1
    def __getitem__(self, _): return vars(F)["_".join(["mse", "loss"])](prediction, target)
return next(iter(torch.utils.data.DataLoader(Data(), num_workers=1, batch_size=None)))
"""),
        flagged="looks around",
    ),
]
ALLOWED = [
    Attack("writes it out", RIGHT, rules=MSE, earns=(3, 4)),
    Attack(
        "compares with it in a cell of its own",
        RIGHT,
        rules=MSE,
        earns=(3, 4),
        after="""
        a, b = torch.randn(2, 2, 3, 3), torch.randn(2, 2, 3, 3)
        expected = F.mse_loss(a, b)
        print(torch.allclose(l2_loss(a, b), expected))
        def compare(): return F.mse_loss(a, b) - l2_loss(a, b)
    """,
    ),
    Attack(
        "used it in an earlier try",
        RIGHT,
        rules=MSE,
        earns=(3, 4),
        before="""
        def l2_loss(prediction, target): return torch.nn.functional.mse_loss(prediction, target)
    """,
    ),
    Attack(
        "asks for its class, names it in annotations and captures its name",
        l2("""
if isinstance(target, torch.nn.MSELoss) or type(target) is torch.nn.MSELoss:
    raise TypeError
match prediction - target:
    case mse_loss:
        return 0.5 * mse_loss.square().sum(dim=1).mean()
"""),
        before="""
            from torch.nn.functional import *
            def check(loss: torch.nn.MSELoss) -> torch.nn.MSELoss: pass
        """,
        rules=MSE,
        earns=(3, 4),
    ),
    Attack(
        "calls a method of that name of its own",
        l2("return mine.square(prediction - target)"),
        before="""
            from types import SimpleNamespace
            mine = SimpleNamespace(square=lambda x: 0.5 * (x * x).sum(dim=1).mean())
        """,
        rules=Forbidden((*MSE.names, "torch.Tensor.square"), MSE.ops),
        earns=(3, 4),
    ),
    Attack(
        "calls it in another task",
        RIGHT,
        rules=MSE,
        earns=(3, 4),
        weights="""
        def rebalancing_weights(prior, lam=0.5):
            weights = 1 / ((1 - lam) * prior + lam / len(prior)) + F.mse_loss(prior, prior)
            return weights / (prior * weights).sum()
    """,
    ),
]

FORBIDDEN = [*SEEN, *BLOCKED, *REACHING, *ALLOWED]
