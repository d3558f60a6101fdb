"""The contract both apps share: record kinds, code lists, the words on the wire.

What belongs here: one declaration per field and the mechanisms that follow from it (validation,
forms, display, masking, search text, JSON schema), the envelope of the exchange, the hash chain.
Plain values in, plain values out: nothing here imports the apps, a database, a network or a clock.
"""
