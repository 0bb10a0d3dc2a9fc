"""A server's log: a JSON object a line, without texts and keys."""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime, timezone

_OURS = ("event", "method", "route", "status", "ms", "job", "documents", "error", "folder")


class JsonLines(logging.Formatter):
    """A record as one line of JSON: what is known by name, and of an error its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        time = datetime.fromtimestamp(record.created, timezone.utc).isoformat("T", "milliseconds")
        values = {"time": time, "level": record.levelname.lower(), "logger": record.name}
        values |= {name: getattr(record, name) for name in _OURS if hasattr(record, name)}
        if not hasattr(record, "event"):
            values["message"] = record.getMessage()
        if record.exc_info and record.exc_info[0] is not None:
            values["error"] = record.exc_info[0].__name__
            # Where it happened, and not what it says: that may quote a text.
            values["trace"] = _places(record)
        return json.dumps(values, default=str)


def _places(record: logging.LogRecord) -> str:
    import traceback

    trace = record.exc_info[2] if record.exc_info else None
    found = traceback.extract_tb(trace)[-8:]
    return " > ".join(f"{each.filename.rpartition('/')[2]}:{each.lineno}" for each in found)


def log_to_stderr() -> None:
    """Write what servers log to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name in ("longembed_rag", "uvicorn", "mcp"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.INFO if name == "longembed_rag" else logging.WARNING)
