"""Invisible characters as escapes."""

from __future__ import annotations

import unicodedata

# Format characters that have a visible sign: Arabic and Syriac numbers and verses.
DRAWN = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
UNSEEN = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
JOINERS = ("\u200c", "\u200d")


def visible(text: str) -> str:
    r"""The text with escapes for control characters, zero-width characters and changes of direction.

    Line breaks and tabs stay. So do the joiners that Persian, Indic scripts and emoji need.

    >>> visible("a\x1b[31mb\u202ec")
    'a\\x1b[31mb\\u202ec'
    """
    if text.isprintable():
        return text
    return "".join(c if _shown(c, text, at) else _escape(c) for at, c in enumerate(text))


def _shown(c: str, text: str, at: int) -> bool:
    if c in "\t\n\r" or c in DRAWN or unicodedata.category(c) not in UNSEEN:
        return True
    return c in JOINERS and 0 < at < len(text) - 1 and _joins(text[at - 1], text[at + 1])


def _joins(before: str, after: str) -> bool:
    """Whether a joiner is needed between two characters: letters beyond Latin, Greek and Cyrillic, or symbols."""
    letters = all(c >= "\u0590" and unicodedata.category(c)[0] in "LM" for c in (before, after))
    signs = all(unicodedata.category(c) in ("So", "Sk") or c == "\ufe0f" for c in (before, after))
    return letters or signs


def _escape(c: str) -> str:
    code = ord(c)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
