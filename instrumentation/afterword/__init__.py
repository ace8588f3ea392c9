"""Afterword: deferred work, watched from the moment it is handed over."""
