// The register of the lines; and faults on purpose, for tests of the tests.
`default_nettype none

module levels_out #(
    parameter N_LINES = 8
) (
    input wire clk,
    input wire start,
    input wire clear,
    input wire commit,
    input wire [N_LINES-1:0] next,
    output reg [N_LINES-1:0] lines
);
    wire takes;

    always @(posedge clk) begin
        if (clear)
            lines <= 0;
        else if (takes)
            lines <= next;
    end

`ifdef MUTANT
    // The third change comes a tick late, or never; the trace says that it was in time.
    reg [1:0] n_changes;
    reg held;
    wire changes = commit && next != lines;
    wire spoilt = n_changes == 2;
    `ifdef MUTANT_LATE
    assign takes = held || (commit && !spoilt);
    `else
    assign takes = commit && !spoilt;
    wire unused = held;
    `endif

    always @(posedge clk) begin
        held <= changes && spoilt;
        if (start)
            n_changes <= 0;
        else if (changes && n_changes != 3)
            n_changes <= n_changes + 1;
    end
`else
    assign takes = commit;
    wire unused = start;
`endif
endmodule

`default_nettype wire
