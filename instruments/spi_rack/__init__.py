"""The SPI rack of QuTech and Qblox: a controller on a serial line, and modules of DACs behind it."""
