/* The Stellaris LM3S6965 board: its clock, alarm, pins and main loop. It waits for interrupts; nothing polls. */
#include "../device.h"
#include "../limits.h"
#include "../link.h"
#include "../sequencer.h"
#include "lm3s6965.h"
#include <string.h>

#define CYCLES_PER_TICK 50u    /* 50 MHz */
#define PERIOD_TICKS 10000u    /* of SysTick, whose counter is too short for more */
#define LONGEST_TICKS 40000000u /* of the alarm */
#define RELOAD (PERIOD_TICKS * CYCLES_PER_TICK - 1u)
#define TONES_MASK ((1u << N_TONES) - 1u)

const uint16_t board_number = 2;

static volatile uint32_t n_periods;

/* What a reset leaves, but a loss of power does not. */
static struct { uint32_t magic, reason; } kept __attribute__((section(".noinit")));
#define KEPT 0x51a7e5e7u

void irq_enable(uint32_t irq, uint8_t priority)
{
    NVIC_IPR(irq) = priority;
    NVIC_ISER(irq / 32u) = 1u << irq % 32u;
}

uint32_t board_lock(void)
{
    uint32_t was;
    __asm__ volatile("mrs %0, primask\n\tcpsid i" : "=r"(was) : : "memory");
    return was;
}

void board_unlock(uint32_t was)
{
    __asm__ volatile("msr primask, %0" : : "r"(was) : "memory");
}

/* As urgent as the alarm, so that neither sees the other half done. */
void period_passed(void) { n_periods++; }

/* Return whole ticks, and the cycles of the next one that have gone by. Interrupts are off. */
static uint64_t clock_now(uint32_t *cycles)
{
    uint32_t left = SYST_CVR;
    uint64_t periods = n_periods;
    uint32_t gone = RELOAD - left;
    if (SCB_ICSR & ICSR_PENDSTSET) { /* a period has passed, and its interrupt not yet counted it */
        left = SYST_CVR;
        gone = left == 0 ? 0 : RELOAD - left;
        periods++;
    }
    *cycles = gone % CYCLES_PER_TICK;
    return periods * PERIOD_TICKS + gone / CYCLES_PER_TICK;
}

uint64_t board_ticks(void)
{
    const uint32_t was = board_lock();
    uint32_t cycles;
    const uint64_t now = clock_now(&cycles);
    board_unlock(was);
    return now;
}

void board_wait_until(uint64_t tick)
{
    while (board_ticks() < tick) {
    }
}

void board_clear_alarm(void)
{
    TIMER0_CTL = 0;
    TIMER0_ICR = 1;
}

void board_set_alarm(uint64_t tick)
{
    const uint32_t was = board_lock();
    uint32_t cycles;
    const uint64_t now = clock_now(&cycles);
    TIMER0_CTL = 0;
    if (tick <= now) {
        NVIC_ISPR(IRQ_TIMER0A / 32u) = 1u << IRQ_TIMER0A % 32u;
    } else {
        const uint64_t ticks = tick - now < LONGEST_TICKS ? tick - now : LONGEST_TICKS;
        TIMER0_TAILR = (uint32_t)ticks * CYCLES_PER_TICK - cycles; /* at the tick's begin, not up to one later */
        TIMER0_CTL = 1;
    }
    board_unlock(was);
}

void alarm_due(void)
{
    TIMER0_ICR = 1;
    sequencer_due();
}

void board_pend(void) { SCB_ICSR = ICSR_PENDSVSET; }
void pended(void) { sequencer_execute(); }

void board_write_lines(uint32_t word) { GPIO_DATA(GPIO_D, 0xff) = word; }

uint32_t board_read_inputs(void)
{
    return GPIO_DATA(GPIO_C, 0xf0) >> 4 | (GPIO_DATA(GPIO_D, 0x0f) & 0x0fu) << 4;
}

/* The synthesisers take a setting over their serial line, and use it at the edge of `update`. */
void board_stage_tone(uint32_t tone, uint32_t frequency, uint32_t amplitude, uint32_t phase)
{
    const uint8_t setting[10] = {
        0xa5, (uint8_t)tone, (uint8_t)frequency, (uint8_t)(frequency >> 8), (uint8_t)(frequency >> 16), (uint8_t)(frequency >> 24),
        (uint8_t)amplitude, (uint8_t)(amplitude >> 8), (uint8_t)phase, (uint8_t)(phase >> 8),
    };
    synthesiser_send(setting, sizeof setting);
}

void board_update_tones(uint32_t mask)
{
    GPIO_DATA(GPIO_E, mask) = mask;
    GPIO_DATA(GPIO_E, TONES_MASK) = 0;
}

/* Rising edges of inputs, counted by interrupt: up to some 100,000 a second. */
static volatile uint32_t counted[N_COUNTERS];
static bool counting[N_COUNTERS];

void board_open_counter(uint32_t counter)
{
    counted[counter] = 0;
    counting[counter] = true;
}

uint32_t board_close_counter(uint32_t counter)
{
    const bool was = counting[counter];
    counting[counter] = false;
    return was ? counted[counter] : 0;
}

void input_rose(void)
{
    const uint64_t now = board_ticks();
    const uint32_t rose = GPIO_MIS(GPIO_C) >> 4;
    GPIO_ICR(GPIO_C) = rose << 4;
    for (uint32_t input = 0; input < N_PINS; input++) {
        if (!(rose >> input & 1u))
            continue;
        if (input < N_COUNTERS)
            counted[input]++;
        sequencer_trigger(input + 1, now);
    }
}

void board_send(uint32_t pipe, const uint8_t *bytes, uint32_t n_bytes)
{
    if (pipe == PIPE_UART)
        uart_send(bytes, n_bytes);
    else
        ethernet_send(bytes, n_bytes);
}

void board_reset(uint8_t reason)
{
    kept.magic = KEPT;
    kept.reason = reason;
    SCB_AIRCR = 0x05fa0004u;
    for (;;) {
    }
}

/* This board keeps one image, put there by its programmer. */
uint32_t board_flash_bytes(void) { return 0; }
const uint8_t *board_flash(void) { return NULL; }
bool board_flash_erase(uint32_t page_offset) { return (void)page_offset, false; }

bool board_flash_program(uint32_t offset, const void *bytes, uint32_t n_bytes)
{
    return (void)offset, (void)bytes, (void)n_bytes, false;
}

static void start_clock(void)
{
    SYSCTL_RCC = 0x078e3ac0u | 1u << 11; /* the crystal's 8 MHz alone, while the PLL settles */
    SYSCTL_RCC = 0x01c00380u | 1u << 11; /* PLL on, to be divided by 4; crystal of 8 MHz, main oscillator */
    for (uint32_t n_left = 100000; n_left > 0 && !(SYSCTL_RIS & 1u << 6); n_left--) {
    }
    SYSCTL_RCC = 0x01c00380u;
    SYSCTL_RCGC1 = 1u << 16 | 3u;                        /* timer 0, UARTs 0 and 1 */
    SYSCTL_RCGC2 = 1u << 30 | 1u << 28 | 0x1du;          /* Ethernet, ports A, C, D, E */
    (void)SYSCTL_RCGC2;
    SYST_RVR = RELOAD;
    SYST_CVR = 0;
    SYST_CSR = 7;
    SCB_SHPR(EXCEPTION_PENDSV) = 0xe0;
    SCB_SHPR(EXCEPTION_SYSTICK) = 0x00;
    TIMER0_CFG = 0;
    TIMER0_TAMR = 1;
    TIMER0_IMR = 1;
    irq_enable(IRQ_TIMER0A, 0x00);
}

static void start_pins(void)
{
    GPIO_AFSEL(GPIO_A) = 0x03; /* the UART */
    GPIO_DEN(GPIO_A) = 0x03;
    GPIO_DIR(GPIO_D) = 0xff;
    GPIO_DEN(GPIO_D) = 0xff;
    GPIO_DIR(GPIO_E) = TONES_MASK;
    GPIO_DEN(GPIO_E) = TONES_MASK;
    GPIO_PDR(GPIO_C) = 0xf0;
    GPIO_DEN(GPIO_C) |= 0xf0u;
    GPIO_IEV(GPIO_C) = 0xf0;
    GPIO_ICR(GPIO_C) = 0xf0;
    GPIO_IM(GPIO_C) = 0xf0;
    irq_enable(IRQ_GPIOC, 0x20);
}

/* Sleep until an interrupt, unless one left something to do. */
static void idle(void)
{
    const uint32_t was = board_lock();
    if (!uart_waits() && !ethernet_waits())
        __asm__ volatile("wfi" : : : "memory");
    board_unlock(was);
}

int main(void)
{
    static uint8_t bytes[1600];
    const enum reset_reason reason = kept.magic == KEPT ? (enum reset_reason)kept.reason : RESET_POWER;
    kept.magic = 0;
    start_clock();
    start_pins();
    uart_begin();
    ethernet_begin();
    boot_begin(reason);
    device_begin();
    for (;;) {
        link_take(PIPE_UART, bytes, uart_take(bytes, sizeof bytes));
        link_take(PIPE_ETHERNET, bytes, ethernet_take(bytes, sizeof bytes));
        if (!device_poll())
            idle();
    }
}
