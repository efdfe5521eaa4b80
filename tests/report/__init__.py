"""From the records of runs to one table of releases and promises.

It reads what runs have recorded, and nothing else of ours. Its modules stand on each other so:

records < table < ledger < plots < page < __main__
"""
