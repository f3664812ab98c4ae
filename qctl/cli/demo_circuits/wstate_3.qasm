// wstate, 3 qubits: made by MQT Bench 2.3.0 (MIT), written by Qiskit
OPENQASM 3.0;
include "stdgates.inc";
bit[3] meas;
qubit[3] q;
U(-pi/4, 0, 0) q[0];
U(-0.9553166181245093, 0, 0) q[1];
x q[2];
cz q[2], q[1];
U(0.9553166181245093, 0, 0) q[1];
cz q[1], q[0];
U(pi/4, 0, 0) q[0];
cx q[1], q[2];
cx q[0], q[1];
barrier q[0], q[1], q[2];
meas[0] = measure q[0];
meas[1] = measure q[1];
meas[2] = measure q[2];

