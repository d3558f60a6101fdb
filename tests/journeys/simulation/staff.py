"""The staff at the centre: they know who holds which grid, and do what only staff can do."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime

from tests.field_app.laptops import Hands
from tests.journeys.simulation.centre import House
from tests.journeys.simulation.chance import Tally


@dataclass
class Staff:
    """``grids`` are each worker's at this moment; ``held`` what he held since when."""

    house: House
    chance: random.Random
    hands: Hands
    grids: dict[str, tuple[str, ...]]
    tally: Tally
    held: list[tuple[datetime, str, tuple[str, ...]]] = field(default_factory=list)
