"""Mutants of the ledger: wrong on purpose, one at a time, to see whether the tests notice.

``table`` changes the transition table, entry by entry; ``code`` the rules, by mutmut, in a copy of
the package. ``python -m worlds.mutation --help``.
"""
