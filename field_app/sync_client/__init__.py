"""The laptop's only door to the network.

A request either ends in a parsed, confirmed answer or raises a `SyncFault` that says what happened.
Nothing here decides what an answer means for the store.
"""

from field_app.sync_client.addresses import centre_address, reachable
from field_app.sync_client.client import Client
from field_app.sync_client.faults import PASSING, SyncFault
from field_app.sync_client.replies import Reply
from field_app.sync_client.tus import Tus

__all__ = ["PASSING", "Client", "Reply", "SyncFault", "Tus", "centre_address", "reachable"]
