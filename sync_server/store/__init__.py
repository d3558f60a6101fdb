"""The centre's only door to its database and files.

What belongs here: tables, connections, migrations and the queries on them. Nothing here decides;
it reads and writes what a service asks, always within one district.
"""
