// A sequencer core for docs/firmware-instructions.md: a clock is a tick. Its bus is described in docs/gateware.md.
`default_nettype none

module core #(
    parameter N_LINES = 8,
    parameter N_PINS = 4,           // inputs; further ones, up to N_INPUTS, read lines back from line 0 on
    parameter N_INPUTS = 8,
    parameter N_TONES = 4,
    parameter N_COUNTERS = 2,       // of the first pins
    parameter REGISTER_BITS = 4,    // all of these: 2^n
    parameter PROGRAM_BITS = 10,
    parameter RESULT_BITS = 10,
    parameter TRACE_BITS = 9,
    parameter MARK_BITS = 5,
    parameter QUEUE_BITS = 6,
    parameter TICK_BITS = 48,       // of a block's time
    parameter START_TICKS = 200,    // from the command to tick 0
    parameter TRIGGER_LATENCY = 20
) (
    input wire clk,
    input wire reset,

    // The bus: words of 32 bits; what is read stands at the output a clock after its address did.
    input wire bus_write,
    input wire [13:0] bus_address,
    input wire [31:0] bus_word,
    output reg [31:0] bus_read,
    output wire attention,          // a block has ended, or there are marks

    input wire [N_PINS-1:0] pins,
    output wire [N_LINES-1:0] lines,
    output wire tone_write,
    output wire [7:0] tone,
    output wire [31:0] tone_frequency,
    output wire [13:0] tone_amplitude,
    output wire [15:0] tone_phase,
    output wire [N_TONES-1:0] tone_update,
    output wire shot                // begins, for one clock
);
    localparam [31:0] IDENTITY = 32'h51_53_43_31; // "QSC1"

    // Registers of the bus.
    localparam [4:0] IDENTIFY = 0, TICK_LOW = 1, TICK_HIGH = 2, CONTROL = 3, STATUS = 4, N_SHOTS = 5, PERIOD = 6, MAX_LATE = 7,
        MARK_LIMIT = 8, MARKS_TAKEN = 9, N_MARKS = 10, N_ROWS = 11, N_RESULTS = 12, N_BEGUN = 13, WORST_LATE = 14, AT = 15,
        EPOCH_LOW = 16, EPOCH_HIGH = 17, FAULT_AT = 18, FAULT_LOW = 19, FAULT_HIGH = 20, FAULT_VALUE = 21;
    localparam [1:0] REGISTERS = 0, PROGRAM = 1, RESULTS = 2, TRACE = 3;

    wire [1:0] window = bus_address[13:12];
    wire sets = bus_write && window == REGISTERS && bus_address[11:5] == 0;
    wire controls = sets && bus_address[4:0] == CONTROL;
    wire start = controls && bus_word[0];
    wire silence = reset || (controls && bus_word[2]);
    wire stop = silence || (controls && bus_word[1]);
    wire message = controls && bus_word[3];

    reg [31:0] n_shots, period_ticks, max_late_ticks, mark_limit, marks_taken;

    always @(posedge clk) begin
        if (reset)
            marks_taken <= 0;
        else if (sets) begin
            case (bus_address[4:0])
                N_SHOTS: n_shots <= bus_word;
                PERIOD: period_ticks <= bus_word;
                MAX_LATE: max_late_ticks <= bus_word;
                MARK_LIMIT: mark_limit <= bus_word;
                MARKS_TAKEN: marks_taken <= bus_word;
                default: ;
            endcase
        end
    end

    reg [13:0] asked; // the address of a clock ago

    // Time: of the device since reset, and of the block.
    reg [63:0] ticks, epoch;
    reg signed [TICK_BITS:0] now;
    wire signed [TICK_BITS:0] next = now + 1;
    wire signed [TICK_BITS:0] seen = now - 2;
    reg running, complete, told;
    wire ended;
    wire [7:0] fault;

    always @(posedge clk) begin
        ticks <= reset ? 0 : ticks + 1;
        now <= next;
        if (reset) begin
            epoch <= 0;
            complete <= 0;
        end
        if (stop)
            {running, told} <= 2'b01;
        else if (start) begin
            now <= -START_TICKS;
            epoch <= ticks + 1 + START_TICKS;
            {running, complete, told} <= 3'b101;
        end else if (ended)
            {running, complete, told} <= {1'b0, fault == 0, 1'b0};
        else if (controls && bus_word[4])
            told <= 1;
    end

    // Executing ahead.
    localparam ENTRY_BITS = TICK_BITS + 16 + 8 + 8 + 16 + 32;
    wire put, room, take, there, gave, resumed;
    wire [ENTRY_BITS-1:0] put_entry, entry;
    wire [REGISTER_BITS-1:0] gave_register;
    wire [31:0] gave_value, register_read, result_read;
    wire [TICK_BITS-1:0] resumed_cursor;
    wire [15:0] resumed_at, pc;
    wire [RESULT_BITS:0] n_results;

    executor #(.TICK_BITS(TICK_BITS), .PROGRAM_BITS(PROGRAM_BITS), .REGISTER_BITS(REGISTER_BITS), .RESULT_BITS(RESULT_BITS)) executor (
        .clk(clk), .reset(reset), .start(start), .stop(stop || ended), .n_shots(n_shots), .period_ticks(period_ticks),
        .put(put), .put_tick(put_entry[ENTRY_BITS-1:80]), .put_instruction(put_entry[79:64]), .put_kind(put_entry[63:56]),
        .put_a(put_entry[55:48]), .put_b(put_entry[47:32]), .put_value(put_entry[31:0]), .room(room),
        .gave(gave), .gave_register(gave_register), .gave_value(gave_value),
        .resumed(resumed), .resumed_cursor(resumed_cursor), .resumed_at(resumed_at),
        .write_low(bus_write && window == PROGRAM && !bus_address[0]),
        .write_high(bus_write && window == PROGRAM && bus_address[0]),
        .write_at(bus_address[PROGRAM_BITS:1]), .write_word(bus_word),
        .read_register(bus_address[REGISTER_BITS-1:0]), .register_read(register_read),
        .read_result(bus_address[RESULT_BITS-1:0]), .result_read(result_read),
        .pc(pc), .n_results(n_results)
    );

    queue #(.WIDTH(ENTRY_BITS), .DEPTH_BITS(QUEUE_BITS)) queue (
        .clk(clk), .clear(start || stop || ended), .put(put), .put_entry(put_entry), .room(room),
        .take(take), .there(there), .entry(entry)
    );

    // Inputs.
    wire [N_INPUTS-1:0] levels, rises;
    wire [7:0] source, counter;
    wire unused = &{1'b0, rises, source, counter, asked}; // in part
    wire came;
    wire signed [TICK_BITS:0] came_at;
    wire [N_COUNTERS-1:0] opens, closes;
    wire [31:0] count;

    inputs #(.TICK_BITS(TICK_BITS), .N_INPUTS(N_INPUTS)) inputs (
        .clk(clk), .start(start), .pins({lines[N_INPUTS-N_PINS-1:0], pins}), .message(message), .seen(seen),
        .levels(levels), .rises(rises), .source(source[$clog2(N_INPUTS+1)-1:0]), .came(came), .came_at(came_at)
    );

    counters #(.N_COUNTERS(N_COUNTERS)) counters (
        .clk(clk), .stop(start || stop), .rises(rises[N_COUNTERS-1:0]), .opens(opens), .closes(closes), .which(counter[(N_COUNTERS > 1 ? $clog2(N_COUNTERS) : 1)-1:0]), .count(count)
    );

    // Carrying out.
    wire put_row, put_mark, commit, show, settling;
    wire [15:0] log_instruction, fault_instruction;
    wire [31:0] log_value, fault_value, n_begun, worst_late, n_marks, n_marks_put;
    wire [TICK_BITS-1:0] log_tick, fault_tick;

    dispatcher #(
        .TICK_BITS(TICK_BITS), .N_LINES(N_LINES), .N_TONES(N_TONES), .N_INPUTS(N_INPUTS), .N_COUNTERS(N_COUNTERS),
        .REGISTER_BITS(REGISTER_BITS), .TRIGGER_LATENCY(TRIGGER_LATENCY)
    ) dispatcher (
        .clk(clk), .start(start), .stop(stop), .silence(silence), .next(next), .max_late_ticks(max_late_ticks),
        .there(there), .take(take), .entry_tick(entry[ENTRY_BITS-1:80]), .entry_instruction(entry[79:64]),
        .entry_kind(entry[63:56]), .entry_a(entry[55:48]), .entry_b(entry[47:32]), .entry_value(entry[31:0]),
        .lines(lines), .tone_write(tone_write), .tone(tone), .tone_frequency(tone_frequency),
        .tone_amplitude(tone_amplitude), .tone_phase(tone_phase), .tone_update(tone_update), .shot(shot),
        .levels(levels), .source(source), .came(came), .came_at(came_at),
        .opens(opens), .closes(closes), .counter(counter), .count(count),
        .gave(gave), .gave_register(gave_register), .gave_value(gave_value),
        .resumed(resumed), .resumed_cursor(resumed_cursor), .resumed_at(resumed_at),
        .put_row(put_row), .put_mark(put_mark), .row_instruction(log_instruction), .row_value(log_value), .row_tick(log_tick),
        .commit(commit), .show(show), .mark_room(n_marks_put != mark_limit),
        .settling(settling), .ended(ended), .fault(fault), .fault_instruction(fault_instruction), .fault_tick(fault_tick),
        .fault_value(fault_value), .n_begun(n_begun), .worst_late(worst_late)
    );

    wire [TRACE_BITS:0] n_rows;
    wire [15:0] row_instruction, mark_instruction;
    wire [31:0] row_value, mark_value;
    wire [TICK_BITS-1:0] row_tick, mark_tick, group_written;
    wire [TRACE_BITS-1:0] row_group;

    event_log #(.TICK_BITS(TICK_BITS), .ROW_BITS(TRACE_BITS), .MARK_BITS(MARK_BITS)) event_log (
        .clk(clk), .start(start || reset), .put_row(put_row), .put_mark(put_mark), .instruction(log_instruction),
        .value(log_value), .tick(log_tick), .commit(commit), .written(next[TICK_BITS-1:0]), .show(show),
        .n_rows(n_rows), .read_row(bus_address[TRACE_BITS+1:2]), .row_instruction(row_instruction), .row_value(row_value),
        .row_tick(row_tick), .row_group(row_group), .read_group(bus_address[TRACE_BITS:1]), .group_written(group_written),
        .n_marks(n_marks), .n_marks_put(n_marks_put), .read_mark(bus_address[MARK_BITS+1:2]),
        .mark_instruction(mark_instruction), .mark_value(mark_value), .mark_tick(mark_tick)
    );

    assign attention = !told || n_marks != marks_taken;

    // Reading.
    reg [31:0] value, ticks_high;

    always @(posedge clk) begin
        asked <= bus_address;
        if (window == REGISTERS && bus_address[11:0] == {7'b0, TICK_LOW})
            ticks_high <= ticks[63:32]; // of the same tick
        case (bus_address[4:0])
            IDENTIFY: value <= IDENTITY;
            TICK_LOW: value <= ticks[31:0];
            TICK_HIGH: value <= ticks_high;
            STATUS: value <= {16'b0, fault, 5'b0, complete, settling, running};
            N_MARKS: value <= n_marks;
            N_ROWS: value <= {{(31-TRACE_BITS){1'b0}}, n_rows};
            N_RESULTS: value <= {{(31-RESULT_BITS){1'b0}}, n_results};
            N_BEGUN: value <= n_begun;
            WORST_LATE: value <= worst_late;
            AT: value <= {16'b0, pc};
            EPOCH_LOW: value <= epoch[31:0];
            EPOCH_HIGH: value <= epoch[63:32];
            FAULT_AT: value <= {16'b0, fault_instruction};
            FAULT_LOW: value <= fault_tick[31:0];
            FAULT_HIGH: value <= {{(64-TICK_BITS){1'b0}}, fault_tick[TICK_BITS-1:32]};
            FAULT_VALUE: value <= fault_value;
            default: value <= 0;
        endcase
    end

    function [31:0] half(input [TICK_BITS-1:0] tick, input upper);
        half = upper ? {{(64-TICK_BITS){1'b0}}, tick[TICK_BITS-1:32]} : tick[31:0];
    endfunction

    always @* begin
        case (asked[13:12])
            PROGRAM: bus_read = 0;
            RESULTS: bus_read = result_read;
            TRACE: begin
                if (asked[11])
                    bus_read = half(group_written, asked[0]);
                else case (asked[1:0])
                    0: bus_read = {{(16-TRACE_BITS){1'b0}}, row_group, row_instruction};
                    1: bus_read = row_value;
                    default: bus_read = half(row_tick, asked[0]);
                endcase
            end
            default: begin
                if (asked[9])
                    case (asked[1:0])
                        0: bus_read = {16'b0, mark_instruction};
                        1: bus_read = mark_value;
                        default: bus_read = half(mark_tick, asked[0]);
                    endcase
                else
                    bus_read = asked[8] ? register_read : value;
            end
        endcase
    end
endmodule

`default_nettype wire
