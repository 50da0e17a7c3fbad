"""What a worker imports before it meets a student's code.

Its time is then not the student's, and a student's code can't replace names while it is imported.
"""

import ast

from IPython.core.inputtransformer2 import TransformerManager

from autograder.authoring.master import Master


def preload_of(master: Master) -> list[str]:
    """What the assignment's notebook imports, as dotted names.

    Each name that is imported from a module is listed with it: some packages load a part of
    themselves only when it is asked for.
    """
    names: set[str] = set()
    for cell in master.named("code"):
        for node in ast.parse(TransformerManager().transform_cell(cell.source)).body:
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return sorted(names)
