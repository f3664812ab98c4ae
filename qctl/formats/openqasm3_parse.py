"""OpenQASM 3 text to the reference parsers' syntax tree, with errors that say where."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NoReturn

import openpulse.ast as ast
from antlr4 import CommonTokenStream, InputStream
from antlr4.error.ErrorListener import ErrorListener
from antlr4.error.Errors import ParseCancellationException, RecognitionException
from antlr4.error.ErrorStrategy import BailErrorStrategy
from openpulse._antlr.openpulseLexer import openpulseLexer
from openpulse._antlr.openpulseParser import openpulseParser
from openpulse.parser import OpenPulseNodeVisitor, OpenPulseParsingError
from openqasm3._antlr.qasm3Lexer import qasm3Lexer
from openqasm3._antlr.qasm3Parser import qasm3Parser
from openqasm3.parser import QASM3ParsingError, QASMNodeVisitor, get_span

from qctl.errors import ParseError
from qctl.formats.limits import MAX_NESTING, MAX_OPERATORS, MAX_TEXT_CHARACTERS_3

__all__ = ["parse_openqasm3", "place_of"]

_SIGNS = re.compile(
    r"(?P<skip>//[^\n]*+|@[^\W\d][^\n]*+|(?<!\w)#?pragma\b[^\n]*+)"
    r"""|/\*|\n|"[^"\r\n]*+"|'[^'\r\n]*+'|\+\+|->|\*\*|&&|\|\||<<|>>|[<>=!]=|[-+*/%&|^<>!~()\[\]{};,]"""
)
_ENDS = frozenset((";", ",", "{", "}", "++"))
"""Where the next expression begins, since the parser nests none of these in one another."""
_SHOWN = 40
_FOREIGN = (ValueError, TypeError, KeyError, IndexError, AttributeError, AssertionError, OverflowError)
"""What the reference parsers' visitors raise on some malformed texts."""


def parse_openqasm3(text: str) -> ast.Program:
    """Return the syntax tree; bodies of ``cal`` and ``defcal`` are parsed too.

    Raises
    ------
    ParseError
        For text outside the grammar, or nested too deep, or too long.
    """
    if len(text) > MAX_TEXT_CHARACTERS_3:
        raise ParseError(f"the text has {len(text)} characters, more than {MAX_TEXT_CHARACTERS_3}")
    _check_nesting(text)
    lexer = _quiet(qasm3Lexer(InputStream(text)))
    parser = _quiet(qasm3Parser(CommonTokenStream(lexer)))
    visitor: Any = _Visitor()  # type: ignore[no-untyped-call]
    found: ast.Program = _run(parser.program, parser, visitor.visitProgram)
    return found


def place_of(node: Any) -> tuple[int, int]:
    """Return line and column, both from 1, of a node of the tree; (0, 0) if it has none."""
    span = getattr(node, "span", None)
    return (0, 0) if span is None else (span.start_line, span.start_column + 1)


class _Listener(ErrorListener):  # type: ignore[misc]
    """Raise what ANTLR would print."""

    def syntaxError(self, recognizer, offendingSymbol, line, column, msg, e) -> NoReturn:  # type: ignore[no-untyped-def]
        raise ParseError(f"not OpenQASM 3: {msg[:200]}", line, column + 1)


def _quiet(recognizer: Any) -> Any:
    recognizer.removeErrorListeners()
    recognizer.addErrorListener(_Listener())
    if hasattr(recognizer, "_errHandler"):
        recognizer._errHandler = BailErrorStrategy()
    return recognizer


def _run(rule: Callable[[], Any], parser: Any, visit: Callable[[Any], Any]) -> Any:
    """Parse by a rule and visit the tree, with every way to fail turned into ParseError."""
    try:
        return visit(rule())
    except (RecognitionException, ParseCancellationException) as error:
        cause = error.args[0] if error.args else error
        token = getattr(cause, "offendingToken", None) or parser.getCurrentToken()
        text = "end of file" if token.text == "<EOF>" else repr(token.text[:_SHOWN])
        raise ParseError(f"not OpenQASM 3: unexpected {text}", token.line, token.column + 1) from None
    except (QASM3ParsingError, OpenPulseParsingError) as error:
        found = re.match(r"L(\d+):C(\d+): (.*)", str(error), re.DOTALL)
        if found is None:
            raise ParseError(f"not OpenQASM 3: {error}") from None
        raise ParseError(found.group(3), int(found.group(1)), int(found.group(2)) + 1) from None
    except RecursionError:
        raise ParseError("the text is nested too deep") from None
    except _FOREIGN as error:
        token = parser.getCurrentToken()
        raise ParseError(f"not OpenQASM 3: {str(error)[:200]}", token.line, token.column + 1) from None


def _check_nesting(text: str) -> None:
    """Refuse what the parser would look through for long only to find it nested too deep."""
    depth, line, start, position, n_signs, n_operators, n_empty = 0, 1, 0, 0, 0, 0, 0
    while match := _SIGNS.search(text, position):
        sign = match.group()
        if text[position : match.start()].strip():
            n_signs = n_empty = 0
        position = match.end()
        if sign == "\n":
            line, start = line + 1, position
        elif sign == "/*":
            end = text.find("*/", position)
            if end < 0:
                raise ParseError("the comment has no end", line, match.start() - start + 1)
            line += text.count("\n", position, end)
            start = max(start, text.rfind("\n", 0, end) + 1)
            position = end + 2
        elif sign in _ENDS:
            depth += {"{": 1, "}": -1}.get(sign, 0)
            n_operators = 0
            n_empty = n_empty + 1 if sign == ";" else 0
        elif sign in ")]":
            depth -= 1
        elif sign[0] in "\"'":
            n_signs = 0
        elif match["skip"] is None:
            depth += sign in "(["
            n_signs += sign in "-!~"
            n_operators += 1
        if n_empty > MAX_NESTING:
            raise ParseError("not OpenQASM 3: unexpected ';'", line, match.start() - start + 1)
        if depth > MAX_NESTING:
            raise ParseError(f"brackets are nested more than {MAX_NESTING} deep", line, match.start() - start + 1)
        if n_signs > MAX_NESTING:
            raise ParseError(f"signs are nested more than {MAX_NESTING} deep", line, match.start() - start + 1)
        if n_operators > MAX_OPERATORS:
            raise ParseError(f"the expression has more than {MAX_OPERATORS} operators", line, match.start() - start + 1)


class _Visitor(QASMNodeVisitor):
    """Build the tree, calibration bodies included, whose places count from the file's start."""

    def visitCalStatement(self, ctx: Any) -> ast.CalibrationStatement:
        node = ast.CalibrationStatement(body=_calibration(ctx.CalibrationBlock(), in_defcal=False))
        node.span = get_span(ctx)
        return node

    def visitDefcalStatement(self, ctx: Any) -> ast.CalibrationDefinition:
        raw = super().visitDefcalStatement(ctx)
        body = _calibration(ctx.CalibrationBlock(), in_defcal=True)
        node = ast.CalibrationDefinition(raw.name, raw.arguments, raw.qubits, raw.return_type, body)
        node.span = raw.span
        return node


def _calibration(terminal: Any, in_defcal: bool) -> list[Any]:
    """Return the statements of a calibration block."""
    if terminal is None:
        return []
    lexer = _quiet(openpulseLexer(InputStream(terminal.getText())))
    lexer.line, lexer.column = terminal.symbol.line, terminal.symbol.column
    parser = _quiet(openpulseParser(CommonTokenStream(lexer)))

    def visit(tree: Any) -> list[Any]:
        if not tree.children:
            return []
        body: list[Any] = OpenPulseNodeVisitor(in_defcal).visitCalibrationBlock(tree).body
        return body

    def rule() -> Any:
        tree = parser.calibrationBlock()
        rest = parser.getCurrentToken()
        if rest.type != -1:
            raise ParseError(f"not OpenPulse: unexpected {rest.text[:_SHOWN]!r}", rest.line, rest.column + 1)
        return tree

    found: list[Any] = _run(rule, parser, visit)
    return found
