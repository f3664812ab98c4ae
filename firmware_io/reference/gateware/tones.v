// What is staged for each synthesiser: kept here for the trace, and written to the synthesisers as it comes.
`default_nettype none

module tones #(
    parameter N_TONES = 4,
    parameter TONE_BITS = 2
) (
    input wire clk,
    input wire clear,                       // one tone is silenced
    input wire [TONE_BITS-1:0] clear_tone,
    input wire frequency,                   // an entry sets the frequency of a tone,
    input wire amplitude,                   // or its amplitude and phase
    input wire [TONE_BITS-1:0] number,
    input wire [13:0] b,
    input wire [31:0] value,

    input wire [TONE_BITS-1:0] read,
    output wire [31:0] frequency_now,
    output wire [13:0] amplitude_now,
    output wire [15:0] phase_now,

    output reg tone_write,
    output reg [7:0] tone,
    output reg [31:0] tone_frequency,
    output reg [13:0] tone_amplitude,
    output reg [15:0] tone_phase
);
    reg [61:0] staged [0:N_TONES-1];        // frequency, amplitude, phase
    wire [TONE_BITS-1:0] which = clear ? clear_tone : number;
    wire [61:0] old = staged[number];
    reg [61:0] made;

    assign {frequency_now, amplitude_now, phase_now} = staged[read];

    always @* begin
        made = old;
        if (clear)
            made = 0;
        else if (frequency)
            made[61:30] = value;
        else
            made[29:0] = {b, value[15:0]};
    end

    always @(posedge clk) begin
        tone_write <= clear || frequency || amplitude;
        tone <= {{(8-TONE_BITS){1'b0}}, which};
        {tone_frequency, tone_amplitude, tone_phase} <= made;
        if (clear || frequency || amplitude)
            staged[which] <= made;
    end
endmodule

`default_nettype wire
