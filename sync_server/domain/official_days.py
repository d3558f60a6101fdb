"""The days the State Council published: holidays, and the weekends worked in exchange for them.

They are the data of the pinned library ``chinesecalendar``. A year it does not hold yet counts as
plain Mondays to Fridays, and is said to be so wherever it matters (``Calendar.assumed``).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from types import MappingProxyType

from chinese_calendar import constants

from schemas.labels import Label

_CHINESE = {holiday.value: holiday.chinese for holiday in constants.Holiday}
PUBLISHED = frozenset(day.year for day in constants.holidays)
"""The years whose days are known."""


@lru_cache(maxsize=1)
def official_days() -> Mapping[date, bool]:
    """Return whether each day out of the ordinary is worked: False holiday, True adjusted."""
    return MappingProxyType(
        {**dict.fromkeys(constants.holidays, False), **dict.fromkeys(constants.workdays, True)}
    )


def occasion(day: date) -> Label | None:
    """Return for which festival a day was made a holiday or a working day, None for other days."""
    name = constants.holidays.get(day) or constants.workdays.get(day)
    return Label(_CHINESE.get(name, name), name) if name else None
