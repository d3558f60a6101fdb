"""The laptop's pages: read the request, make one call, shape the answer.

No rule and no query belongs here. Each module is one feature with a blueprint called ``pages``;
`security` and `session` stand before every one of them.
"""
