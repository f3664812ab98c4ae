// What comes from outside, two clocks after it was at the pins: levels, rising edges, and when each trigger came last.
`default_nettype none

module inputs #(
    parameter TICK_BITS = 48,
    parameter N_INPUTS = 8,
    parameter SOURCE_BITS = $clog2(N_INPUTS + 1)
) (
    input wire clk,
    input wire start,
    input wire [N_INPUTS-1:0] pins,
    input wire message,                     // the trigger by message, for one clock
    input wire signed [TICK_BITS:0] seen,   // tick at which the pins were what is told now
    output wire [N_INPUTS-1:0] levels,
    output wire [N_INPUTS-1:0] rises,
    input wire [SOURCE_BITS-1:0] source,    // 0 the message, n input n - 1
    output wire came,                       // since the block's start was begun
    output wire signed [TICK_BITS:0] came_at
);
    reg [N_INPUTS:0] first, second, third;
    wire [N_INPUTS:0] risen = second & ~third;
    reg [N_INPUTS:0] ever;
    reg signed [TICK_BITS:0] last [0:N_INPUTS];
    integer n;

    assign levels = second[N_INPUTS:1];
    assign rises = risen[N_INPUTS:1];
    assign came = ever[source];
    assign came_at = last[source];

    always @(posedge clk) begin
        first <= {pins, message};
        second <= first;
        third <= second;
        ever <= start ? 0 : ever | risen;
        for (n = 0; n <= N_INPUTS; n = n + 1)
            if (risen[n])
                last[n] <= seen;
    end
endmodule

`default_nettype wire
