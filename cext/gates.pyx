"""Gate methods at C speed over the instruction buffer."""

from libc.math cimport M_PI
from libc.stdint cimport uint16_t, uint32_t

from qctl.cext.opcodes cimport (
    OP_CCX, OP_CCZ, OP_CH, OP_CP, OP_CRX, OP_CRY, OP_CRZ, OP_CSWAP, OP_CSX, OP_CU, OP_CX, OP_CY, OP_CZ, OP_GPHASE,
    OP_H, OP_ID, OP_ISWAP, OP_ISWAPDG, OP_MS, OP_P, OP_RPHI, OP_RX, OP_RXX, OP_RY, OP_RYY, OP_RZ, OP_RZX, OP_RZZ,
    OP_S, OP_SDG, OP_SQRTISWAP, OP_SQRTISWAPDG, OP_SWAP, OP_SX, OP_SXDG, OP_T, OP_TDG, OP_U, OP_U1, OP_U2, OP_U3,
    OP_X, OP_Y, OP_Z)
from qctl.cext.records cimport FLAG_WIDE, InstructionBuffer

cdef uint32_t EXPRESSION = 0x80000000u


cdef class GateBuffer(InstructionBuffer):
    """Append gates: angles in radians first, then qubits."""

    def id(self, q):
        """Append id on one qubit."""
        self.one(OP_ID, q)

    def x(self, q):
        """Append x on one qubit."""
        self.one(OP_X, q)

    def y(self, q):
        """Append y on one qubit."""
        self.one(OP_Y, q)

    def z(self, q):
        """Append z on one qubit."""
        self.one(OP_Z, q)

    def h(self, q):
        """Append h on one qubit."""
        self.one(OP_H, q)

    def s(self, q):
        """Append s on one qubit."""
        self.one(OP_S, q)

    def sdg(self, q):
        """Append sdg on one qubit."""
        self.one(OP_SDG, q)

    def t(self, q):
        """Append t on one qubit."""
        self.one(OP_T, q)

    def tdg(self, q):
        """Append tdg on one qubit."""
        self.one(OP_TDG, q)

    def sx(self, q):
        """Append sx on one qubit."""
        self.one(OP_SX, q)

    def sxdg(self, q):
        """Append sxdg on one qubit."""
        self.one(OP_SXDG, q)

    def p(self, theta, q):
        """Append p with one angle."""
        self.one_angle(OP_P, theta, q)

    def rx(self, theta, q):
        """Append rx with one angle."""
        self.one_angle(OP_RX, theta, q)

    def ry(self, theta, q):
        """Append ry with one angle."""
        self.one_angle(OP_RY, theta, q)

    def rz(self, theta, q):
        """Append rz with one angle."""
        self.one_angle(OP_RZ, theta, q)

    def u1(self, theta, q):
        """Append u1 with one angle."""
        self.one_angle(OP_U1, theta, q)

    def u2(self, phi, lam, q):
        """Append u2."""
        self.wide(OP_U2, 0, (q,), (phi, lam))

    def u(self, theta, phi, lam, q):
        """Append the general one-qubit gate U of OpenQASM 3."""
        self.three_angles(OP_U, theta, phi, lam, q)

    def u3(self, theta, phi, lam, q):
        """Append u3 of qelib1: u up to a global phase."""
        self.three_angles(OP_U3, theta, phi, lam, q)

    def rphi(self, theta, phi, q):
        """Append a rotation by theta about the axis cos(phi) X + sin(phi) Y."""
        self.wide(OP_RPHI, 0, (q,), (theta, phi))

    def gphase(self, theta):
        """Append a global phase."""
        self.wide(OP_GPHASE, 0, (), (theta,))

    def cx(self, a, b):
        """Append cx on two qubits, control first."""
        self.two(OP_CX, a, b)

    def cy(self, a, b):
        """Append cy on two qubits, control first."""
        self.two(OP_CY, a, b)

    def cz(self, a, b):
        """Append cz on two qubits, control first."""
        self.two(OP_CZ, a, b)

    def ch(self, a, b):
        """Append ch on two qubits, control first."""
        self.two(OP_CH, a, b)

    def csx(self, a, b):
        """Append csx on two qubits, control first."""
        self.two(OP_CSX, a, b)

    def swap(self, a, b):
        """Append swap on two qubits."""
        self.two(OP_SWAP, a, b)

    def iswap(self, a, b):
        """Append iswap on two qubits."""
        self.two(OP_ISWAP, a, b)

    def iswapdg(self, a, b):
        """Append iswapdg on two qubits."""
        self.two(OP_ISWAPDG, a, b)

    def sqrtiswap(self, a, b):
        """Append sqrtiswap on two qubits."""
        self.two(OP_SQRTISWAP, a, b)

    def sqrtiswapdg(self, a, b):
        """Append sqrtiswapdg on two qubits."""
        self.two(OP_SQRTISWAPDG, a, b)

    def cp(self, theta, a, b):
        """Append cp with one angle, control first."""
        self.two_angle(OP_CP, theta, a, b)

    def crx(self, theta, a, b):
        """Append crx with one angle, control first."""
        self.two_angle(OP_CRX, theta, a, b)

    def cry(self, theta, a, b):
        """Append cry with one angle, control first."""
        self.two_angle(OP_CRY, theta, a, b)

    def crz(self, theta, a, b):
        """Append crz with one angle, control first."""
        self.two_angle(OP_CRZ, theta, a, b)

    def rxx(self, theta, a, b):
        """Append rxx with one angle."""
        self.two_angle(OP_RXX, theta, a, b)

    def ryy(self, theta, a, b):
        """Append ryy with one angle."""
        self.two_angle(OP_RYY, theta, a, b)

    def rzz(self, theta, a, b):
        """Append rzz with one angle."""
        self.two_angle(OP_RZZ, theta, a, b)

    def rzx(self, theta, a, b):
        """Append rzx with one angle."""
        self.two_angle(OP_RZX, theta, a, b)

    def cu(self, theta, phi, lam, gamma, a, b):
        """Append controlled u with the phase gamma on the control."""
        self.wide(OP_CU, 0, (a, b), (theta, phi, lam, gamma))

    def ccx(self, a, b, c):
        """Append the Toffoli gate, target last."""
        self.wide(OP_CCX, 0, (a, b, c), ())

    def ccz(self, a, b, c):
        """Append the doubly controlled Z."""
        self.wide(OP_CCZ, 0, (a, b, c), ())

    def cswap(self, a, b, c):
        """Append the controlled swap, control first."""
        self.wide(OP_CSWAP, 0, (a, b, c), ())

    def ms(self, theta, phi, *qubits):
        """Append the Mølmer–Sørensen gate exp(-i theta/2 sum_{j<k} s_j s_k), s = cos(phi) X + sin(phi) Y."""
        if len(qubits) < 2:
            self.refuse_count(OP_MS, len(qubits))
        self.wide(OP_MS, 0, qubits, (theta, phi))

    # --- gates of QPanda3 and of qelib1 by their names there, as those above ------------------------------

    def phase(self, theta, q):
        """Append p by its other name in stdgates."""
        self.one_angle(OP_P, theta, q)

    def cphase(self, theta, a, b):
        """Append cp by its other name in stdgates."""
        self.two_angle(OP_CP, theta, a, b)

    def cnot(self, a, b):
        """Append cx, control first."""
        self.two(OP_CX, a, b)

    def toffoli(self, a, b, c):
        """Append ccx, target last."""
        self.wide(OP_CCX, 0, (a, b, c), ())

    def sqiswap(self, a, b):
        """Append sqrtiswap."""
        self.two(OP_SQRTISWAP, a, b)

    def x1(self, q):
        """Append QPanda's X1: rx(pi/2)."""
        self.push_double(OP_RX, <uint32_t> self.qubit(OP_RX, q), M_PI / 2)

    def y1(self, q):
        """Append QPanda's Y1: ry(pi/2)."""
        self.push_double(OP_RY, <uint32_t> self.qubit(OP_RY, q), M_PI / 2)

    def z1(self, q):
        """Append QPanda's Z1: rz(pi/2)."""
        self.push_double(OP_RZ, <uint32_t> self.qubit(OP_RZ, q), M_PI / 2)

    def u4(self, alpha, beta, gamma, delta, q):
        """Append QPanda's U4, exp(i alpha) rz(beta) ry(gamma) rz(delta): a gphase and a u."""
        cdef double turn = 0.0
        cdef uint32_t expression = 0
        cdef int symbolic = self.number(OP_GPHASE, alpha - (beta + delta) / 2, &turn, &expression)
        self.three_angles(OP_U, gamma, beta, delta, q)
        self.push_word(EXPRESSION | expression if symbolic else self.push_number(turn))
        self.push(OP_GPHASE, FLAG_WIDE, <uint32_t> (self.n_words - 1), 0, 1)

    def mcx(self, controls, target):
        """Append x under any number of controls, in the shortest form."""
        self.many(OP_X, OP_CX, OP_CCX, tuple(controls), target)

    def mcz(self, controls, target):
        """Append z under any number of controls, in the shortest form."""
        self.many(OP_Z, OP_CZ, OP_CCZ, tuple(controls), target)

    def mcp(self, theta, controls, target):
        """Append p under any number of controls, in the shortest form."""
        cdef tuple symbols = (*controls, target)
        if len(symbols) == 1:
            self.one_angle(OP_P, theta, target)
        elif len(symbols) == 2:
            self.two_angle(OP_CP, theta, symbols[0], target)
        else:
            self.refuse_controls(OP_P, len(symbols) - 1)
            self.wide(OP_P, <int> len(symbols) - 1, symbols, (theta,))

    cdef int many(self, uint16_t plain, uint16_t once, uint16_t twice, tuple controls, object target) except -1:
        """Append a gate under controls, by the name that it has with one or two."""
        cdef Py_ssize_t n = len(controls)
        if n == 0:
            return self.one(plain, target)
        if n == 1:
            return self.two(once, controls[0], target)
        self.refuse_controls(plain, n)
        return self.wide(twice if n == 2 else plain, 0 if n == 2 else <int> n, (*controls, target), ())
