"""The centre's addresses: the exchange API for laptops and the staff's pages.

A route reads the request, makes one call and shapes the answer; no rule and no query lives here.
"""
