"""The demo world: synthetic people and places, the same bytes for the same seed.

What belongs here: pure rules that draw a county with its homes, families, care register and field
work, sized by ``shape.py``. Every part draws from a stream of its own, named by what it draws, so
that adding one part moves no other. Nothing here reads a clock, a file or a database; loading a
world is the business of ``services/demo_world.py``. ``docs/decisions/0010-demo-world.md`` says
where the world differs from its plan and why.
"""

from sync_server.domain.world.assembly import World, generate
from sync_server.domain.world.records import Persona, WorldRecord, WorldUser

__all__ = ["Persona", "World", "WorldRecord", "WorldUser", "generate"]
