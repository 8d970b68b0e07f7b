/* Times the networks of networks.h and prints CSV lines; see harness.h.
 *
 * A network runs layer by layer. What a layer takes is the difference of a counter of cycles: that
 * of the DWT unit on a Cortex-M3 or larger, or SysTick where there is none (Cortex-M0 and M0+, some
 * M23 and M33, emulators). What reading the counter takes is subtracted. Of each round of runs the
 * fastest counts, and of the rounds their median: interrupts can only make a run slower. */
#if defined(CALIBRATE_HOST) && !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 199309L
#endif

#include "harness.h"

#include <stdint.h>

#include "networks.h"

#ifndef CALIBRATE_ROUNDS
#define CALIBRATE_ROUNDS 10
#endif
#ifndef CALIBRATE_CALLS
#define CALIBRATE_CALLS 3 /* in each round; one where a call takes more than half a second */
#endif
#ifndef CALIBRATE_MACHINE
#define CALIBRATE_MACHINE "microcontroller"
#endif
#ifndef CALIBRATE_RUNTIME
#ifdef __VERSION__
#define CALIBRATE_RUNTIME "Brickwork C99, compiler " __VERSION__
#else
#define CALIBRATE_RUNTIME "Brickwork C99"
#endif
#endif

int8_t calibrate_arena[CALIBRATE_ARENA_BYTES];

typedef struct {
    const char *file;
    const char *checksum;
    uint32_t result; /* hash of the outputs that it should give */
    int32_t inputs;
    int32_t outputs;
    int layers;
    int8_t *(*input)(void);
    void (*layer)(int layer);
    const int8_t *(*output)(void);
} network;

#define NETWORK(name, NAME, checksum, result)                                       \
    {"c/" #name ".c", checksum, result, NAME##_INPUT_SIZE, NAME##_OUTPUT_SIZE,      \
     NAME##_LAYERS, name##_input, name##_layer, name##_output},
static const network networks[] = {CALIBRATE_NETWORKS(NETWORK)};
#define COUNT ((int)(sizeof networks / sizeof networks[0]))

/* ---- the counter: start_clock() and cycles_since(), which may say that it has wrapped ---- */

#define WRAPPED UINT32_MAX

#if defined(CALIBRATE_HOST)

#include <stdio.h>
#include <time.h>

#undef CALIBRATE_HZ
#define CALIBRATE_HZ 1000000000U
#define TIMER "clock_gettime"

static struct timespec began;

static void prepare_clock(void) {}
static void leave_clock(void) {}

static void start_clock(void)
{
    clock_gettime(CLOCK_MONOTONIC, &began);
}

static uint32_t cycles_since(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const int64_t ns = (int64_t)(now.tv_sec - began.tv_sec) * 1000000000 + now.tv_nsec - began.tv_nsec;
    return ns < (int64_t)WRAPPED ? (uint32_t)ns : WRAPPED;
}

void calibrate_putchar(char c)
{
    putchar(c);
}

int main(void)
{
    return calibrate_run();
}

#elif defined(CALIBRATE_CYCLES)

#ifndef CALIBRATE_HZ
#error "define CALIBRATE_HZ: with how many Hz CALIBRATE_CYCLES() counts"
#endif
#define TIMER "CALIBRATE_CYCLES"

static uint32_t began;

static void prepare_clock(void) {}
static void leave_clock(void) {}

static void start_clock(void)
{
    began = (uint32_t)CALIBRATE_CYCLES();
}

static uint32_t cycles_since(void)
{
    return (uint32_t)CALIBRATE_CYCLES() - began;
}

#elif defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'

#ifndef CALIBRATE_HZ
extern uint32_t SystemCoreClock;
#define CALIBRATE_HZ SystemCoreClock
#endif
#define REGISTER(address) (*(volatile uint32_t *)(address))
#define SYSTICK_CONTROL REGISTER(0xE000E010)
#define SYSTICK_RELOAD REGISTER(0xE000E014)
#define SYSTICK_CURRENT REGISTER(0xE000E018)
#define SYSTICK_LARGEST 0xFFFFFFU
#define SYSTICK_WRAPPED (1U << 16)
#define TIMER (has_dwt ? "DWT" : "SysTick")

static int has_dwt;
static uint32_t began, control, reload;

#if defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_8M_BASE__)
static uint32_t dwt_cycles(void)
{
    return 0;
}
static void prepare_dwt(void) {}
#else
#define DEMCR REGISTER(0xE000EDFC)
#define DWT_CONTROL REGISTER(0xE0001000)
#define DWT_CYCLES REGISTER(0xE0001004)
#define DWT_LOCK REGISTER(0xE0001FB0)

static uint32_t dwt_cycles(void)
{
    return DWT_CYCLES;
}

static void prepare_dwt(void)
{
    DEMCR |= 1U << 24;       /* tracing on */
    DWT_LOCK = 0xC5ACCE55U;  /* opens the unit of a Cortex-M7; others ignore it */
    DWT_CYCLES = 0;
    DWT_CONTROL |= 1U;
}
#endif

static void prepare_clock(void)
{
    prepare_dwt();
    const uint32_t before = dwt_cycles();
    for (volatile int i = 0; i < 100; ++i) {
    }
    has_dwt = dwt_cycles() != before; /* a counter that stands still is none */
    if (!has_dwt) {
        control = SYSTICK_CONTROL;
        reload = SYSTICK_RELOAD;
        SYSTICK_RELOAD = SYSTICK_LARGEST;
        SYSTICK_CONTROL = 5; /* on, without interrupts, with the clock of the processor */
    }
}

static void leave_clock(void)
{
    if (!has_dwt) {
        SYSTICK_RELOAD = reload;
        SYSTICK_CURRENT = 0;
        SYSTICK_CONTROL = control;
    }
}

static void start_clock(void)
{
    if (has_dwt) {
        began = dwt_cycles();
        return;
    }
    SYSTICK_CURRENT = 0; /* any value begins a new round and clears what has wrapped */
    while (SYSTICK_CURRENT == 0) {
    }
    (void)SYSTICK_CONTROL;
}

static uint32_t cycles_since(void)
{
    if (has_dwt) {
        return dwt_cycles() - began;
    }
    const uint32_t cycles = SYSTICK_LARGEST - SYSTICK_CURRENT;
    return SYSTICK_CONTROL & SYSTICK_WRAPPED ? WRAPPED : cycles;
}

#else
#error "no Cortex-M: define CALIBRATE_CYCLES() and CALIBRATE_HZ, see harness.h"
#endif

/* ---- printing ---- */

static void put(const char *text)
{
    while (*text) {
        calibrate_putchar(*text++);
    }
}

/* A number with at least so many digits. */
static void put_number(uint64_t value, int digits)
{
    char text[21];
    int used = 0;
    do {
        text[used++] = (char)('0' + (int)(value % 10));
        value /= 10;
    } while (value || used < digits);
    while (used) {
        calibrate_putchar(text[--used]);
    }
}

/* A number of millionths. */
static void put_millionths(uint64_t value)
{
    put_number(value / 1000000, 1);
    put(".");
    put_number(value % 1000000, 6);
}

static void put_milliseconds(uint64_t cycles)
{
    const uint64_t khz = (uint64_t)CALIBRATE_HZ / 1000;
    put_millionths(cycles * 1000000 / (khz ? khz : 1));
}

static void put_quoted(const char *text)
{
    put("\"");
    for (; *text; ++text) {
        calibrate_putchar(*text == '"' ? '\'' : *text);
    }
    put("\"");
}

/* ---- measuring ---- */

static uint32_t overhead; /* cycles of reading the counter itself */

/* Fills the input, runs the network; its cycles, or 0 if a layer took too long for the counter. */
static uint64_t run_once(const network *one)
{
    int8_t *input = one->input();
    for (int32_t i = 0; i < one->inputs; ++i) {
        input[i] = (int8_t)((int32_t)(((uint32_t)i * 37U + 11U) % 251U) - 125);
    }
    uint64_t total = 0;
    for (int layer = 0; layer < one->layers; ++layer) {
        start_clock();
        one->layer(layer);
        const uint32_t cycles = cycles_since();
        if (cycles == WRAPPED) {
            return 0;
        }
        total += cycles > overhead ? cycles - overhead : 1;
    }
    return total;
}

static int is_right(const network *one)
{
    const int8_t *output = one->output();
    uint32_t hash = 2166136261U;
    for (int32_t i = 0; i < one->outputs; ++i) {
        hash = (hash ^ (uint8_t)output[i]) * 16777619U;
    }
    return hash == one->result;
}

static void sort(uint64_t *values, int count)
{
    for (int i = 1; i < count; ++i) {
        const uint64_t value = values[i];
        int at = i;
        for (; at > 0 && values[at - 1] > value; --at) {
            values[at] = values[at - 1];
        }
        values[at] = value;
    }
}

static void put_line(const network *one, uint64_t middle, uint64_t spread)
{
    put(one->file);
    put(",");
    put(one->checksum);
    put(",");
    put_milliseconds(middle);
    put(",");
    put_milliseconds(spread);
    put(",");
    put_quoted(CALIBRATE_RUNTIME);
    put(",");
    put_quoted(CALIBRATE_MACHINE);
    put(",");
#ifndef CALIBRATE_HOST /* whose clock nobody knows */
    put_millionths((uint64_t)CALIBRATE_HZ);
#endif
    put("\n");
}

/* Whether a line could be printed. */
static int measure(const network *one)
{
    const uint64_t first = run_once(one); /* also to warm up */
    if (!first) {
        put("# ");
        put(one->file);
        put(": a layer takes too long for the counter\n");
        return 0;
    }
    if (!is_right(one)) {
        put("# ");
        put(one->file);
        put(": gives other integers than it should: is the memory large enough?\n");
        return 0;
    }
    const int calls = first > (uint64_t)CALIBRATE_HZ / 2 ? 1 : CALIBRATE_CALLS;
    uint64_t rounds[CALIBRATE_ROUNDS];
    for (int round = 0; round < CALIBRATE_ROUNDS; ++round) {
        rounds[round] = run_once(one);
        for (int call = 1; call < calls; ++call) {
            const uint64_t cycles = run_once(one);
            if (cycles < rounds[round]) {
                rounds[round] = cycles;
            }
        }
    }
    sort(rounds, CALIBRATE_ROUNDS);
    const int tenth = CALIBRATE_ROUNDS / 10;
    const uint64_t middle =
        (rounds[(CALIBRATE_ROUNDS - 1) / 2] + rounds[CALIBRATE_ROUNDS / 2]) / 2;
    put_line(one, middle, (rounds[CALIBRATE_ROUNDS - 1 - tenth] - rounds[tenth]) / 2);
    return 1;
}

int calibrate_run(void)
{
    int failed = 0;
    prepare_clock();
    overhead = WRAPPED;
    for (int i = 0; i < 20; ++i) {
        start_clock();
        const uint32_t cycles = cycles_since();
        overhead = cycles < overhead ? cycles : overhead;
    }
    put("# part ");
    put_number(CALIBRATE_PART, 1);
    put(" of ");
    put_number(CALIBRATE_PARTS, 1);
    put(", timer ");
    put(TIMER);
    put("\nfile,checksum,latency_ms,spread_ms,runtime,machine,mhz\n");
    for (int i = 0; i < COUNT; ++i) {
        failed += !measure(&networks[i]);
    }
    put("# end\n");
    leave_clock();
    return failed;
}
