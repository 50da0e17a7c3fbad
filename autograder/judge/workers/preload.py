"""What a worker imports before it meets a student's code, so that its time and its names are
nobody's.
"""

import ast

from IPython.core.inputtransformer2 import TransformerManager

from autograder.authoring.master import Master


def preload_of(master: Master) -> list[str]:
    """What the assignment's notebook imports, by its dotted name.

    Also each name that is taken out of a module: some packages load theirs only when they are asked
    for it.
    """
    names: set[str] = set()
    for cell in master.named("code"):
        for node in ast.parse(TransformerManager().transform_cell(cell.source)).body:
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return sorted(names)
