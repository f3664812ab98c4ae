"""Gate methods at C speed over the instruction buffer; opcode numbers are those of qctl/program/opcodes.py."""

from libc.math cimport M_PI
from libc.stdint cimport uint16_t, uint32_t

from qctl.cext.records cimport InstructionBuffer


cdef class GateBuffer(InstructionBuffer):
    """Append gates: angles in radians first, then qubits."""

    def id(self, q):
        """Append id on one qubit."""
        self.one(0x100, q)

    def x(self, q):
        """Append x on one qubit."""
        self.one(0x101, q)

    def y(self, q):
        """Append y on one qubit."""
        self.one(0x102, q)

    def z(self, q):
        """Append z on one qubit."""
        self.one(0x103, q)

    def h(self, q):
        """Append h on one qubit."""
        self.one(0x104, q)

    def s(self, q):
        """Append s on one qubit."""
        self.one(0x105, q)

    def sdg(self, q):
        """Append sdg on one qubit."""
        self.one(0x106, q)

    def t(self, q):
        """Append t on one qubit."""
        self.one(0x107, q)

    def tdg(self, q):
        """Append tdg on one qubit."""
        self.one(0x108, q)

    def sx(self, q):
        """Append sx on one qubit."""
        self.one(0x109, q)

    def sxdg(self, q):
        """Append sxdg on one qubit."""
        self.one(0x10A, q)

    def p(self, theta, q):
        """Append p with one angle."""
        self.one_angle(0x10B, theta, q)

    def rx(self, theta, q):
        """Append rx with one angle."""
        self.one_angle(0x10C, theta, q)

    def ry(self, theta, q):
        """Append ry with one angle."""
        self.one_angle(0x10D, theta, q)

    def rz(self, theta, q):
        """Append rz with one angle."""
        self.one_angle(0x10E, theta, q)

    def u1(self, theta, q):
        """Append u1 with one angle."""
        self.one_angle(0x10F, theta, q)

    def u2(self, phi, lam, q):
        """Append u2."""
        self.wide(0x110, 0, (q,), (phi, lam))

    def u(self, theta, phi, lam, q):
        """Append the general one-qubit gate U of OpenQASM 3."""
        self.three_angles(0x111, theta, phi, lam, q)

    def u3(self, theta, phi, lam, q):
        """Append u3 of qelib1: u up to a global phase."""
        self.three_angles(0x112, theta, phi, lam, q)

    def rphi(self, theta, phi, q):
        """Append a rotation by theta about the axis cos(phi) X + sin(phi) Y."""
        self.wide(0x113, 0, (q,), (theta, phi))

    def gphase(self, theta):
        """Append a global phase."""
        self.wide(0x114, 0, (), (theta,))

    def cx(self, a, b):
        """Append cx on two qubits, control first."""
        self.two(0x115, a, b)

    def cy(self, a, b):
        """Append cy on two qubits, control first."""
        self.two(0x116, a, b)

    def cz(self, a, b):
        """Append cz on two qubits, control first."""
        self.two(0x117, a, b)

    def ch(self, a, b):
        """Append ch on two qubits, control first."""
        self.two(0x118, a, b)

    def csx(self, a, b):
        """Append csx on two qubits, control first."""
        self.two(0x119, a, b)

    def swap(self, a, b):
        """Append swap on two qubits."""
        self.two(0x11A, a, b)

    def iswap(self, a, b):
        """Append iswap on two qubits."""
        self.two(0x11B, a, b)

    def iswapdg(self, a, b):
        """Append iswapdg on two qubits."""
        self.two(0x11C, a, b)

    def sqrtiswap(self, a, b):
        """Append sqrtiswap on two qubits."""
        self.two(0x11D, a, b)

    def sqrtiswapdg(self, a, b):
        """Append sqrtiswapdg on two qubits."""
        self.two(0x11E, a, b)

    def cp(self, theta, a, b):
        """Append cp with one angle, control first."""
        self.two_angle(0x11F, theta, a, b)

    def crx(self, theta, a, b):
        """Append crx with one angle, control first."""
        self.two_angle(0x120, theta, a, b)

    def cry(self, theta, a, b):
        """Append cry with one angle, control first."""
        self.two_angle(0x121, theta, a, b)

    def crz(self, theta, a, b):
        """Append crz with one angle, control first."""
        self.two_angle(0x122, theta, a, b)

    def rxx(self, theta, a, b):
        """Append rxx with one angle."""
        self.two_angle(0x123, theta, a, b)

    def ryy(self, theta, a, b):
        """Append ryy with one angle."""
        self.two_angle(0x124, theta, a, b)

    def rzz(self, theta, a, b):
        """Append rzz with one angle."""
        self.two_angle(0x125, theta, a, b)

    def rzx(self, theta, a, b):
        """Append rzx with one angle."""
        self.two_angle(0x126, theta, a, b)

    def cu(self, theta, phi, lam, gamma, a, b):
        """Append controlled u with the phase gamma on the control."""
        self.wide(0x127, 0, (a, b), (theta, phi, lam, gamma))

    def ccx(self, a, b, c):
        """Append the Toffoli gate, target last."""
        self.wide(0x128, 0, (a, b, c), ())

    def ccz(self, a, b, c):
        """Append the doubly controlled Z."""
        self.wide(0x129, 0, (a, b, c), ())

    def cswap(self, a, b, c):
        """Append the controlled swap, control first."""
        self.wide(0x12A, 0, (a, b, c), ())

    def ms(self, theta, phi, *qubits):
        """Append the Mølmer–Sørensen gate exp(-i theta/2 sum_{j<k} s_j s_k), s = cos(phi) X + sin(phi) Y."""
        if len(qubits) < 2:
            self.refuse_count(0x12B, len(qubits))
        self.wide(0x12B, 0, qubits, (theta, phi))

    # --- gates of QPanda3 and of qelib1 by their names there, as those above ------------------------------

    def phase(self, theta, q):
        """Append p by its other name in stdgates."""
        self.one_angle(0x10B, theta, q)

    def cphase(self, theta, a, b):
        """Append cp by its other name in stdgates."""
        self.two_angle(0x11F, theta, a, b)

    def cnot(self, a, b):
        """Append cx, control first."""
        self.two(0x115, a, b)

    def toffoli(self, a, b, c):
        """Append ccx, target last."""
        self.wide(0x128, 0, (a, b, c), ())

    def sqiswap(self, a, b):
        """Append sqrtiswap."""
        self.two(0x11D, a, b)

    def x1(self, q):
        """Append QPanda's X1: rx(pi/2)."""
        self.push_double(0x10C, <uint32_t> self.qubit(0x10C, q), M_PI / 2)

    def y1(self, q):
        """Append QPanda's Y1: ry(pi/2)."""
        self.push_double(0x10D, <uint32_t> self.qubit(0x10D, q), M_PI / 2)

    def z1(self, q):
        """Append QPanda's Z1: rz(pi/2)."""
        self.push_double(0x10E, <uint32_t> self.qubit(0x10E, q), M_PI / 2)

    def u4(self, alpha, beta, gamma, delta, q):
        """Append QPanda's U4, exp(i alpha) rz(beta) ry(gamma) rz(delta): a gphase and a u."""
        cdef Py_ssize_t n_rows = self.n_rows, n_words = self.n_words, n_numbers = self.n_numbers
        try:
            self.three_angles(0x111, gamma, beta, delta, q)
            self.wide(0x114, 0, (), (alpha - (beta + delta) / 2,))
        except BaseException:
            self.n_rows, self.n_words, self.n_numbers = n_rows, n_words, n_numbers
            raise

    def mcx(self, controls, target):
        """Append x under any number of controls, in the shortest form."""
        self.many(0x101, 0x115, 0x128, tuple(controls), target)

    def mcz(self, controls, target):
        """Append z under any number of controls, in the shortest form."""
        self.many(0x103, 0x117, 0x129, tuple(controls), target)

    def mcp(self, theta, controls, target):
        """Append p under any number of controls, in the shortest form."""
        cdef tuple symbols = (*controls, target)
        if len(symbols) == 1:
            self.one_angle(0x10B, theta, target)
        elif len(symbols) == 2:
            self.two_angle(0x11F, theta, symbols[0], target)
        else:
            self.refuse_controls(0x10B, len(symbols) - 1)
            self.wide(0x10B, <int> len(symbols) - 1, symbols, (theta,))

    cdef int many(self, uint16_t plain, uint16_t once, uint16_t twice, tuple controls, object target) except -1:
        """Append a gate under controls, by the name that it has with one or two."""
        cdef Py_ssize_t n = len(controls)
        if n == 0:
            return self.one(plain, target)
        if n == 1:
            return self.two(once, controls[0], target)
        self.refuse_controls(plain, n)
        return self.wide(twice if n == 2 else plain, 0 if n == 2 else <int> n, (*controls, target), ())
