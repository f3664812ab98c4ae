/* Registers of the Stellaris LM3S6965 that the board uses (its data sheet; ARM DDI 0183 for the UART, DDI 0403 for the core). */
#ifndef LM3S6965_H
#define LM3S6965_H

#include "../board.h"
#include "../boot.h"
#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))

#define SYSCTL_RIS REGISTER(0x400fe050u)
#define SYSCTL_RCC REGISTER(0x400fe060u)
#define SYSCTL_RCGC1 REGISTER(0x400fe104u)
#define SYSCTL_RCGC2 REGISTER(0x400fe108u)

#define SYST_CSR REGISTER(0xe000e010u)
#define SYST_RVR REGISTER(0xe000e014u)
#define SYST_CVR REGISTER(0xe000e018u)
#define NVIC_ISER(n) REGISTER(0xe000e100u + 4u * (n))
#define NVIC_ICER(n) REGISTER(0xe000e180u + 4u * (n))
#define NVIC_ISPR(n) REGISTER(0xe000e200u + 4u * (n))
#define NVIC_IPR(irq) (*(volatile uint8_t *)(0xe000e400u + (irq)))
#define SCB_ICSR REGISTER(0xe000ed04u)
#define SCB_AIRCR REGISTER(0xe000ed0cu)
#define SCB_SHPR(exception) (*(volatile uint8_t *)(0xe000ed18u + (exception) - 4u))
#define ICSR_PENDSVSET (1u << 28)
#define ICSR_PENDSTSET (1u << 26)

#define GPIO_C 0x40006000u /* inputs 0 to 3 are pins 4 to 7 */
#define GPIO_D 0x40007000u /* TTL lines */
#define GPIO_E 0x40024000u /* update of tones 0 to 3 */
#define GPIO_DATA(port, mask) REGISTER((port) + ((uint32_t)(mask) << 2))
#define GPIO_DIR(port) REGISTER((port) + 0x400u)
#define GPIO_IEV(port) REGISTER((port) + 0x40cu)
#define GPIO_IM(port) REGISTER((port) + 0x410u)
#define GPIO_MIS(port) REGISTER((port) + 0x418u)
#define GPIO_ICR(port) REGISTER((port) + 0x41cu)
#define GPIO_PDR(port) REGISTER((port) + 0x514u)
#define GPIO_DEN(port) REGISTER((port) + 0x51cu)
#define GPIO_AFSEL(port) REGISTER((port) + 0x420u)
#define GPIO_A 0x40004000u

#define UART0 0x4000c000u /* the link */
#define UART1 0x4000d000u /* the synthesisers */
#define UART_DR(uart) REGISTER((uart) + 0x00u)
#define UART_FR(uart) REGISTER((uart) + 0x18u)
#define UART_IBRD(uart) REGISTER((uart) + 0x24u)
#define UART_FBRD(uart) REGISTER((uart) + 0x28u)
#define UART_LCRH(uart) REGISTER((uart) + 0x2cu)
#define UART_CTL(uart) REGISTER((uart) + 0x30u)
#define UART_IM(uart) REGISTER((uart) + 0x38u)
#define UART_ICR(uart) REGISTER((uart) + 0x44u)
#define FR_RXFE (1u << 4)
#define FR_TXFF (1u << 5)
#define UART_RX (1u << 4 | 1u << 6) /* data, or a pause after data */
#define UART_TX (1u << 5)

#define TIMER0_CFG REGISTER(0x40030000u)
#define TIMER0_TAMR REGISTER(0x40030004u)
#define TIMER0_CTL REGISTER(0x4003000cu)
#define TIMER0_IMR REGISTER(0x40030018u)
#define TIMER0_ICR REGISTER(0x40030024u)
#define TIMER0_TAILR REGISTER(0x40030028u)

#define MAC_RIS REGISTER(0x40048000u) /* written: acknowledges */
#define MAC_IM REGISTER(0x40048004u)
#define MAC_RCTL REGISTER(0x40048008u)
#define MAC_TCTL REGISTER(0x4004800cu)
#define MAC_DATA REGISTER(0x40048010u)
#define MAC_IA0 REGISTER(0x40048014u)
#define MAC_IA1 REGISTER(0x40048018u)
#define MAC_THR REGISTER(0x4004801cu)
#define MAC_NP REGISTER(0x40048034u)
#define MAC_TR REGISTER(0x40048038u)

enum { IRQ_GPIOC = 2, IRQ_UART0 = 5, IRQ_TIMER0A = 19, IRQ_ETHERNET = 42 };
enum { EXCEPTION_PENDSV = 14, EXCEPTION_SYSTICK = 15 };

void pended(void);
void period_passed(void);
void alarm_due(void);
void input_rose(void);
void uart_interrupt(void);
void ethernet_interrupt(void);

enum { PIPE_UART, PIPE_ETHERNET };

void uart_begin(void);
uint32_t uart_take(uint8_t *bytes, uint32_t room);
bool uart_waits(void);
void uart_send(const uint8_t *bytes, uint32_t n_bytes);
void synthesiser_send(const uint8_t *bytes, uint32_t n_bytes);

void ethernet_begin(void);
/* Read a frame's payload; 0 when there is none. */
uint32_t ethernet_take(uint8_t *bytes, uint32_t room);
bool ethernet_waits(void);
void ethernet_send(const uint8_t *bytes, uint32_t n_bytes);

void irq_enable(uint32_t irq, uint8_t priority);

#endif
