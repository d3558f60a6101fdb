"""How many people of which kind a grid should have (1+3+N), and how many of them it lacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

POSTS = ("leader", "full", "part", "aux")
"""The posts of a team, as ``TEAM_POST`` names them: a leader, and three kinds of worker."""
USUAL: Mapping[str, int] = {"leader": 1, "full": 1, "part": 0, "aux": 0}
"""What a district has that says nothing of its own; helpers beyond it (N) are never missed."""


def post_of(role: str, kind: str, *, leads: bool) -> str:
    """Return the post somebody fills in a grid."""
    if leads or role == "leader":
        return "leader"
    return kind if kind in POSTS else "full"


def vacancies(needed: Mapping[str, int], filled: Iterable[str]) -> dict[str, int]:
    """Return how many people are lacking in each post, posts that lack nobody left out. Who fills
    no post that is asked for stands in for nobody."""
    there = list(filled)
    lacking = {post: needed.get(post, 0) - there.count(post) for post in POSTS}
    return {post: count for post, count in lacking.items() if count > 0}
