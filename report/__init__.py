"""From the records of runs to one table of releases and promises.

records < table < ledger < plots < page < __main__. Reads what runs have recorded, and nothing else of ours.
"""
