// The trace and the marks of a block. What a tick brings is written ahead of it, and shown when the tick has come.
`default_nettype none

module event_log #(
    parameter TICK_BITS = 48,
    parameter ROW_BITS = 9,     // 2^n rows of the trace: the first ones of a block
    parameter MARK_BITS = 5     // 2^n marks that wait to be told
) (
    input wire clk,
    input wire start,
    input wire put_row,
    input wire put_mark,
    input wire [15:0] instruction,
    input wire [31:0] value,
    input wire [TICK_BITS-1:0] tick,
    input wire commit,                      // outputs are written at tick `written` with all that was put since `show`
    input wire [TICK_BITS-1:0] written,
    input wire show,                        // nothing more of this tick

    output reg [ROW_BITS:0] n_rows,         // that are shown
    input wire [ROW_BITS-1:0] read_row,
    output reg [15:0] row_instruction,
    output reg [31:0] row_value,
    output reg [TICK_BITS-1:0] row_tick,
    output reg [ROW_BITS-1:0] row_group,
    input wire [ROW_BITS-1:0] read_group,
    output reg [TICK_BITS-1:0] group_written,

    output reg [31:0] n_marks,              // shown, ever
    output wire [31:0] n_marks_put,
    input wire [MARK_BITS-1:0] read_mark,
    output reg [15:0] mark_instruction,
    output reg [31:0] mark_value,
    output reg [TICK_BITS-1:0] mark_tick
);
    reg [ROW_BITS:0] n_put;
    reg [ROW_BITS-1:0] group;               // rows that were written at one tick share its number
    reg [31:0] n_put_marks;
    wire puts = put_row && !n_put[ROW_BITS];

    reg [ROW_BITS+TICK_BITS+47:0] rows [0:(1<<ROW_BITS)-1];
    reg [TICK_BITS-1:0] written_at [0:(1<<ROW_BITS)-1];
    reg [TICK_BITS+47:0] marks [0:(1<<MARK_BITS)-1];

    assign n_marks_put = n_put_marks;

    always @(posedge clk) begin
        if (puts)
            rows[n_put[ROW_BITS-1:0]] <= {group, instruction, value, tick};
        if (commit && !n_rows[ROW_BITS])
            written_at[group] <= written;
        if (put_mark)
            marks[n_put_marks[MARK_BITS-1:0]] <= {instruction, value, tick};
        {row_group, row_instruction, row_value, row_tick} <= rows[read_row];
        group_written <= written_at[read_group];
        {mark_instruction, mark_value, mark_tick} <= marks[read_mark];
    end

    always @(posedge clk) begin
        if (start) begin
            n_put <= 0;
            n_rows <= 0;
            group <= 0;
            n_put_marks <= 0;
            n_marks <= 0;
        end else begin
            if (puts)
                n_put <= n_put + 1;
            if (put_mark)
                n_put_marks <= n_put_marks + 1;
            if (show) begin
                n_rows <= n_put;
                n_marks <= n_put_marks;
                if (n_put != n_rows)
                    group <= group + 1;
            end
        end
    end
endmodule

`default_nettype wire
