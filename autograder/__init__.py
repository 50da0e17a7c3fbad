"""The autograder: masters to notebooks, submissions to verdicts, verdicts to gradebooks. NOT
SHIPPED.
"""

import sys

# nbformat imports jsonschema, and that builds a parser of internationalised URLs where this package
# is installed: a second of each start, for a format that no notebook's schema uses.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
