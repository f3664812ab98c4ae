"""Types of the reader of angles."""

from qctl.cext.scanner import Scanner

CODES: tuple[str, ...]

class AngleReader(Scanner):
    def language(self) -> str: ...
    def undefined(self, word: str, operands: tuple[float, ...]) -> str: ...
