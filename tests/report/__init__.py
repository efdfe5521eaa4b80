"""Join the records of runs into one table of environments and properties.

This package reads records and imports no other package of the suite. Its modules import each other
from right to left only:

records < table < ledger, summary < plots < page < __main__
"""
