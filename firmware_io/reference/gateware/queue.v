// A queue of timed entries in block memory; its first entry stands at the output.
`default_nettype none

module queue #(
    parameter WIDTH = 8,
    parameter DEPTH_BITS = 6
) (
    input wire clk,
    input wire clear,
    input wire put,
    input wire [WIDTH-1:0] put_entry,
    output wire room,
    input wire take,
    output reg there,
    output reg [WIDTH-1:0] entry
);
    reg [WIDTH-1:0] entries [0:(1<<DEPTH_BITS)-1];
    reg [DEPTH_BITS:0] n_put, n_taken;
    wire waits = n_put != n_taken;
    wire fetch = waits && (!there || take);

    assign room = n_put - n_taken != {1'b1, {DEPTH_BITS{1'b0}}};

    always @(posedge clk) begin
        if (put)
            entries[n_put[DEPTH_BITS-1:0]] <= put_entry;
        if (fetch)
            entry <= entries[n_taken[DEPTH_BITS-1:0]];
    end

    always @(posedge clk) begin
        if (clear) begin
            n_put <= 0;
            n_taken <= 0;
            there <= 0;
        end else begin
            if (put)
                n_put <= n_put + 1;
            if (fetch)
                n_taken <= n_taken + 1;
            there <= fetch || (there && !take);
        end
    end
endmodule

`default_nettype wire
