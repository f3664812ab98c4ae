// Operations of docs/firmware-instructions.md, and the kinds of entries in the queue of timed ones.
/* verilator lint_off UNUSEDPARAM */ // each of two modules needs some
localparam [7:0] OP_HALT = 8'h00, OP_LINES = 8'h01, OP_FREQUENCY = 8'h02, OP_AMPLITUDE = 8'h03, OP_UPDATE = 8'h04, OP_INPUTS = 8'h05,
    OP_OPEN = 8'h06, OP_CLOSE = 8'h07, OP_WAIT = 8'h08, OP_WAIT_REGISTER = 8'h09, OP_WAIT_TRIGGER = 8'h0a, OP_SET = 8'h10,
    OP_ADD = 8'h11, OP_SUM = 8'h12, OP_DIFFERENCE = 8'h13, OP_AND = 8'h14, OP_SHIFT = 8'h15, OP_JUMP = 8'h20, OP_LOOP = 8'h21,
    OP_JUMP_EQUAL = 8'h22, OP_JUMP_UNEQUAL = 8'h23, OP_JUMP_BELOW = 8'h24, OP_JUMP_NOT_BELOW = 8'h25, OP_STORE = 8'h30,
    OP_MARK = 8'h31;

// A timed instruction's kind is its operation; these are no timed instructions.
localparam [7:0] ENTRY_SHOT = 8'h80, ENTRY_END = 8'h81, ENTRY_FAULT = 8'h82;

localparam [7:0] FAULT_NONE = 8'd0, FAULT_LATE = 8'd1, FAULT_TRIGGER = 8'd3, FAULT_WAIT = 8'd4, FAULT_RESULTS = 8'd5,
    FAULT_COUNT = 8'd7;
/* verilator lint_on UNUSEDPARAM */
