// Carries out at their ticks: entries of one tick are gathered ahead of it, then all of them take effect in one clock.
`default_nettype none

module dispatcher #(
    parameter TICK_BITS = 48,
    parameter N_LINES = 8,
    parameter N_TONES = 4,
    parameter N_INPUTS = 8,
    parameter N_COUNTERS = 2,
    parameter REGISTER_BITS = 4,
    parameter TRIGGER_LATENCY = 20
) (
    input wire clk,
    input wire start,
    input wire stop,                        // at once, outputs stay
    input wire silence,                     // at once, all lines low, all tones 0
    input wire signed [TICK_BITS:0] next,   // the block's tick after the next edge of the clock
    input wire [31:0] max_late_ticks,

    // The first entry of the queue.
    input wire there,
    output reg take,
    input wire [TICK_BITS-1:0] entry_tick,
    input wire [15:0] entry_instruction,
    input wire [7:0] entry_kind,
    input wire [7:0] entry_a,
    input wire [15:0] entry_b,
    input wire [31:0] entry_value,

    // Outputs. Synthesisers keep what is written to them apart, and use it from `tone_update` on.
    output wire [N_LINES-1:0] lines,
    output wire tone_write,
    output wire [7:0] tone,
    output wire [31:0] tone_frequency,
    output wire [13:0] tone_amplitude,
    output wire [15:0] tone_phase,
    output reg [N_TONES-1:0] tone_update,
    output reg shot,                        // begins: synthesisers begin anew

    // Inputs and counters, two clocks after the pins.
    input wire [N_INPUTS-1:0] levels,
    output wire [7:0] source,
    input wire came,
    input wire signed [TICK_BITS:0] came_at,
    output reg [N_COUNTERS-1:0] opens,
    output wire [N_COUNTERS-1:0] closes,
    output wire [7:0] counter,
    input wire [31:0] count,

    // Back to the executor.
    output wire gave,
    output wire [REGISTER_BITS-1:0] gave_register,
    output wire [31:0] gave_value,
    output wire resumed,
    output wire [TICK_BITS-1:0] resumed_cursor,
    output wire [15:0] resumed_at,

    // The log.
    output reg put_row,
    output reg put_mark,
    output reg [15:0] row_instruction,
    output reg [31:0] row_value,
    output reg [TICK_BITS-1:0] row_tick,
    output wire commit,
    output wire show,
    input wire mark_room,

    // How the block goes.
    output wire settling,
    output reg ended,                       // for one clock
    output reg [7:0] fault,
    output reg [15:0] fault_instruction,
    output reg [TICK_BITS-1:0] fault_tick,
    output reg [31:0] fault_value,
    output reg [31:0] n_begun,
    output reg [31:0] worst_late
);
    `include "ops.vh"

    localparam [2:0] REST = 0, SETTLE = 1, GATHER = 2, TONES = 3, COMMITTED = 4, SAMPLE = 5, SAMPLED = 6, TRIGGER = 7;
    localparam TONE_BITS = N_TONES > 1 ? $clog2(N_TONES) : 1;
    localparam [15:0] NOWHERE = 16'hffff;

    reg [2:0] state;

    // What is gathered for one tick.
    reg grouped, timed, whole, begins, finishes;
    reg [TICK_BITS-1:0] tick;
    reg [15:0] instruction;                 // the first timed one
    reg [N_LINES-1:0] next_lines;
    reg [N_TONES-1:0] updates;
    reg [N_COUNTERS-1:0] opening, opened, opened_before;
    reg samples, closing;                   // `inputs` or `close`, which is the last of its tick
    reg [7:0] a;
    reg [15:0] b, last_instruction;
    reg [31:0] next_begun;
    reg [7:0] failing;
    reg [31:0] failing_value;

    wire due = grouped && next >= $signed({1'b0, tick});
    wire joins = !grouped || (entry_tick == tick && !whole);
    wire stages = entry_kind == OP_FREQUENCY || entry_kind == OP_AMPLITUDE;

    assign commit = state == GATHER && due && !stop; // a tick takes effect whole or not at all

    always @* begin
        if (state != GATHER || !there || due)
            take = 0;
        else if (stages)
            take = updates == 0 && !whole;  // so that the synthesiser still has what an update waits for
        else if (entry_kind == OP_WAIT_TRIGGER)
            take = !grouped;
        else
            take = joins;
    end

    // Tones: what is staged, and the rows that an update makes.
    reg [N_TONES-1:0] left;
    reg second, silencing;
    reg [TONE_BITS-1:0] lowest;
    reg [TONE_BITS:0] settled;              // tones that have been silenced
    wire [31:0] frequency_now;
    wire [13:0] amplitude_now;
    wire [15:0] phase_now;
    integer n;

    tones #(.N_TONES(N_TONES), .TONE_BITS(TONE_BITS)) tones (
        .clk(clk), .clear(state == SETTLE && settled != N_TONES[TONE_BITS:0]), .clear_tone(settled[TONE_BITS-1:0]),
        .frequency(take && entry_kind == OP_FREQUENCY), .amplitude(take && entry_kind == OP_AMPLITUDE),
        .number(entry_a[TONE_BITS-1:0]), .b(entry_b[13:0]), .value(entry_value), .read(lowest), .frequency_now(frequency_now),
        .amplitude_now(amplitude_now), .phase_now(phase_now), .tone_write(tone_write), .tone(tone),
        .tone_frequency(tone_frequency), .tone_amplitude(tone_amplitude), .tone_phase(tone_phase)
    );

    always @* begin
        lowest = 0;
        for (n = N_TONES - 1; n >= 0; n = n - 1)
            if (left[n])
                lowest = n[TONE_BITS-1:0];
    end

    // What was at the pins at the tick is here two clocks later.
    reg waited;
    wire sampled = state == SAMPLE && waited;
    wire uncountable = closing && count[31];

    assign counter = a;
    assign closes = sampled && closing ? {{(N_COUNTERS-1){1'b0}}, 1'b1} << a : 0;
    assign gave = sampled && !uncountable;
    assign gave_register = closing ? b[REGISTER_BITS-1:0] : a[REGISTER_BITS-1:0];
    assign gave_value = closing ? count : {{(32-N_INPUTS){1'b0}}, levels};

    always @(posedge clk) begin
        opened <= commit ? opening : 0;
        opened_before <= opened;
        opens <= opened_before;             // when the pins of its tick are seen
    end

    // A trigger that is waited for, from `tick` to `limit`; it is known two clocks and one after its tick.
    reg [TICK_BITS-1:0] limit;
    reg for_ever;
    wire in_time = came && came_at >= $signed({1'b0, tick}) && (for_ever || came_at <= $signed({1'b0, limit}));
    wire too_late = !for_ever && next > $signed({1'b0, limit}) + 3;
    wire [TICK_BITS-1:0] went_on = came_at[TICK_BITS-1:0] + TRIGGER_LATENCY;

    assign source = a;
    assign resumed = state == TRIGGER && (in_time || (too_late && b != NOWHERE));
    assign resumed_cursor = in_time ? went_on : limit;
    assign resumed_at = in_time ? last_instruction + 1 : b;

    // The log.
    wire [N_LINES-1:0] mask = entry_b[N_LINES-1:0];
    wire [N_LINES-1:0] changed = (next_lines & ~mask) | (entry_value[N_LINES-1:0] & mask);

    always @* begin
        put_row = 0;
        put_mark = 0;
        row_instruction = entry_instruction;
        row_value = entry_value;
        row_tick = entry_tick;
        case (state)
            GATHER: begin
                put_row = take && (entry_kind == OP_LINES || entry_kind == OP_OPEN || entry_kind == OP_MARK);
                put_mark = take && entry_kind == OP_MARK && mark_room;
                if (entry_kind == OP_LINES)
                    row_value = {{(32-N_LINES){1'b0}}, changed};
            end
            TONES: begin
                put_row = left != 0;
                row_instruction = last_instruction;
                row_tick = tick;
                row_value = second ? {2'b0, amplitude_now, phase_now} : frequency_now;
            end
            default: begin
                put_row = sampled;
                row_instruction = last_instruction;
                row_tick = tick;
                row_value = gave_value;
            end
        endcase
    end

    assign show = (state == COMMITTED && !samples) || state == SAMPLED;

    // Lateness.
    reg [31:0] late;
    wire signed [TICK_BITS:0] behind = next - $signed({1'b0, tick});
    wire bounded = max_late_ticks != 32'hffffffff;
    wire over = timed && bounded && late > max_late_ticks;

    levels_out #(.N_LINES(N_LINES)) levels_out (
        .clk(clk), .start(start), .clear(silence), .commit(commit), .next(next_lines), .lines(lines)
    );

    assign settling = state == SETTLE;

    task fail(input [7:0] code, input [15:0] at, input [TICK_BITS-1:0] when, input [31:0] value);
        begin
            ended <= 1;
            fault <= code;
            fault_instruction <= at;
            fault_tick <= when;
            fault_value <= value;
            state <= REST;
        end
    endtask

    task begin_group;
        begin
            {grouped, timed, whole, begins, finishes, samples, closing} <= 0;
            updates <= 0;
            opening <= 0;
            failing <= FAULT_NONE;
        end
    endtask

    // All of a tick has taken effect.
    task end_group;
        begin
            begin_group;
            state <= GATHER;
            if (failing != FAULT_NONE)
                fail(failing, last_instruction, tick, failing_value);
            else if (over)
                fail(FAULT_LATE, instruction, tick, late);
            else if (finishes) begin
                ended <= 1;
                state <= REST;
            end
        end
    endtask

    task gather;
        begin
            if (!stages) begin
                last_instruction <= entry_instruction;
                a <= entry_a;
                b <= entry_b;
                tick <= entry_tick;
                grouped <= entry_kind != OP_WAIT_TRIGGER;
            end
            if (!stages && !entry_kind[7] && !timed) begin
                timed <= 1;
                instruction <= entry_instruction;
            end
            case (entry_kind)
                OP_LINES: next_lines <= changed;
                OP_UPDATE: begin
                    updates <= updates | entry_b[N_TONES-1:0];
                    left <= entry_b[N_TONES-1:0];
                    second <= 0;
                    state <= TONES;
                end
                OP_OPEN: opening <= opening | {{(N_COUNTERS-1){1'b0}}, 1'b1} << entry_a;
                OP_INPUTS, OP_CLOSE: begin
                    samples <= 1;
                    closing <= entry_kind == OP_CLOSE;
                    whole <= 1;
                end
                OP_MARK: if (!mark_room) begin
                    failing <= FAULT_RESULTS;
                    failing_value <= 0;
                    whole <= 1;
                end
                OP_WAIT_TRIGGER: begin
                    timed <= 0;
                    limit <= entry_tick + {{(TICK_BITS-32){1'b0}}, entry_value};
                    for_ever <= entry_value == 0;
                    state <= TRIGGER;
                end
                ENTRY_SHOT: begin
                    if (entry_value > worst_late)
                        worst_late <= entry_value;
                    if (bounded && entry_value > max_late_ticks) begin
                        failing <= FAULT_LATE;
                        failing_value <= entry_value;
                        whole <= 1;
                    end else begin
                        begins <= 1;
                        next_begun <= next_begun + 1;
                    end
                end
                ENTRY_END: begin
                    finishes <= 1;
                    whole <= 1;
                end
                ENTRY_FAULT: begin
                    failing <= entry_a;
                    failing_value <= 0;
                    whole <= 1;
                end
                default: ; // frequency, amplitude
            endcase
        end
    endtask

    always @(posedge clk) begin
        ended <= 0;
        tone_update <= 0;
        shot <= 0;
        if (silence) begin
            begin_group;
            settled <= 0;
            silencing <= 1;
            state <= SETTLE;
        end else if (stop) begin
            begin_group;
            if (!settling || !silencing)
                state <= REST;
        end else if (start) begin
            begin_group;
            next_lines <= lines;
            next_begun <= 0;
            n_begun <= 0;
            worst_late <= 0;
            fault <= FAULT_NONE;
            settled <= 0;
            silencing <= 0;
            state <= SETTLE;
        end else begin
            case (state)
                SETTLE: begin
                    settled <= settled + 1;
                    if (settled == N_TONES[TONE_BITS:0]) begin
                        if (silencing)
                            tone_update <= {N_TONES{1'b1}};
                        state <= silencing ? REST : GATHER;
                    end
                end
                GATHER: if (due) begin
                    tone_update <= updates;
                    shot <= begins;
                    n_begun <= next_begun;
                    late <= behind[TICK_BITS:32] != 0 ? 32'hffffffff : behind[31:0];
                    state <= COMMITTED;
                end else if (take)
                    gather;
                TONES: begin
                    second <= !second;
                    if (second)
                        left[lowest] <= 0;
                    if (left == 0 || (second && (left & (left - 1'b1)) == 0))
                        state <= GATHER;
                end
                COMMITTED: begin
                    if (timed && late > worst_late)
                        worst_late <= late;
                    waited <= 0;
                    if (samples)
                        state <= SAMPLE;
                    else
                        end_group;
                end
                SAMPLE: begin
                    waited <= 1;
                    if (sampled) begin
                        if (uncountable) begin
                            failing <= FAULT_COUNT;
                            failing_value <= 0;
                        end
                        state <= SAMPLED;
                    end
                end
                SAMPLED: end_group;
                TRIGGER: begin
                    if (resumed)
                        state <= GATHER;
                    else if (too_late)
                        fail(FAULT_TRIGGER, last_instruction, limit, 0);
                end
                default: ;
            endcase
        end
    end
endmodule

`default_nettype wire
