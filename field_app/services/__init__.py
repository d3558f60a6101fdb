"""What a person at the laptop can do, one verb each.

A service is handed the unlocked worker (`Workspace`), decides with the pure rules of `domain` and
writes through `store` in one commit. No page, no request and no session is known here.
"""
