// Executes ahead of time: instructions into the queue of timed entries, three clocks each, as far as there is room.
`default_nettype none

module executor #(
    parameter TICK_BITS = 48,
    parameter PROGRAM_BITS = 10,   // 2^n instructions
    parameter REGISTER_BITS = 4,
    parameter RESULT_BITS = 10
) (
    input wire clk,
    input wire reset,
    input wire start,              // a block begins: from its first instruction, with all registers 0
    input wire stop,
    input wire [31:0] n_shots,
    input wire [31:0] period_ticks,

    // The queue.
    output reg put,
    output reg [TICK_BITS-1:0] put_tick,
    output reg [15:0] put_instruction,
    output reg [7:0] put_kind,
    output reg [7:0] put_a,
    output reg [15:0] put_b,
    output reg [31:0] put_value,
    input wire room,

    // What was waited for came: the value of a register, or a trigger with where to go on.
    input wire gave,
    input wire [REGISTER_BITS-1:0] gave_register,
    input wire [31:0] gave_value,
    input wire resumed,
    input wire [TICK_BITS-1:0] resumed_cursor,
    input wire [15:0] resumed_at,

    // The bus: both halves of the program, registers, results.
    input wire write_low,
    input wire write_high,
    input wire [PROGRAM_BITS-1:0] write_at,
    input wire [31:0] write_word,
    input wire [REGISTER_BITS-1:0] read_register,
    output reg [31:0] register_read,
    input wire [RESULT_BITS-1:0] read_result,
    output reg [31:0] result_read,
    output reg [15:0] pc,
    output reg [RESULT_BITS:0] n_results
);
    `include "ops.vh"

    localparam [2:0] REST = 0, CLEAR = 1, SHOT = 2, FETCH = 3, READ = 4, EXECUTE = 5, HALTED = 6, BLOCKED = 7;

    reg [2:0] state;
    reg [TICK_BITS-1:0] cursor, planned;
    reg [31:0] shot, late;
    reg [REGISTER_BITS-1:0] clearing;

    // The program: {b, a, op} and c.
    reg [31:0] low_words [0:(1<<PROGRAM_BITS)-1];
    reg [31:0] high_words [0:(1<<PROGRAM_BITS)-1];
    reg [31:0] low, c;
    wire [7:0] op = low[7:0], a = low[15:8];
    wire [15:0] b = low[31:16];

    always @(posedge clk) begin
        if (write_low)
            low_words[write_at] <= write_word;
        if (write_high)
            high_words[write_at] <= write_word;
        low <= low_words[pc[PROGRAM_BITS-1:0]];
        c <= high_words[pc[PROGRAM_BITS-1:0]];
    end

    // Registers: r[a] or r[b] as x, r[c] as y.
    reg [31:0] registers [0:(1<<REGISTER_BITS)-1];
    reg [31:0] x, y;
    reg store;
    reg [REGISTER_BITS-1:0] store_register;
    reg [31:0] store_value;
    wire takes_b = op[7:4] == 4'h1; // arithmetic

    always @(posedge clk) begin
        if (store)
            registers[store_register] <= store_value;
        x <= registers[takes_b ? b[REGISTER_BITS-1:0] : a[REGISTER_BITS-1:0]];
        y <= registers[c[REGISTER_BITS-1:0]];
        register_read <= registers[read_register];
    end

    // Results.
    reg [31:0] results [0:(1<<RESULT_BITS)-1];
    wire full = n_results[RESULT_BITS];
    wire keep = state == EXECUTE && op == OP_STORE && !full;

    always @(posedge clk) begin
        if (keep)
            results[n_results[RESULT_BITS-1:0]] <= x;
        result_read <= results[read_result];
    end

    // What an instruction makes of its registers.
    wire signed [31:0] x_signed = x, c_signed = c;
    wire [4:0] right = -c[4:0];
    wire signed [31:0] shifted_right = x_signed >>> right; // apart: beside what has no sign it would have none
    wire [31:0] shifted = c[31] ? shifted_right : x << c[4:0];
    wire [31:0] less = x - 1;
    reg [31:0] made;
    reg jumps;

    always @* begin
        case (op)
            OP_SET: made = c;
            OP_ADD: made = x + c;
            OP_SUM: made = x + y;
            OP_DIFFERENCE: made = x - y;
            OP_AND: made = x & c;
            OP_SHIFT: made = shifted;
            default: made = less; // loop
        endcase
        case (op)
            OP_JUMP: jumps = 1;
            OP_LOOP: jumps = !less[31] && less != 0;
            OP_JUMP_EQUAL: jumps = x == c;
            OP_JUMP_UNEQUAL: jumps = x != c;
            OP_JUMP_BELOW: jumps = x_signed < c_signed;
            OP_JUMP_NOT_BELOW: jumps = x_signed >= c_signed;
            default: jumps = 0;
        endcase
    end

    wire sets = op[7:4] == 4'h1 || op == OP_LOOP;
    wire negative = op == OP_WAIT_REGISTER && x[31];
    wire overflows = op == OP_STORE && full;
    wire fails = negative || overflows;
    wire timed = (op[7:3] == 0 && op != OP_HALT) || op == OP_WAIT_TRIGGER || op == OP_MARK;
    wire blocks = op == OP_INPUTS || op == OP_CLOSE || op == OP_WAIT_TRIGGER;
    wire moves = state == EXECUTE && !(timed && !room); // an instruction without room waits where it is
    wire was_last = shot == n_shots;

    always @* begin
        store = gave;
        store_register = gave_register;
        store_value = gave_value;
        if (state == CLEAR) begin
            store = 1;
            store_register = clearing;
            store_value = 0;
        end else if (state == EXECUTE && sets) begin
            store = 1;
            store_register = a[REGISTER_BITS-1:0];
            store_value = made;
        end
    end

    always @* begin
        put_tick = cursor;
        put_instruction = pc;
        put_kind = op;
        put_a = a;
        put_b = b;
        put_value = op == OP_MARK ? x : c;
        put = 0;
        case (state)
            SHOT: begin
                put = room;
                put_instruction = 0;
                put_kind = ENTRY_SHOT;
                put_value = late;
            end
            EXECUTE: begin
                put = room && (timed || fails);
                if (fails) begin
                    put_kind = ENTRY_FAULT;
                    put_a = negative ? FAULT_WAIT : FAULT_RESULTS;
                end
            end
            HALTED: begin
                put = room && was_last;
                put_kind = ENTRY_END;
            end
            default: put = 0;
        endcase
    end

    always @(posedge clk) begin
        if (reset) begin
            state <= REST;
            pc <= 0;
            n_results <= 0;
        end else if (stop) begin
            state <= REST;
        end else if (start) begin
            state <= CLEAR;
            cursor <= 0;
            planned <= 0;
            shot <= 0;
            late <= 0;
            clearing <= 0;
            pc <= 0;
            n_results <= 0;
        end else begin
            case (state)
                CLEAR: begin
                    clearing <= clearing + 1;
                    if (&clearing)
                        state <= SHOT;
                end
                SHOT: if (room) begin
                    pc <= 0;
                    state <= FETCH;
                end
                FETCH: state <= READ;
                READ: state <= EXECUTE;
                EXECUTE: if (fails) begin
                    if (room)
                        state <= REST;
                end else if (op == OP_HALT) begin
                    shot <= shot + 1;
                    planned <= planned + {{(TICK_BITS-32){1'b0}}, period_ticks};
                    state <= HALTED;
                end else if (moves) begin
                    pc <= jumps ? b : pc + 1;
                    if (op == OP_WAIT)
                        cursor <= cursor + {{(TICK_BITS-32){1'b0}}, c};
                    if (op == OP_WAIT_REGISTER)
                        cursor <= cursor + {{(TICK_BITS-32){1'b0}}, x};
                    if (keep)
                        n_results <= n_results + 1;
                    state <= blocks ? BLOCKED : FETCH;
                end
                HALTED: if (was_last) begin
                    if (room)
                        state <= REST;
                end else begin
                    late <= 0;
                    if (planned > cursor)
                        cursor <= planned;
                    else if (period_ticks != 0)
                        late <= overrun;
                    state <= SHOT;
                end
                BLOCKED: if (gave) begin
                    state <= FETCH;
                end else if (resumed) begin
                    cursor <= resumed_cursor;
                    pc <= resumed_at;
                    state <= FETCH;
                end
                default: state <= REST;
            endcase
        end
    end

    wire [TICK_BITS-1:0] over = cursor - planned;
    wire [31:0] overrun = over[TICK_BITS-1:32] != 0 ? 32'hffffffff : over[31:0];
endmodule

`default_nettype wire
