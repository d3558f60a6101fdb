"""Registers as people keep them in spreadsheets: which column is which field, what a cell means,
what follows from the other cells of its row.

What belongs here: pure rules on plain cells. Reading and writing files is the business of
``store/sheet_reading.py`` and ``store/sheet_writing.py``, matching rows with records that of
``services/import_rows.py``.
"""
