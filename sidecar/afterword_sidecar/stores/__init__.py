"""Where a book is kept. One contract, two stores: SQLite, and memory.

``contract.Store`` says what both promise; ``sqlite.SqliteStore``, ``memory.MemoryStore`` keep it.
"""
