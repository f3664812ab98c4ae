/* The serial line: bytes in by interrupt into a ring, out through another; and the line to the synthesisers. */
#include "lm3s6965.h"

#define RING 4096u

static uint8_t in[RING], out[RING];
static volatile uint32_t n_in, n_in_taken, n_out, n_out_sent; /* ever */

static void set_up(uint32_t uart, uint32_t whole, uint32_t part)
{
    UART_CTL(uart) = 0;
    UART_IBRD(uart) = whole;
    UART_FBRD(uart) = part;
    UART_LCRH(uart) = 0x70u; /* 8 bits, no parity, one stop bit, FIFOs */
    UART_CTL(uart) = 0x301u;
}

void uart_begin(void)
{
    set_up(UART0, 3, 25); /* 921,600 baud of 50 MHz */
    set_up(UART1, 1, 0);  /* 3,125,000 baud */
    UART_IM(UART0) = UART_RX;
    irq_enable(IRQ_UART0, 0x40);
}

static void feed(void)
{
    while (n_out_sent != n_out && !(UART_FR(UART0) & FR_TXFF)) {
        UART_DR(UART0) = out[n_out_sent % RING];
        n_out_sent++;
    }
    UART_IM(UART0) = n_out_sent != n_out ? UART_RX | UART_TX : UART_RX;
}

void uart_interrupt(void)
{
    while (!(UART_FR(UART0) & FR_RXFE)) {
        const uint8_t byte = (uint8_t)UART_DR(UART0);
        if (n_in - n_in_taken < RING) {
            in[n_in % RING] = byte;
            n_in++;
        }
    }
    UART_ICR(UART0) = UART_RX | UART_TX;
    feed();
}

bool uart_waits(void) { return n_in != n_in_taken; }

uint32_t uart_take(uint8_t *bytes, uint32_t room)
{
    uint32_t n_bytes = 0;
    while (n_bytes < room && n_in_taken != n_in) {
        bytes[n_bytes++] = in[n_in_taken % RING];
        n_in_taken++;
    }
    return n_bytes;
}

void uart_send(const uint8_t *bytes, uint32_t n_bytes)
{
    while (RING - (n_out - n_out_sent) < n_bytes) {
    } /* the interrupt makes room */
    for (uint32_t i = 0; i < n_bytes; i++)
        out[(n_out + i) % RING] = bytes[i];
    const uint32_t was = board_lock();
    n_out += n_bytes;
    feed();
    board_unlock(was);
}

void synthesiser_send(const uint8_t *bytes, uint32_t n_bytes)
{
    while (n_bytes-- > 0) {
        while (UART_FR(UART1) & FR_TXFF) {
        }
        UART_DR(UART1) = *bytes++;
    }
}
