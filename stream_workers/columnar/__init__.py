"""Batches of records as columns: bytes stay where they were fetched, and numba kernels read and write them in place.

What a record is worth in Python objects costs more than all that is done with it.  `memory` copies bytes,
`messagepack` reads and writes MessagePack values in byte arrays.  A reader made of these takes the plain records (as
our own writers encode them) and leaves every other one to the path of single records, which is also its reference.
"""
