"""Which issues usually have a photo of afterwards, and when it is asked for.

Photos are optional except where the category needs proof (decision 0017); and even there a missing
one is a question that may be answered with a reason, never a wall.
"""

from __future__ import annotations

from collections.abc import Collection

PROOF = frozenset({"ENV", "FIRE", "BLD"})
"""Categories whose proof is what the place looks like afterwards: cleared, free, taken down."""
DONE = frozenset({"solved", "partly"})
AFTER = "after"


def wants_photo(category: object, result: object, uses: Collection[str]) -> bool:
    """Tell whether a photo of afterwards is to be asked for: ``result`` of the handling, ``uses``
    of the photos at hand."""
    return category in PROOF and result in DONE and AFTER not in uses
