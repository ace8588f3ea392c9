"""The ledger: decides what happened to every task. No clock, no I/O, no thread, no exception.

``facts`` and time go in at ``book.Book``; ``records.Changes`` come out for a store to make true.
``transitions`` says which evidence does what in which state, ``verdicts`` says why a task is lost.
"""
