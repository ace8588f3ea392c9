"""A journal of what a book was told and what it said: hash-chained, without payloads, bounded.

``shapes`` and ``chain`` are the format, which ``verifying`` reads too; the rest writes it.
"""
