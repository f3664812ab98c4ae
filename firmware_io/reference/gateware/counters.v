// Counts rising edges at ticks from that of `open` on and before that of `close`.
`default_nettype none

module counters #(
    parameter N_COUNTERS = 2,
    parameter WHICH_BITS = N_COUNTERS > 1 ? $clog2(N_COUNTERS) : 1
) (
    input wire clk,
    input wire stop,
    input wire [N_COUNTERS-1:0] rises,
    input wire [N_COUNTERS-1:0] opens,
    input wire [N_COUNTERS-1:0] closes,
    input wire [WHICH_BITS-1:0] which,
    output wire [31:0] count    // of counter `which`, while it closes
);
    reg [N_COUNTERS-1:0] counting;
    reg [31:0] counts [0:N_COUNTERS-1];
    wire [N_COUNTERS-1:0] chosen = {{(N_COUNTERS-1){1'b0}}, 1'b1} << which;
    integer n;

    assign count = (chosen & counting & ~opens) != 0 ? counts[which] : 0;

    always @(posedge clk) begin
        counting <= stop ? 0 : (counting | opens) & ~closes;
        for (n = 0; n < N_COUNTERS; n = n + 1)
            if (opens[n])
                counts[n] <= {31'b0, rises[n]};
            else if (rises[n] && !(&counts[n]))
                counts[n] <= counts[n] + 1;
    end
endmodule

`default_nettype wire
