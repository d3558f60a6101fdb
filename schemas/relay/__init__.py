"""Relay files: exchanges carried by hand where there is no link (docs/relay-format.md).

A ``.gridbatch`` goes from a laptop to its centre, a ``.gridreceipt`` comes back. Layout and rules
stand in ``docs/relay-format.md``; ``sealing`` is the encrypted stream, ``parts`` what lies in it,
``headers`` what each file says of itself. Everything is streamed: memory does not grow with the
file.
"""
