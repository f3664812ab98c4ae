// Plays one block on a core in any simulator: words for its bus and levels for its pins from a file; prints its pins and its trace.
//   w ADDRESS WORD     write     (hexadecimal)
//   e TICK LEVELS      from a tick of the block on, pins have these levels (decimal, in order, after all writes)
`timescale 1ns / 1ps

module bench;
    localparam MOST = 4096;
    reg clk = 0, reset = 1, bus_write = 0;
    reg [13:0] bus_address = 0;
    reg [31:0] bus_word = 0;
    wire [31:0] bus_read;
    wire attention;
    reg [3:0] pins = 0;
    wire [7:0] lines;
    wire tone_write;
    wire [7:0] tone;
    wire [31:0] tone_frequency;
    wire [13:0] tone_amplitude;
    wire [15:0] tone_phase;
    wire [3:0] tone_update;
    wire shot;

    core core (
        .clk(clk), .reset(reset), .bus_write(bus_write), .bus_address(bus_address), .bus_word(bus_word), .bus_read(bus_read),
        .attention(attention), .pins(pins), .lines(lines), .tone_write(tone_write), .tone(tone), .tone_frequency(tone_frequency),
        .tone_amplitude(tone_amplitude), .tone_phase(tone_phase), .tone_update(tone_update), .shot(shot)
    );

    integer file, found, n_edges, passed, n, row, n_rows;
    integer tick;               // of the block, counted here
    integer edge_ticks [0:MOST-1];
    reg [3:0] edge_levels [0:MOST-1];
    reg [7:0] letter;
    reg [31:0] first, second;
    reg [8*256:1] name;
    reg [7:0] lines_were;
    reg running;

    task step;
        begin
            #5 clk = 1;
            #1;
            tick = tick + 1;
            if (running && lines !== lines_were) $display("lines %0d %0d", tick, lines);
            lines_were = lines;
            if (running && tone_write) $display("stage %0d %0d %0d %0d %0d", tick, tone, tone_frequency, tone_amplitude, tone_phase);
            if (running && tone_update != 0) $display("update %0d %0d", tick, tone_update);
            while (passed < n_edges && edge_ticks[passed] <= tick) begin
                pins = edge_levels[passed];
                passed = passed + 1;
            end
            #4 clk = 0;
        end
    endtask

    task write(input [31:0] address, input [31:0] word);
        begin
            bus_address = address[13:0];
            bus_word = word;
            bus_write = 1;
            step;
            bus_write = 0;
        end
    endtask

    task read(input [31:0] address);
        begin
            bus_address = address[13:0];
            step;
        end
    endtask

    initial begin
        tick = -1000000;
        running = 0;
        n_edges = 0;
        passed = 0;
        lines_were = 0;
        for (n = 0; n < 20; n = n + 1) begin
            if (n == 4) reset = 0;
            step;
        end
        if (!$value$plusargs("commands=%s", name)) $finish;
        file = $fopen(name, "r");
        found = $fscanf(file, " %c", letter);
        while (found == 1) begin
            if (letter == "w") begin
                found = $fscanf(file, "%h %h", first, second);
                write(first, second);
            end else begin
                found = $fscanf(file, "%d %d", edge_ticks[n_edges], edge_levels[n_edges]);
                n_edges = n_edges + 1;
            end
            found = $fscanf(file, " %c", letter);
        end
        tick = -202;                // START_TICKS after the edge that takes the command
        running = 1;
        write(3, 1);
        tick = -200;
        read(4);
        read(4);
        while (bus_read[0] !== 0) step;
        running = 0;
        $display("status %0h", bus_read);
        read(11);
        n_rows = bus_read;
        for (row = 0; row < n_rows; row = row + 1) begin
            read(12288 + 4 * row);
            first = bus_read;
            read(12288 + 4 * row + 1);
            second = bus_read;
            read(12288 + 4 * row + 2);
            $write("row %0d %0d %0d", first[15:0], second, bus_read);
            read(14336 + 2 * first[31:16]);
            $write(" %0d\n", bus_read);
        end
        for (row = 0; row < 16; row = row + 1) begin
            read(256 + row);
            $display("register %0d", $signed(bus_read));
        end
        $finish;
    end
endmodule
