"""What people and laptops do at the centre, a use case each, named by a verb.

A service is handed its store, the time and the person; it reads, lets a domain rule decide, and
writes. No service knows a request or a page.
"""
