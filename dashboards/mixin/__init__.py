"""Dashboards and rules as code: ``python -m dashboards.mixin`` writes the files beside this folder.

What can be set stands in ``config.py``, nowhere else. Development only: what is generated is
checked in.
"""
