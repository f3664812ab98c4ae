// graphstate, 4 qubits: made by MQT Bench 2.3.0 (MIT), written by Qiskit
OPENQASM 3.0;
include "stdgates.inc";
bit[4] meas;
qubit[4] q;
h q[0];
h q[1];
h q[2];
cz q[0], q[2];
cz q[1], q[2];
h q[3];
cz q[0], q[3];
cz q[1], q[3];
barrier q[0], q[1], q[2], q[3];
meas[0] = measure q[0];
meas[1] = measure q[1];
meas[2] = measure q[2];
meas[3] = measure q[3];

