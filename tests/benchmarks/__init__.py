"""Benchmarks of the cost of a step, as separate commands.

`python -m tests.benchmarks measure` measures one environment and plots the results;
`python -m tests.benchmarks compare A B` measures two environments in turns. The modules use the
harness of the suite and the plots of its report.
"""

LONGEST = {"eager": 100, "traced": 1000, "xla": 1000, "unroll": 100, "cell": 100, "predict": 1000}
"""The largest number of steps to time, by the name of the path. A step in Python takes about a
millisecond."""
