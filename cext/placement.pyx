"""Search the cheapest place of a routed program on a coupling graph: branch and bound over its equal subgraphs.

Sources: L. Cordella et al., IEEE Trans. Pattern Anal. Mach. Intell. 26, 1367 (2004) (VF2); P. Nation, M. Treinish, PRX Quantum 4,
010327 (2023) (the choice among equal subgraphs by measured errors).
"""

from libc.math cimport isfinite
from libc.stdint cimport int32_t
from libc.stdlib cimport free, malloc

cdef struct search_t:
    const int32_t *uses         # n_uses rows: two wires, first qubit first, and how often
    int n_uses, n_wires, n
    const double *wire_uses     # n_wires x 2: pulses, readouts
    const double *pair_price    # n x n
    const double *qubit_price   # n x 2
    int *order                  # wires in the order of the search
    int *place                  # of each wire, or -1
    int *who                    # wire of each qubit, or -1
    int *options                # n of each depth, and how many are left
    int *n_options
    double *prices              # of each option of each depth
    double *spent               # before each depth


cdef double price_at(const search_t *self, int wire, int p) noexcept nogil:
    """Return what a wire costs on a qubit, with all placed ones that it meets; infinite if they aren't coupled."""
    cdef int k, a, b
    cdef double sum_ = self.wire_uses[2 * wire] * self.qubit_price[2 * p] + (
        self.wire_uses[2 * wire + 1] * self.qubit_price[2 * p + 1]
    )
    for k in range(self.n_uses):
        a = self.uses[3 * k]
        b = self.uses[3 * k + 1]
        if a == wire and self.place[b] >= 0:
            sum_ += self.uses[3 * k + 2] * self.pair_price[<Py_ssize_t> p * self.n + self.place[b]]
        elif b == wire and self.place[a] >= 0:
            sum_ += self.uses[3 * k + 2] * self.pair_price[<Py_ssize_t> self.place[a] * self.n + p]
    return sum_


cdef void put_in_order(search_t *self) noexcept nogil:
    """Order the wires: each behind one that it meets, where there is one; the busiest first."""
    cdef int k, w, at, best, value, most
    for w in range(self.n_wires):
        self.place[w] = -1      # for now: not in the order yet
    for at in range(self.n_wires):
        best = -1
        most = -1
        for w in range(self.n_wires):
            if self.place[w] >= 0:
                continue
            value = 0
            for k in range(self.n_uses):
                if self.uses[3 * k] == w or self.uses[3 * k + 1] == w:
                    value += 1
                    if self.place[self.uses[3 * k]] >= 0 or self.place[self.uses[3 * k + 1]] >= 0:
                        value += 10000
            if value > most:
                most = value
                best = w
        self.order[at] = best
        self.place[best] = 0
    for w in range(self.n_wires):
        self.place[w] = -1


cdef void find_options(search_t *self, int depth, double most) noexcept nogil:
    """List where a depth's wire can go for less than is left, the cheapest last."""
    cdef int p, j, n = 0, wire = self.order[depth]
    cdef int *found = self.options + <Py_ssize_t> depth * self.n
    cdef double *prices = self.prices + <Py_ssize_t> depth * self.n
    cdef double price
    for p in range(self.n):
        if self.who[p] >= 0:
            continue
        price = price_at(self, wire, p)
        if not isfinite(price) or self.spent[depth] + price >= most:
            continue
        j = n
        while j > 0 and prices[j - 1] < price:
            prices[j] = prices[j - 1]
            found[j] = found[j - 1]
            j -= 1
        prices[j] = price
        found[j] = p
        n += 1
    self.n_options[depth] = n


cdef double search(search_t *self, long n_visits, double least, int32_t *best) noexcept nogil:
    """Fill `best` with a place that costs less than `least`, if one is found in so many visits; return what it costs."""
    cdef int depth = 0, w, p
    self.spent[0] = 0
    find_options(self, 0, least)
    while depth >= 0:
        w = self.order[depth]
        if self.place[w] >= 0:
            self.who[self.place[w]] = -1
            self.place[w] = -1
        if self.n_options[depth] == 0:
            depth -= 1
            continue
        n_visits -= 1
        if n_visits < 0:
            return least
        self.n_options[depth] -= 1
        p = self.options[<Py_ssize_t> depth * self.n + self.n_options[depth]]
        self.spent[depth + 1] = self.spent[depth] + self.prices[<Py_ssize_t> depth * self.n + self.n_options[depth]]
        if self.spent[depth + 1] >= least:
            continue
        self.place[w] = p
        self.who[p] = w
        if depth + 1 == self.n_wires:
            least = self.spent[depth + 1]
            for w in range(self.n_wires):
                best[w] = self.place[w]
            continue
        depth += 1
        find_options(self, depth, least)
    return least


def cheapest_place(
    const int32_t[:, ::1] uses not None, const double[:, ::1] wire_uses not None,
    const double[:, ::1] pair_price not None, const double[:, ::1] qubit_price not None, long n_visits, double least,
    int32_t[::1] place not None,
):
    """Search the place of a program's wires that costs the least, and less than `least`.

    Parameters
    ----------
    uses : (n_uses, 3) int32
        Two wires that have gates together, first qubit first, and how many.
    wire_uses : (n_wires, 2) float64
        Pulses and readouts of each wire.
    pair_price : (n, n) float64
        Price of a gate on each pair of qubits, infinite where there is none; 0 or more.
    qubit_price : (n, 2) float64
        Price of a pulse and of a readout of each qubit; 0 or more.
    n_visits : int
        Budget.
    least : float
        What is known already.
    place : (n_wires,) int32
        Filled with the qubit of each wire if something better was found.

    Returns
    -------
    float
        What it costs; `least` if nothing better was found.

    Raises
    ------
    ValueError
        If shapes don't fit, or a wire is none.
    MemoryError
    """
    cdef search_t self
    cdef int k, n = <int> pair_price.shape[0], n_wires = <int> wire_uses.shape[0]
    cdef int *numbers = NULL
    cdef double *sums = NULL
    cdef double found
    if uses.shape[1] != 3 or wire_uses.shape[1] != 2 or pair_price.shape[1] != n or qubit_price.shape[0] != n or (
        qubit_price.shape[1] != 2 or place.shape[0] != n_wires or n_wires > n
    ):
        raise ValueError(
            f"uses {(uses.shape[0], uses.shape[1])}, wire_uses {(n_wires, wire_uses.shape[1])}, pair_price "
            f"{(n, pair_price.shape[1])}, qubit_price {(qubit_price.shape[0], qubit_price.shape[1])} and place "
            f"{place.shape[0]} don't fit (m, 3), (w, 2), (n, n), (n, 2) and w, with at most n wires"
        )
    for k in range(<int> uses.shape[0]):
        if not 0 <= uses[k, 0] < n_wires or not 0 <= uses[k, 1] < n_wires or uses[k, 0] == uses[k, 1]:
            raise ValueError(f"uses[{k}] joins {uses[k, 0]} and {uses[k, 1]}, not two of {n_wires} wires")
    if n_wires == 0:
        return least
    numbers = <int *> malloc((3 * n_wires + n + <size_t> n_wires * n) * sizeof(int))
    sums = <double *> malloc((<size_t> n_wires * n + n_wires + 1) * sizeof(double))
    if numbers == NULL or sums == NULL:
        free(numbers)
        free(sums)
        raise MemoryError(f"no memory to place {n_wires} wires on {n} qubits")
    self.uses = &uses[0, 0] if uses.shape[0] else NULL
    self.n_uses = <int> uses.shape[0]
    self.n_wires = n_wires
    self.n = n
    self.wire_uses = &wire_uses[0, 0]
    self.pair_price = &pair_price[0, 0]
    self.qubit_price = &qubit_price[0, 0]
    self.order = numbers
    self.place = numbers + n_wires
    self.n_options = numbers + 2 * n_wires
    self.who = numbers + 3 * n_wires
    self.options = numbers + 3 * n_wires + n
    self.prices = sums
    self.spent = sums + <size_t> n_wires * n
    with nogil:
        for k in range(n):
            self.who[k] = -1
        put_in_order(&self)
        found = search(&self, n_visits, least, &place[0])
    free(numbers)
    free(sums)
    return found
