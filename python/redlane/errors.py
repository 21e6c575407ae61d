"""The exceptions of redlane. A message says what is wrong, where, and how to correct it."""


class RedlaneError(Exception):
    """The base class of all errors of redlane."""


class ReadError(RedlaneError):
    """A source could not be read."""


class MissingFileError(ReadError, FileNotFoundError):
    """No file has this name or matches the glob, or a link has no target."""


class AccessError(ReadError, PermissionError):
    """There is no permission to read a file or its folder."""


class DirectoryError(ReadError, IsADirectoryError):
    """The path is a directory, but a file is expected."""


class EmptyFileError(ReadError):
    """The file is empty, or has a header and no record."""


class TruncatedFileError(ReadError, EOFError):
    """A compressed or Parquet file ends too early."""


class FormatError(ReadError, ValueError):
    """The content does not fit the format that the file name or the first bytes show."""


class WriteError(RedlaneError, OSError):
    """A file could not be written. An existing file is unchanged."""


class SchemaError(RedlaneError):
    """The columns and roles do not fit together."""


class MissingColumnError(SchemaError, KeyError):
    """A requested column or role does not exist."""

    __str__ = Exception.__str__


class DuplicateRoleError(SchemaError):
    """Two columns have the same role, or one column has two roles."""


class FaultError(RedlaneError, ValueError):
    """A cell could not be read, with `on_fault="raise"`."""


class RaggedRowError(FaultError):
    """A row has more or fewer cells than the header, with `on_fault="raise"`."""


class ArgumentError(RedlaneError, ValueError):
    """An argument has an invalid value. The message says what is expected."""


class WrongTypeError(ArgumentError, TypeError):
    """An argument has the wrong type, such as a data frame instead of `Shipments`."""


class NotFittedError(RedlaneError, ValueError, AttributeError):
    """A method needs a fitted detector, but the detector is not fitted."""
