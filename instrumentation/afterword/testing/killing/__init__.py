"""A test run once for every suspension point of its deferred tasks, and killed there.

``protocol`` is what pytest calls; ``observed`` what a run leaves behind; ``judging`` compares runs.
"""
