"""A host that starts a program without an end and then says nothing more, until it is killed: ADDRESS TIMEOUT_MS."""

import struct
import sys
import time

from asking import Asker, connect
from programs import program_bytes

from qctl.firmware_io.kinds import Kind

asker = Asker(connect(sys.argv[1]))
asker.hello()
asker.ask(Kind.SET_WATCHDOG, struct.pack("<I", int(sys.argv[2])))
rows = [(1, 0, 255, 255), (8, 0, 0, 1000), (1, 0, 255, 254), (8, 0, 0, 1000), (32, 0, 0, 0)]
asker.upload(program_bytes(rows))
asker.arm(1)
asker.start(1)
print("started", flush=True)
time.sleep(600)
