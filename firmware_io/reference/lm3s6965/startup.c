/* Vectors, and what happens before main(): initial values, and a reset when the processor faults. */
#include "lm3s6965.h"
#include <stdint.h>

extern uint32_t stack_top, data_source, data_begin, data_end, bss_begin, bss_end;

int main(void);
_Noreturn void reset(void);

_Noreturn void reset(void)
{
    const uint32_t *from = &data_source;
    for (uint32_t *to = &data_begin; to < &data_end;)
        *to++ = *from++;
    for (uint32_t *to = &bss_begin; to < &bss_end;)
        *to++ = 0;
    main();
    for (;;) {
    }
}

static void processor_faulted(void) { board_reset(RESET_FAULT); }
static void ignore(void) {}

typedef void handler(void);

__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *stack;
    handler *handlers[15 + 44];
} vectors = {
    &stack_top,
    {
        [0] = reset, [1] = ignore, [2] = processor_faulted, [3] = processor_faulted, [4] = processor_faulted, [5] = processor_faulted,
        [10] = ignore, [11] = ignore, [13] = pended, [14] = period_passed,
        [15 + IRQ_GPIOC] = input_rose, [15 + IRQ_UART0] = uart_interrupt, [15 + IRQ_TIMER0A] = alarm_due,
        [15 + IRQ_ETHERNET] = ethernet_interrupt,
    },
};
