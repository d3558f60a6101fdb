"""One module per record kind: its declared fields and nothing else.

Steps for a new kind: declare it here, add its code lists to ``schemas/codes/codes.csv``, name it
in ``schemas/catalogue.py``. A changed meaning needs a higher ``version`` and an upcast there.
Times of the record itself (made, received, corrected) are the envelope's and are not repeated
here.
"""
