"""A simulated fleet against the real book: seeded, so that a failing run can be run again.

``world`` has the time, ``fleet`` the processes and their tasks, ``delivery`` what happens to their
evidence on the way, ``sidecar`` the book under test (it crashes too), ``judge`` what the world
knows and the book must say. ``python -m worlds.simulation --help``.
"""
