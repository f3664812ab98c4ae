"""Search the cheapest place of a routed program on a coupling graph: branch and bound over its equal subgraphs.

Sources: L. Cordella et al., IEEE Trans. Pattern Anal. Mach. Intell. 26, 1367 (2004) (VF2); P. Nation, M. Treinish, PRX Quantum 4,
010327 (2023) (the choice among equal subgraphs by measured errors).
"""

from libc.math cimport isfinite
from libc.stdint cimport int32_t
from libc.stdlib cimport free, malloc

cdef struct search_t:
    const int32_t *uses         # n_uses rows: two wires, first qubit first, how often, and what kind of gate
    int n_uses, n_wires, n, n_kinds
    const double *wire_uses     # n_wires x 2: pulses, readouts
    const double *pair_price    # n x n of each kind
    const double *qubit_price   # n x 2
    int *use_first              # of each wire, in `use_of`: rows of `uses`
    int *use_of
    int *near_first             # of each qubit, in `near`: those that a gate couples it to, ascending
    int *near
    int *order                  # wires in the order of the search
    int *place                  # of each wire, or -1
    int *who                    # wire of each qubit, or -1
    int *options                # n of each depth, and how many are left
    int *n_options
    double *prices              # of each option of each depth
    double *spent               # before each depth


cdef inline int partner(const search_t *self, int use, int wire) noexcept nogil:
    return self.uses[4 * use + 1] if self.uses[4 * use] == wire else self.uses[4 * use]


cdef double price_at(const search_t *self, int wire, int p) noexcept nogil:
    """Return what a wire costs on a qubit, with all placed ones that it meets; infinite if they aren't coupled."""
    cdef int j, k, q
    cdef const double *pair_price
    cdef double sum_ = self.wire_uses[2 * wire] * self.qubit_price[2 * p] + (
        self.wire_uses[2 * wire + 1] * self.qubit_price[2 * p + 1]
    )
    for j in range(self.use_first[wire], self.use_first[wire + 1]):
        k = self.use_of[j]
        q = self.place[partner(self, k, wire)]
        if q < 0:
            continue
        pair_price = self.pair_price + <Py_ssize_t> self.uses[4 * k + 3] * self.n * self.n
        if self.uses[4 * k] == wire:
            sum_ += self.uses[4 * k + 2] * pair_price[<Py_ssize_t> p * self.n + q]
        else:
            sum_ += self.uses[4 * k + 2] * pair_price[<Py_ssize_t> q * self.n + p]
    return sum_


cdef void list_uses(search_t *self) noexcept nogil:
    """List the uses of each wire."""
    cdef int k, w
    for w in range(self.n_wires + 1):
        self.use_first[w] = 0
    for k in range(self.n_uses):
        self.use_first[self.uses[4 * k]] += 1
        self.use_first[self.uses[4 * k + 1]] += 1
    for w in range(1, self.n_wires + 1):
        self.use_first[w] += self.use_first[w - 1]
    for k in range(self.n_uses - 1, -1, -1):
        for w in range(2):
            self.use_first[self.uses[4 * k + w]] -= 1
            self.use_of[self.use_first[self.uses[4 * k + w]]] = k


cdef void list_near(search_t *self) noexcept nogil:
    """List the qubits that each is coupled to; without room for them, count them alone."""
    cdef int k, p, q, n = 0
    cdef const double *price
    for p in range(self.n):
        self.near_first[p] = n
        for q in range(self.n):
            for k in range(self.n_kinds):
                price = self.pair_price + <Py_ssize_t> k * self.n * self.n
                if isfinite(price[<Py_ssize_t> p * self.n + q]) or isfinite(price[<Py_ssize_t> q * self.n + p]):
                    if self.near != NULL:
                        self.near[n] = q
                    n += 1
                    break
    self.near_first[self.n] = n


cdef void put_in_order(search_t *self) noexcept nogil:
    """Order the wires: each behind one that it meets, where there is one; the busiest first."""
    cdef int j, w, at, best, most
    cdef int *value = self.n_options
    for w in range(self.n_wires):
        self.place[w] = -1      # for now: not in the order yet
        value[w] = self.use_first[w + 1] - self.use_first[w]
    for at in range(self.n_wires):
        best = -1
        most = -1
        for w in range(self.n_wires):
            if self.place[w] < 0 and value[w] > most:
                most = value[w]
                best = w
        self.order[at] = best
        self.place[best] = 0
        for j in range(self.use_first[best], self.use_first[best + 1]):
            value[partner(self, self.use_of[j], best)] += 10000
    for w in range(self.n_wires):
        self.place[w] = -1


cdef void find_options(search_t *self, int depth, double most) noexcept nogil:
    """List where a depth's wire can go for less than is left, the cheapest last."""
    cdef int i, j, p, n = 0, wire = self.order[depth], anchor = -1, first = 0, end = self.n
    cdef int *found = self.options + <Py_ssize_t> depth * self.n
    cdef double *prices = self.prices + <Py_ssize_t> depth * self.n
    cdef double price
    for j in range(self.use_first[wire], self.use_first[wire + 1]):
        anchor = self.place[partner(self, self.use_of[j], wire)]
        if anchor >= 0:         # beside one that it meets, or nowhere
            first = self.near_first[anchor]
            end = self.near_first[anchor + 1]
            break
    for i in range(first, end):
        p = self.near[i] if anchor >= 0 else i
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
    const double[:, :, ::1] pair_price not None, const double[:, ::1] qubit_price not None, long n_visits, double least,
    int32_t[::1] place not None,
):
    """Search the place of a program's wires that costs the least, and less than `least`.

    Parameters
    ----------
    uses : (n_uses, 4) int32
        Two wires that have gates together, first qubit first, how many, and of what kind.
    wire_uses : (n_wires, 2) float64
        Pulses and readouts of each wire.
    pair_price : (n_kinds, n, n) float64
        Price of a gate of each kind on each pair of qubits, infinite where there is none; 0 or more.
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
    cdef int k, n = <int> pair_price.shape[1], n_wires = <int> wire_uses.shape[0]
    cdef int *numbers = NULL
    cdef int *near_first = NULL
    cdef double *sums = NULL
    cdef double found
    if uses.shape[1] != 4 or wire_uses.shape[1] != 2 or pair_price.shape[2] != n or qubit_price.shape[0] != n or (
        qubit_price.shape[1] != 2 or place.shape[0] != n_wires or n_wires > n
    ):
        raise ValueError(
            f"uses {(uses.shape[0], uses.shape[1])}, wire_uses {(n_wires, wire_uses.shape[1])}, pair_price "
            f"{(pair_price.shape[0], n, pair_price.shape[2])}, qubit_price {(qubit_price.shape[0], qubit_price.shape[1])} and place "
            f"{place.shape[0]} don't fit (m, 4), (w, 2), (k, n, n), (n, 2) and w, with at most n wires"
        )
    for k in range(<int> uses.shape[0]):
        if not 0 <= uses[k, 0] < n_wires or not 0 <= uses[k, 1] < n_wires or uses[k, 0] == uses[k, 1]:
            raise ValueError(f"uses[{k}] joins {uses[k, 0]} and {uses[k, 1]}, not two of {n_wires} wires")
        if not 0 <= uses[k, 3] < pair_price.shape[0]:
            raise ValueError(f"uses[{k}] has a gate of kind {uses[k, 3]}, not one of {pair_price.shape[0]}")
    if n_wires == 0:
        return least
    self.uses = &uses[0, 0] if uses.shape[0] else NULL
    self.n_uses = <int> uses.shape[0]
    self.n_wires = n_wires
    self.n = n
    self.n_kinds = <int> pair_price.shape[0]
    self.wire_uses = &wire_uses[0, 0]
    self.pair_price = &pair_price[0, 0, 0] if self.n_kinds else NULL
    self.qubit_price = &qubit_price[0, 0]
    self.near = NULL
    self.near_first = near_first = <int *> malloc((n + 1) * sizeof(int))
    if near_first != NULL:
        with nogil:
            list_near(&self)
        numbers = <int *> malloc(
            (4 * n_wires + 1 + n + <size_t> n_wires * n + 2 * <size_t> self.n_uses + near_first[n]) * sizeof(int)
        )
    sums = <double *> malloc((<size_t> n_wires * n + n_wires + 1) * sizeof(double))
    if numbers == NULL or sums == NULL:
        free(near_first)
        free(numbers)
        free(sums)
        raise MemoryError(f"no memory to place {n_wires} wires on {n} qubits")
    self.order = numbers
    self.place = numbers + n_wires
    self.n_options = numbers + 2 * n_wires
    self.use_first = numbers + 3 * n_wires
    self.who = self.use_first + n_wires + 1
    self.options = self.who + n
    self.use_of = self.options + <size_t> n_wires * n
    self.near = self.use_of + 2 * self.n_uses
    self.prices = sums
    self.spent = sums + <size_t> n_wires * n
    with nogil:
        for k in range(n):
            self.who[k] = -1
        list_near(&self)
        list_uses(&self)
        put_in_order(&self)
        found = search(&self, n_visits, least, &place[0])
    free(near_first)
    free(numbers)
    free(sums)
    return found
