/* Runs a network on golden inputs, layer by layer, and writes its outputs and what SysTick counts.
 *
 * SysTick counts down with a clock of the machine, whose ticks the emulator makes a fixed number of
 * instructions; how many is found by a loop of a known length. */
#include <stdint.h>

#include "network.h"

void write_text(const char *text);

#define CONTROL (*(volatile uint32_t *)0xE000E010)
#define RELOAD (*(volatile uint32_t *)0xE000E014)
#define CURRENT (*(volatile uint32_t *)0xE000E018)
#define LARGEST 0xFFFFFFU
#define WRAPPED (1U << 16)

static void start_clock(void)
{
    CURRENT = 0; /* any value begins a new round and clears what has wrapped */
    while (CURRENT == 0) {
    }
    (void)CONTROL;
}

/* Ticks since the start; the largest number there is if the counter has wrapped. */
static uint32_t ticks_since(void)
{
    const uint32_t ticks = LARGEST - CURRENT;
    return CONTROL & WRAPPED ? UINT32_MAX : ticks;
}

static void write_number(uint32_t value)
{
    char text[] = " 0000000000";
    for (int i = 10; i > 0; --i, value /= 10) {
        text[i] = (char)('0' + value % 10);
    }
    write_text(text);
}

static void write_bytes(const int8_t *bytes, int count)
{
    static const char digits[] = "0123456789abcdef";
    char text[65];
    for (int i = 0; i < count;) {
        int used = 0;
        for (; i < count && used < 64; ++i) {
            const uint8_t byte = (uint8_t)bytes[i];
            text[used++] = digits[byte >> 4];
            text[used++] = digits[byte & 15];
        }
        text[used] = 0;
        write_text(text);
    }
}

int main(void)
{
    RELOAD = LARGEST;
    CONTROL = 5; /* on, without interrupts, with the clock of the processor */

    start_clock();
    uint32_t rounds = LOOP_ROUNDS; /* of two instructions */
    __asm volatile("1: subs %0, #1\n\tbne 1b" : "+l"(rounds) : : "cc");
    write_text("loop");
    write_number(ticks_since());
    write_text("\n");

    for (int sample = 0; sample < SAMPLES; ++sample) {
        static uint32_t ticks[LAYERS];
        for (int i = 0; i < INPUT_SIZE; ++i) {
            network_input()[i] = golden[sample][i];
        }
        for (int layer = 0; layer < LAYERS; ++layer) {
            start_clock();
            network_layer(layer);
            ticks[layer] = ticks_since();
        }
        write_text("output ");
        write_bytes(network_output(), OUTPUT_SIZE);
        write_text("\n");
        if (sample == 0) {
            write_text("layers");
            for (int layer = 0; layer < LAYERS; ++layer) {
                write_number(ticks[layer]);
            }
            write_text("\n");
        }
    }
    return 0;
}
