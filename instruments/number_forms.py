"""Hints for whoever describes firmware: the keys of lab.toml that say how a number is written, where one is refused."""

from __future__ import annotations

import re

from qctl.lab.rack import ParameterRule

__all__ = ["hint_of_answer", "hint_of_read_back", "hint_of_refusal"]

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?\d+,\d+")
_MANY_DIGITS = 7
_NEAR = 1e-2


def hint_of_refusal(rule: ParameterRule, sent: str) -> str:
    """Return what to say behind the refusal of a text with a number in it; empty where lab.toml says its form."""
    before, _, behind = rule.send.partition("{value}")
    number = sent.removeprefix(before).removesuffix(behind)
    if rule.digits is not None or not _NUMBER.fullmatch(number):
        return ""
    digits = 9 if "e" in number else 3
    what = "an exponent" if "e" in number else "many digits"
    if "e" in number or len(number.partition(".")[2]) >= _MANY_DIGITS:
        return f"; {number} has {what}, and digits = {digits} in lab.toml would send {float(number):.{digits}f}"
    return ""


def hint_of_read_back(rule: ParameterRule, sent: object, got: object) -> str:
    """Return what to say where a board keeps another number than was sent; empty where it is far from it."""
    if not isinstance(sent, float) or not isinstance(got, float) or rule.digits is not None or rule.resolution:
        return ""
    near = abs(got - sent) <= _NEAR * max(abs(sent), 1e-3)
    return "; where it keeps fewer digits, lab.toml says so by digits or resolution" if near else ""


def hint_of_answer(rule: ParameterRule, answer: str) -> str:
    """Return what to say behind an answer in which no number was found where lab.toml says that it is."""
    if rule.words or rule.kind in ("switch", "text"):
        return ""
    answer = answer.strip()
    if _COMMA.fullmatch(answer):
        return "; a number has a point, not a comma"
    if rule.kind == "whole" and _NUMBER.fullmatch(answer):
        return '; kind = "whole" has digits alone, and a number is read without it'
    found = _NUMBER.findall(answer)
    if rule.ask and len(found) == 1 and not {"{", "}"} & set(answer):
        form = answer.replace(found[0], "{value}")
        return f"; if it is {found[0]}, say reply = {form!r} in lab.toml" if form != rule.reply else ""
    return ""
