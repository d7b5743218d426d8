"""A torture of the whole system, with random faults from a seed: `python -m tests.faults.torture --minutes 30`."""
