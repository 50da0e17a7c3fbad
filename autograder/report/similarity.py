"""Pairs of submissions whose own code is most alike: something to look at, and nothing more.

The code becomes a set of k-grams of tokens, as in MOSS (Schleimer, Wilkerson and Aiken 2003):
without comments, layout and the names that the student chose, and without what the release gave
out. What many share is how one writes such a thing and is left out, too; the rest is weighted by
its rarity (TF-IDF), and the score of a pair is the cosine of its two sets.
"""

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix, triu
from sklearn.feature_extraction.text import TfidfVectorizer

from autograder.judge.source.code_cells import MAX_CODE, parse

K = 8  # tokens: about a line
COMMON = (
    10  # a passage that more students have than this, and than a quarter of the class, says nothing
)
LEAST = 40  # passages of one's own: below it two short answers are alike by chance
ALIKE = 0.3  # a lower score is not listed
MOST = 15  # pairs are listed
TOKEN = re.compile(
    r"#[^\n]*"
    r'|(?P<string>"""[\s\S]*?"""|\'\'\'[\s\S]*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\')'
    r"|(?P<word>\w+)|(?P<sign>[^\s\w])"
)

Grams = frozenset[int]
OwnCode = dict[str, Grams]  # by the task; "" for the student's own cells


@dataclass(frozen=True)
class Pair:
    """Two submissions, by their positions; tasks are those where most of the code is shared."""

    first: int
    second: int
    score: float
    tasks: list[str]


def grams_of(source: str) -> Grams:
    """The k-grams of a piece of code, as hashes that hold within this process."""
    tokens = _tokens(source)
    return frozenset(hash(tuple(tokens[at : at + K])) for at in range(len(tokens) - K + 1))


def _tokens(source: str) -> list[str]:
    chosen, tokens, before = _chosen_names(source), [], ""
    for match in TOKEN.finditer(source):
        if match.lastgroup is None:  # a comment
            continue
        token = "''" if match.lastgroup == "string" else match[0]
        tokens.append("_" if token in chosen and before != "." else token)
        before = token
    return tokens


def _chosen_names(source: str) -> set[str]:
    """The names that the code itself gives: variables, arguments, functions and classes."""
    code, names = parse(source), set()
    for node in ast.walk(code.tree) if code else ():
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
    return names


def own_code(cells: Iterable[tuple[str, str]], given: Mapping[str, str]) -> OwnCode:
    """What a student wrote, by task: the cells (id, source) that differ from the released ones."""
    released, left = set(given.values()), MAX_CODE
    own: dict[str, Grams] = {}
    for cell, source in cells:
        if source in released or len(source) > left:
            continue
        left -= len(source)
        task = cell.removeprefix("task-") if cell.startswith("task-") else ""
        own[task] = own.get(task, frozenset()) | (grams_of(source) - _given(given.get(cell, "")))
    return own


_stubs: dict[str, Grams] = {}


def _given(source: str) -> Grams:
    """The same stub for every student of the class."""
    if source not in _stubs:
        _stubs[source] = grams_of(source)
    return _stubs[source]


def most_alike(codes: list[OwnCode]) -> list[Pair]:
    """The pairs whose code is most alike, the most alike first."""
    everything = [frozenset().union(*code.values()) for code in codes]
    weights = _weights(everything)
    if weights is None:
        return []
    scores = triu(weights @ weights.T, k=1, format="coo")
    return [
        Pair(int(first), int(second), float(score), _shared(codes[first], codes[second]))
        for first, second, score in _best(scores)
    ]


def _weights(everything: list[Grams]) -> csr_matrix | None:
    """One unit row per submission; zeros where it has too little code of its own."""
    vectorizer = TfidfVectorizer(
        analyzer=lambda grams: grams, binary=True, max_df=_common(len(everything))
    )
    try:
        weights = vectorizer.fit_transform(everything)
    except ValueError:  # nobody wrote anything, or all the same
        return None
    enough = np.diff(weights.indptr) >= LEAST
    return weights.multiply(enough[:, None]).tocsr()


def _common(students: int) -> int:
    return max(COMMON, students // 4)


def _best(scores: coo_matrix) -> list[tuple[int, int, float]]:
    keep = scores.data >= ALIKE
    rows, columns, values = scores.row[keep], scores.col[keep], scores.data[keep]
    order = np.argsort(-values, kind="stable")[:MOST]
    return list(zip(rows[order], columns[order], values[order].clip(max=1), strict=True))


def _shared(one: OwnCode, other: OwnCode) -> list[str]:
    """The tasks where more than half of what the two wrote is the same."""
    both = {
        task: (one[task] & other[task], one[task] | other[task])
        for task in one.keys() & other.keys()
    }
    alike = [task for task, (same, all_) in both.items() if task and len(same) > len(all_) / 2]
    return sorted(alike, key=lambda task: -len(both[task][0]))
