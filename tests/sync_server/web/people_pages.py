"""Pages about people and their accounts, with the roles that reach them."""

from __future__ import annotations

from tests.sync_server.web.staff import READERS, STAFF

ACCOUNTS = {"admin", "district"}
AUDIT = {"admin", "auditor"}


def people_pages(user_id: str) -> dict[str, tuple[str, str, set[str]]]:
    """Return the endpoints with their method, their address for somebody, and who may."""
    one = f"/people/{user_id}"
    return {
        "account.sign_out": ("POST", "/sign-out", set(STAFF)),
        "account.password": ("GET", "/password", set(STAFF)),
        "people.everybody": ("GET", "/people", set(READERS)),
        "people.grids": ("GET", f"{one}/grids", set(READERS)),
        "people.account": ("GET", f"{one}/account", ACCOUNTS),
        "people.reset_password": ("POST", f"{one}/password", ACCOUNTS),
        "people.switch": ("POST", f"{one}/active", ACCOUNTS),
        "people.audit": ("GET", "/audit", AUDIT),
        "people.remove_second_factor": ("POST", f"{one}/second-factor", ACCOUNTS),
        "proving.prove": ("GET", "/prove", set(STAFF)),
        "second_factor.mine": ("GET", "/second-factor", set(STAFF)),
        "second_factor.begin": ("POST", "/second-factor/begin", set(STAFF)),
        "second_factor.confirm": ("POST", "/second-factor/confirm", set(STAFF)),
        "second_factor.roles": ("GET", "/second-factor/roles", {"admin"}),
    }
