"""Reads the angles of program texts: numbers at once, those over parameters as postfix code."""

from libc.math cimport M_PI, isfinite
from libc.stdlib cimport free
from libc.string cimport memmove

from qctl.cext.scanner cimport QCTL_INTEGER, QCTL_NAME, QCTL_REAL, Scanner, grown

cdef extern from "angles.h" nogil:
    enum:
        QCTL_LEAF
        QCTL_NEG
        QCTL_ADD
        QCTL_SUB
        QCTL_MUL
        QCTL_DIV
        QCTL_POW
        QCTL_SIN
    int qctl_operands(int code)
    double qctl_apply(int code, double x, double y)

cdef enum:
    SIGN_STRENGTH = 3
    DEEPEST = 64

CODES: tuple = ("leaf", "neg", "add", "sub", "mul", "div", "pow", "sin", "cos", "tan", "exp", "ln", "sqrt", "asin", "acos", "atan")
"""Words of the postfix code, by their numbers."""

cdef const char* FUNCTIONS[9]
FUNCTIONS = ["sin", "cos", "tan", "exp", "ln", "sqrt", "asin", "acos", "atan"]


cdef class AngleReader(Scanner):
    """Read angles; subclasses say in `undefined` what a value that isn't one is called."""

    def __dealloc__(self):
        free(self.steps)
        free(self.values)
        qctl_names_free(&self.parameters)

    def undefined(self, word, operands):
        """Return what is wrong with an operation that has no finite value; subclasses override it."""
        return f"{word} is not finite for {operands}"

    def language(self):
        """Return the language's name for messages; subclasses override it."""
        return "OpenQASM 2"

    cdef int push_step(self, int code, int parameter, double number) except -1:
        if self.n_steps == self.steps_room:
            self.steps = <step_t *> grown(self.steps, &self.steps_room, self.n_steps + 1, sizeof(step_t))
        self.steps[self.n_steps].code = code
        self.steps[self.n_steps].parameter = parameter
        self.steps[self.n_steps].number = number
        self.n_steps += 1
        return 0

    cdef int push_value(self, double value) except -1:
        if self.n_values == self.values_room:
            self.values = <double *> grown(self.values, &self.values_room, self.n_values + 1, sizeof(double))
        self.values[self.n_values] = value
        self.n_values += 1
        return 0

    cdef double apply(self, int code, double x, double y, Py_ssize_t at, Py_ssize_t stop) except? -1.0:
        """Return the value of an operation, or raise the error of an undefined one in the gate from `at` to `stop`."""
        cdef double found = qctl_apply(code, x, y)
        if not isfinite(found):
            operands = (x, y)[: qctl_operands(code)]
            prefix = f"gate {self.piece(at, stop)!r}: " if stop > at else ""
            self.fail(prefix + self.undefined(CODES[code], operands), at)
        return found

    cdef int join(self, int code, Py_ssize_t at, angle_t *left, angle_t *right) except -1:
        """Make `left` the operation on its operands: a number if they are, otherwise code; steps of `right` come last."""
        cdef Py_ssize_t place
        if not left.coded and (right == NULL or not right.coded):
            left.number = self.apply(code, left.number, 0.0 if right == NULL else right.number, at, at)
            return 0
        if not left.coded:
            place = right.first
            self.push_step(QCTL_LEAF, -1, left.number)
            memmove(self.steps + place + 1, self.steps + place, <size_t> (self.n_steps - 1 - place) * sizeof(step_t))
            self.steps[place].code = QCTL_LEAF
            self.steps[place].parameter = -1
            self.steps[place].number = left.number
            left.first = place
        elif right != NULL and not right.coded:
            self.push_step(QCTL_LEAF, -1, right.number)
        left.coded = True
        self.push_step(code, -1, 0.0)
        left.n = self.n_steps - left.first
        return 0

    cdef int function(self) noexcept:
        """Return the code of the function that the token names, or 0."""
        cdef int i
        for i in range(9):
            if self.spells(FUNCTIONS[i]):
                return QCTL_SIN + i
        return 0

    cdef int operand(self, int depth, angle_t *result) except -1:
        """Read a number, a parameter, a signed operand, a bracket or a function."""
        cdef Py_ssize_t at = self.scan.start
        cdef int kind = self.scan.kind, code = 0
        cdef qctl_name_t *row
        result.coded = False
        if kind == QCTL_INTEGER or kind == QCTL_REAL:
            result.number = self.number()
            return 0
        if kind == 45 or kind == 43:  # - +
            self.step()
            self.angle(SIGN_STRENGTH, depth + 1, result)
            return self.join(QCTL_NEG, at, result, NULL) if kind == 45 else 0
        if kind == QCTL_NAME:
            if self.spells("pi") or self.scan.lines and self.spells("PI"):
                result.number = M_PI
                return self.step()
            row = qctl_names_find(&self.parameters, self.scan.text + at, self.scan.stop - at, self.scan.hash)
            if row != NULL:
                result.coded = True
                result.first = self.n_steps
                result.n = 1
                self.push_step(QCTL_LEAF, <int> row.first, 0.0)
                return self.step()
            code = self.function()
            if not code:
                self.fail(f"{self.shown()} is neither a parameter nor a function of {self.language()}", at)
            self.step()
        elif kind != 40:
            self.fail(f"expected an expression, found {self.shown()}", at)
        self.expect(40)
        self.angle(0, depth + 1, result)
        self.expect(41)
        return self.join(code, at, result, NULL) if code else 0

    cdef int angle(self, int strength, int depth, angle_t *result) except -1:
        """Read an expression of binary signs that bind stronger than `strength`."""
        cdef angle_t right
        cdef Py_ssize_t at
        cdef int code, binds, right_binds
        if depth > DEEPEST:
            self.fail(f"the expression is nested more than {DEEPEST} deep", self.scan.start)
        self.operand(depth, result)
        while True:
            if self.scan.kind == 43 or self.scan.kind == 45:
                code = QCTL_ADD if self.scan.kind == 43 else QCTL_SUB
                binds = right_binds = 1
            elif self.scan.kind == 42 or self.scan.kind == 47:
                code = QCTL_MUL if self.scan.kind == 42 else QCTL_DIV
                binds = right_binds = 2
            elif self.scan.kind == 94:
                code = QCTL_POW
                binds = 4
                right_binds = 3
            else:
                return 0
            if binds <= strength:
                return 0
            at = self.scan.start
            self.step()
            self.angle(right_binds, depth + 1, &right)
            self.join(code, at, result, &right)

    cdef int evaluate(self, const angle_t *angle, Py_ssize_t values, Py_ssize_t at, Py_ssize_t stop) except -1:
        """Push the value of an angle, given where the values of the parameters begin."""
        cdef Py_ssize_t i
        cdef step_t step
        cdef double found, right = 0.0
        if not angle.coded:
            return self.push_value(angle.number)
        for i in range(angle.first, angle.first + angle.n):
            step = self.steps[i]
            if step.code == QCTL_LEAF:
                self.push_value(self.values[values + step.parameter] if step.parameter >= 0 else step.number)
                continue
            if qctl_operands(step.code) == 2:
                self.n_values -= 1
                right = self.values[self.n_values]
            found = self.apply(step.code, self.values[self.n_values - 1], right, at, stop)
            self.values[self.n_values - 1] = found
        return 0
