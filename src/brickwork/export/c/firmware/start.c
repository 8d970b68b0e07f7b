/* Start of a program on an emulated Cortex-M core, and its only way out: semihosting.
 *
 * A fault ends the emulator with an error instead of hanging. */
#include <stdint.h>

extern uint32_t data_source, data_start, data_end, bss_start, bss_end, stack_end;

int main(void);

enum { SYS_WRITE0 = 0x04, SYS_EXIT = 0x18, STOPPED = 0x20026, FAULT = 0x20023 };

static void semihosting(uint32_t operation, uint32_t argument)
{
    register uint32_t r0 __asm("r0") = operation;
    register uint32_t r1 __asm("r1") = argument;
    __asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

void write_text(const char *text)
{
    semihosting(SYS_WRITE0, (uint32_t)text);
}

static void fault(void)
{
    write_text("fault\n");
    for (;;) {
        semihosting(SYS_EXIT, FAULT);
    }
}

void start(void)
{
    const uint32_t *source = &data_source;
    for (uint32_t *word = &data_start; word < &data_end;) {
        *word++ = *source++;
    }
    for (uint32_t *word = &bss_start; word < &bss_end;) {
        *word++ = 0;
    }
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    /* Coprocessors 10 and 11, the floating-point unit, are off after a reset. */
    *(volatile uint32_t *)0xE000ED88 |= 0xFU << 20;
    __asm volatile("dsb\n\tisb");
#endif
    main();
    for (;;) {
        semihosting(SYS_EXIT, STOPPED);
    }
}

/* Initial stack, reset, and the faults of the processor. */
__attribute__((section(".vectors"), used)) static void *const vectors[16] = {
    &stack_end, (void *)start, (void *)fault, (void *)fault, (void *)fault, (void *)fault,
    (void *)fault, (void *)fault,
};
