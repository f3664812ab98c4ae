/* Derivatives of an expectation value by the angles of gates: the adjoint method, a block of gates at a time.

   Source: Jones and Gacon, arXiv:2009.02823 (2020). Both states are played backwards; of each block with wanted angles
   the sums t[b][a] = sum x[b] conj(y[a]) over the rest of the qubits are taken, from which the derivatives of all its
   gates follow by small matrices. Chunks are summed up in stripes, whose number no number of threads changes. */

#define QCTL_STRIPES 16

/* Which expressions are the angles of a row: -1 where an angle is a number. Returns how many angles there are. */
static int qctl_angle_expressions(const qctl_code *code, int64_t i, int64_t *expression)
{
    const qctl_row *row = code->rows + i;
    const int n = qctl_op(row->op)->n_params;
    for (int k = 0; k < n; k++) {
        uint32_t word = 0;
        if (row->flags & 4)
            word = code->operands[row->a + row->b + (uint32_t)k];
        else if (row->flags & 2)
            word = row->b | 0x80000000;
        else if (!(row->flags & 1))
            word = row->c;
        expression[k] = word >> 31 ? (int64_t)(word & 0x7FFFFFFF) : -1;
    }
    return n;
}

/* The derivative of a gate's matrix by one angle; 0 if this gate of the row doesn't depend on it. */
static int qctl_differentiate(int op, int slot, const double *angles, const qctl_gate *inverse, double *dm)
{
    const int d = 1 << inverse->k;
    double p[4];
    double by[4] = {0, 0, 0, 0}; /* entry r is multiplied by i by[r] */
    for (int r = 0; r < d; r++)
        for (int c = 0; c < d; c++)
            qctl_put(dm, d * r + c, inverse->m[2 * (d * c + r)], -inverse->m[2 * (d * c + r) + 1]);
    memcpy(p, angles, sizeof p);
    p[slot] += QCTL_PI;
    if (inverse->k == 2) { /* rxx and its kin; the pairs of ms */
        if (slot)
            return 0;
        qctl_matrix2(op == QCTL_OP_MS ? QCTL_OP_RZZ : op, p, dm);
    } else if (op == QCTL_OP_MS && slot == 0) {
        return 0;
    } else if (op == QCTL_OP_RX || op == QCTL_OP_RY || op == QCTL_OP_RZ || (op >= QCTL_OP_CRX && op <= QCTL_OP_CRZ) ||
               (slot == 0 && (op == QCTL_OP_U || op == QCTL_OP_U3 || op == QCTL_OP_RPHI || op == QCTL_OP_CU))) {
        qctl_matrix1(op, p, dm);
    } else {
        if (op == QCTL_OP_P || op == QCTL_OP_U1 || op == QCTL_OP_CP || op == QCTL_OP_GPHASE)
            by[3] = 1;
        else if (op == QCTL_OP_RPHI || op == QCTL_OP_MS)
            by[1] = -1, by[2] = 1;
        else if ((op == QCTL_OP_U2 && slot == 0) || (op != QCTL_OP_U2 && slot == 1))
            by[2] = by[3] = 1;
        else if (slot == 3)
            by[0] = by[1] = by[2] = by[3] = 1;
        else
            by[1] = by[3] = 1;
        for (int r = 0; r < 4; r++)
            qctl_put(dm, r, -by[r] * dm[2 * r + 1], by[r] * dm[2 * r]);
        return 1;
    }
    for (int r = 0; r < 2 * d * d; r++)
        dm[r] /= 2;
    return 1;
}

/* Whether a gate of a block has an angle that is an expression. */
static int qctl_is_wanted(const qctl_evolution *all, const qctl_block *block)
{
    int64_t expression[4];
    for (int64_t g = block->head; g >= 0; g = all->blocks.follows[g])
        for (int k = qctl_angle_expressions(&all->code, all->gates[g].row, expression) - 1; k >= 0; k--)
            if (expression[k] >= 0)
                return 1;
    return 0;
}

/* One worker's stripes of a pass, both states side by side. */
static void qctl_play_stripes(void *work, int worker, int n_workers)
{
    qctl_evolution *all = work;
    const qctl_pass *pass = &all->pass;
    const qctl_set *set = all->set;
    const int64_t n = pass->n_chunks, n_stripes = n < QCTL_STRIPES ? n : QCTL_STRIPES;
    const uint64_t outside = (((uint64_t)1 << all->code.n_qubits) - 1) & ~pass->inside;
    const size_t plane = (size_t)set->size << (pass->n_chunk > set->log_lanes ? pass->n_chunk : set->log_lanes);
    char *xr = all->planes + (size_t)worker * all->plane_bytes, *xi = xr + plane, *yr = xi + plane, *yi = yr + plane;
    for (int64_t stripe = n_stripes * worker / n_workers; stripe < n_stripes * (worker + 1) / n_workers; stripe++)
        for (int64_t i = n * stripe / n_stripes; i < n * (stripe + 1) / n_stripes; i++) {
            const int64_t chunk = qctl_spread(i, outside);
            char *x = (char *)all->state + 2 * set->size * chunk, *y = (char *)all->adjoint + 2 * set->size * chunk;
            set->gather(x, pass->offsets, pass->n_runs, pass->log_run, xr, xi);
            set->gather(y, pass->offsets, pass->n_runs, pass->log_run, yr, yi);
            for (int s = 0; s < pass->n_steps; s++) {
                const qctl_step *step = pass->steps + s;
                double *t = all->transitions + all->n_transitions * stripe + all->transition_at[s];
                if (all->transition_at[s] >= 0 && step->diagonal)
                    set->transition_diagonal(step, qctl_outer_entry(step, chunk), qctl_vectors(all), xr, xi, yr, yi, t);
                else if (all->transition_at[s] >= 0 && ((uint64_t)chunk & step->outer) == step->outer)
                    set->transition[step->kh][step->kl](step, xr, xi, yr, yi, t);
                qctl_play_step(all, step, chunk, xr, xi);
                qctl_play_step(all, step, chunk, yr, yi);
            }
            set->scatter(xr, xi, pass->offsets, pass->n_runs, pass->log_run, x);
            set->scatter(yr, yi, pass->offsets, pass->n_runs, pass->log_run, y);
        }
}

/* A diagonal's sums by table entry and lane become the diagonal of a matrix. */
static void qctl_spread_diagonal(const qctl_set *set, const qctl_block *block, uint64_t inside, const double *t, double *out)
{
    const int lanes = 1 << set->log_lanes;
    int bit_of[QCTL_MOST_DIAGONAL], place[QCTL_MOST_DIAGONAL], n_entries = 1;
    for (int i = 0; i < block->k; i++) {
        const uint64_t bit = (uint64_t)1 << block->qubit[i];
        place[i] = inside & bit ? __builtin_popcountll(inside & (bit - 1)) : -1;
        bit_of[i] = place[i] >= 0 && place[i] < set->log_lanes ? 0 : n_entries;
        n_entries *= bit_of[i] ? 2 : 1;
    }
    memset(out, 0, sizeof(double) * (size_t)(2 << block->k));
    for (int e = 0; e < n_entries; e++)
        for (int lane = 0; lane < lanes; lane++) {
            int index = 0;
            for (int i = 0; i < block->k; i++)
                index |= (bit_of[i] ? (e & bit_of[i]) != 0 : lane >> place[i] & 1) << i;
            out[2 * index] += t[lanes * (2 * e) + lane];
            out[2 * index + 1] += t[lanes * (2 * e + 1) + lane];
        }
}

/* The gates of a block, whose inverses were played: add 2 Re <y|dG|x> of each to its expression's derivative.

   `w` has the product of the inverses so far; x and y before them are in t, so that <y|dG|x> = trace(w† dG G† w t). */
static void qctl_add_derivatives(const qctl_evolution *all, const qctl_block *block, const double *t)
{
    qctl_block w = *block, next;
    const int d = 1 << block->k, n = block->diagonal ? 1 : d;
    qctl_begin(&w, block->targets, block->diagonal);
    w.controls = block->controls;
    for (int64_t g = block->head; g >= 0; g = all->blocks.follows[g]) {
        const qctl_gate *gate = all->gates + g;
        int64_t expression[4];
        uint32_t qubits[QCTL_MOST_QUBITS];
        double angles[4] = {0, 0, 0, 0};
        int n_qubits, n_controls;
        const int n_angles = qctl_angle_expressions(&all->code, gate->row, expression);
        qctl_read(&all->code, gate->row, qubits, &n_qubits, &n_controls, angles);
        next = w;
        qctl_append_gate(&next, gate);
        for (int slot = 0; slot < n_angles; slot++) {
            qctl_gate change = *gate;
            if (expression[slot] < 0 || n_qubits == 0) /* a phase of all changes nothing */
                continue;
            if (!qctl_differentiate(all->code.rows[gate->row].op, slot, angles, gate, change.m))
                continue;
            /* where a control is 0 the derivative vanishes: multiply there by what is played, and take it off again */
            qctl_block after = next;
            qctl_append_gate(&after, &change);
            double sum = 0;
            for (int i = 0; i < d; i++) {
                int on = 1;
                for (uint64_t left = gate->controls & ~block->controls; left; left &= left - 1)
                    on &= i >> qctl_place(block->qubit, block->k, __builtin_ctzll(left)) & 1;
                if (!on)
                    continue;
                for (int a = block->diagonal ? i : 0; a < (block->diagonal ? i + 1 : d); a++)
                    for (int b = block->diagonal ? i : 0; b < (block->diagonal ? i + 1 : d); b++) {
                        /* conj(w[i][a]) after[i][b] t[b][a], its real part */
                        const double *u = w.m + 2 * (block->diagonal ? i : n * i + a);
                        const double *v = after.m + 2 * (block->diagonal ? i : n * i + b);
                        const double *s = t + 2 * (block->diagonal ? i : n * b + a);
                        const double re = u[0] * v[0] + u[1] * v[1], im = u[0] * v[1] - u[1] * v[0];
                        sum += re * s[0] - im * s[1];
                    }
            }
            all->derivatives[expression[slot]] += 2 * sum;
        }
        w = next;
    }
}

static int qctl_play_backward(qctl_workers *workers, qctl_evolution *all)
{
    const qctl_pass *pass = &all->pass;
    const int lanes = 1 << all->set->log_lanes;
    const int64_t n_stripes = pass->n_chunks < QCTL_STRIPES ? pass->n_chunks : QCTL_STRIPES;
    int64_t total = 0;
    all->transition_at = malloc(sizeof(int64_t) * (size_t)(pass->n_steps + 1));
    if (!all->transition_at)
        return QCTL_NO_MEMORY;
    for (int s = 0; s < pass->n_steps; s++) {
        const qctl_block *block = all->blocks.blocks + pass->steps[s].block;
        all->transition_at[s] = qctl_is_wanted(all, block) ? total : -1;
        if (all->transition_at[s] >= 0)
            total += block->diagonal ? 2 * lanes << block->k : 2 << 2 * block->k;
    }
    all->n_transitions = total;
    all->transitions = calloc((size_t)(total * n_stripes + 1), sizeof(double));
    if (!all->transitions) {
        free(all->transition_at);
        return QCTL_NO_MEMORY;
    }
    qctl_play(workers, qctl_play_stripes, all);
    for (int64_t stripe = 1; stripe < n_stripes; stripe++)
        for (int64_t i = 0; i < total; i++)
            all->transitions[i] += all->transitions[total * stripe + i];
    for (int s = 0; s < pass->n_steps; s++) {
        const qctl_block *block = all->blocks.blocks + pass->steps[s].block;
        const double *t = all->transitions + all->transition_at[s];
        double diagonal[2 << QCTL_MOST_DIAGONAL];
        if (all->transition_at[s] < 0)
            continue;
        if (block->diagonal)
            qctl_spread_diagonal(all->set, block, pass->inside, t, diagonal);
        qctl_add_derivatives(all, block, block->diagonal ? diagonal : t);
    }
    free(all->transitions);
    free(all->transition_at);
    return QCTL_OK;
}
