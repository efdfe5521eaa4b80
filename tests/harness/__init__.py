"""What the properties stand on; modules depend on each other in this one direction:

releases < layer < cases < deviations, paths < compare < properties < laws < report

probes, slots and copies stand on paths, and the laws' tests on them.
"""


class Unusable(Exception):
    """Something that the user gave or has cannot be used; the message is one line for them."""
