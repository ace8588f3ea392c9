"""The page: what an operator looks at. Server-rendered, read only, live by one small script.

The markup is htpy: typed Python that mypy checks, escaped wherever it is not markup itself, with no
template language between the API's shapes and the browser. Views are pure functions from shapes to
elements; what is slow of them runs in a thread.
"""
