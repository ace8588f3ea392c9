"""The same shop, watched: ``afterword.instrument()`` is the one line it takes."""

import os

import uvicorn

import afterword

afterword.instrument()

if __name__ == "__main__":
    uvicorn.run("app:app", port=int(os.environ.get("PORT", "8000")))
