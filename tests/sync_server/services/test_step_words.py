"""What staff read of steps: every reason against one has its sentence."""

from __future__ import annotations

from schemas.guards import GUARDS
from sync_server.services.step_words import WHY


def test_every_guard_that_says_no_has_a_sentence_in_both_languages() -> None:
    told = {why: (WHY[why].zh, WHY[why].en) for why in GUARDS if why in WHY}
    assert told.keys() == GUARDS.keys()
    assert all(zh.endswith("。") and en.endswith(".") for zh, en in told.values())
