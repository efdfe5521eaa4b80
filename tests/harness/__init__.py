"""What the properties stand on; modules depend on each other in this one direction:

releases < layer < cases < deviations, paths < compare < properties < laws < report, record,
documentation

copies, wrappers, upstream, stateful, gradients, training, probes and slots stand on paths, and the
properties of their subjects on them.
"""


class Unusable(Exception):
    """Something that the user gave or has cannot be used; the message is one line for them."""
