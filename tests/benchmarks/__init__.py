"""What a step costs, measured at length: commands of their own, that fail no run.

`python -m tests.benchmarks measure` measures one environment and draws what it found;
`python -m tests.benchmarks compare A B` measures two in turns. Modules stand on the suite's harness and
on the plots of its report.
"""

LONGEST = {"eager": 100, "traced": 1000, "xla": 1000, "unroll": 100, "cell": 100, "predict": 1000}
"""The layer's paths, by the names of their groups, and the most steps that are timed: one of those
that run in Python takes about a millisecond."""
