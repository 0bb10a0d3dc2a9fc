"""What parsers raise when a file is not what it should be."""

from __future__ import annotations

import struct
import zipfile
import zlib

#: Parsers of PDF and Office files follow whatever a damaged file says, and fail in whatever way
#: that leads to; these are the ways that have been seen, and their neighbours. A programming error
#: of our own inside such a call would look the same, which is why the calls are kept small.
ERRORS_OF_DAMAGED_FILES: tuple[type[Exception], ...] = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
