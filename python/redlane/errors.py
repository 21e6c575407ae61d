"""What redlane raises: every class derives from `RedlaneError` and says what, where and how to mend it."""


class RedlaneError(Exception):
    """The base of all errors raised by redlane."""


class ReadError(RedlaneError):
    """A source could not be read."""


class MissingFileError(ReadError, FileNotFoundError):
    """There is no file of that name, none that matches the glob, or a link leads to nothing."""


class AccessError(ReadError, PermissionError):
    """A file or its folder may not be read."""


class DirectoryError(ReadError, IsADirectoryError):
    """A directory was given where a file is expected."""


class EmptyFileError(ReadError):
    """The file holds nothing, or a header and no record."""


class TruncatedFileError(ReadError, EOFError):
    """A compressed or Parquet file ends too early."""


class FormatError(ReadError, ValueError):
    """The file is not of the format that its name or its first bytes promise."""


class WriteError(RedlaneError, OSError):
    """A file could not be written; what was there before is still there."""


class SchemaError(RedlaneError):
    """Columns and roles do not fit together."""


class MissingColumnError(SchemaError, KeyError):
    """A column or role that was asked for is not there."""

    __str__ = Exception.__str__


class DuplicateRoleError(SchemaError):
    """Two columns claim one role, or one column two."""


class FaultError(RedlaneError, ValueError):
    """A cell could not be read, and `on_fault="raise"` was asked for."""


class RaggedRowError(FaultError):
    """A row has more or fewer cells than the header, and `on_fault="raise"` was asked for."""


class ArgumentError(RedlaneError, ValueError):
    """An argument has a value that makes no sense; the message says what is expected."""


class WrongTypeError(ArgumentError, TypeError):
    """An argument has a type that cannot be used, such as a frame where `Shipments` are expected."""


class NotFittedError(RedlaneError, ValueError, AttributeError):
    """A detector was asked to score before it was fitted."""
