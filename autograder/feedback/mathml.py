"""Formulas as MathML, which browsers show without scripts, web fonts or a network."""

import re
from functools import lru_cache
from html import escape
from html.entities import html5
from xml.etree import ElementTree

from math_core import LatexError, LatexToMathML

# The converter calls itself for what is nested, and would overflow the stack: so nothing is longer
# than this,
LONGEST = 2_000  # characters,
# nor defines a command, with which little would become much.
DEFINES = re.compile(r"\\(?:newcommand|renewcommand|providecommand|g?def|let|global)(?![A-Za-z])")
# TeX's own word for one more space below a row, which the converter takes for text.
ROW_SPACE = re.compile(r"\\\\\s*\[\s*-?[\d.]+\s*(?:ex|em|pt|mm|cm|in|px)\s*\]")
ENTITY = re.compile(r"&(?!(?:lt|gt|amp|quot|apos);)(\w+;)")  # HTML has names that XML has not
# The presentational elements of MathML Core, and of their attributes those that lead nowhere.
TOKENS = {"mi", "mn", "mo", "ms", "mspace", "mtext", "none"}
SCRIPTS = {
    "mmultiscripts",
    "mover",
    "mprescripts",
    "msub",
    "msubsup",
    "msup",
    "munder",
    "munderover",
}
TABLES = {"mtable", "mtd", "mtr"}
ELEMENTS = (
    TOKENS
    | SCRIPTS
    | TABLES
    | {"math", "mfrac", "mpadded", "mphantom", "mroot", "mrow", "msqrt", "mstyle"}
)
FORBIDDEN = re.compile(r"on.*|href|src|xlink.*|id|actiontype|altimg", re.IGNORECASE)

_converter = LatexToMathML(
    max_expansions=30, fancy_error=False
)  # some of LaTeX's own commands are expanded


@lru_cache(maxsize=4096)
def as_mathml(latex: str, *, display: bool = False) -> str:
    r"""A formula as HTML: MathML, or its source as text where it is not understood.

    latex    without its dollars, as in \frac{1}{2}
    display  whether the formula has a separate line
    """
    mathml = _converted(latex, display)
    if mathml is None:
        return as_source(latex, display=display)
    return f'<span class="formula">{mathml}</span>' if display else mathml


def as_source(latex: str, *, display: bool = False) -> str:
    """A formula as it was written, for HTML or for an attribute in it."""
    dollars = "$$" if display else "$"
    return f"{dollars}{escape(latex)}{dollars}"


def _converted(latex: str, display: bool) -> str | None:
    if len(latex) > LONGEST or DEFINES.search(latex):
        return None
    try:
        mathml = _converter.convert_with_local_state(
            ROW_SPACE.sub(r"\\\\", latex), displaystyle=display
        )
        mathml = ENTITY.sub(lambda name: html5[name[1]], mathml)
        harmless = all(_is_harmless(element) for element in ElementTree.fromstring(mathml).iter())
    except (LatexError, KeyError, ValueError, ElementTree.ParseError):
        return None
    except BaseException as error:  # a panic of the native converter is no Exception
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        return None
    return mathml if harmless else None


def _is_harmless(element: ElementTree.Element) -> bool:
    return element.tag in ELEMENTS and not any(FORBIDDEN.fullmatch(name) for name in element.attrib)
