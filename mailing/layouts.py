"""What was meant by somebody who typed in the wrong keyboard layout: "ghbdtn" is "привет", "руддщ" is "hello"."""

from __future__ import annotations

# The keys of the two layouts in the order of the rows; as on a PC in Russia, whose ё is beside the 1.
_LATIN = "`qwertyuiop[]asdfghjkl;'zxcvbnm,.~QWERTYUIOP{}ASDFGHJKL:\"ZXCVBNM<>"
_CYRILLIC = "ёйцукенгшщзхъфывапролджэячсмитьбюЁЙЦУКЕНГШЩЗХЪФЫВАПРОЛДЖЭЯЧСМИТЬБЮ"
_TO_CYRILLIC = str.maketrans(_LATIN, _CYRILLIC)
_TO_LATIN = str.maketrans(_CYRILLIC, _LATIN)


def other(text: str) -> str:
    """The same keys in the other layout; empty where the text holds letters of both, or of neither."""
    has_latin = any("a" <= letter <= "z" for letter in text.lower())
    has_cyrillic = any(letter in _CYRILLIC for letter in text)
    if has_latin is has_cyrillic:
        return ""
    return text.translate(_TO_LATIN if has_cyrillic else _TO_CYRILLIC)
