/* Times the networks of networks.h and prints CSV lines.
 *
 * What the program around it gives:
 *   void calibrate_putchar(char c)    where a character goes, such as a UART
 * What it may define for the compiler:
 *   CALIBRATE_PART      which of the CALIBRATE_PARTS programs this is; 1
 *   CALIBRATE_HZ        the clock of the core in Hz; SystemCoreClock, as CMSIS has it
 *   CALIBRATE_CYCLES()  a counter of 32 bits that counts up with that clock, where the core is no
 *                       Cortex-M
 *   CALIBRATE_MACHINE   what the board is called, a text
 *   CALIBRATE_RUNTIME   what runs the networks, a text; Brickwork C99 and the compiler
 *   CALIBRATE_HOST      for this computer instead of a board: clock_gettime, and putchar
 * Where a Cortex-M has no counter of cycles, SysTick counts, and makes no interrupts meanwhile.
 */
#ifndef CALIBRATE_HARNESS_H
#define CALIBRATE_HARNESS_H

#ifdef __cplusplus
extern "C" {
#endif

/* Runs all networks and prints a line for each. Returns how many gave other integers than they
 * should, or took too long for the timer: these have no line. */
int calibrate_run(void);

void calibrate_putchar(char c);

#ifdef __cplusplus
}
#endif

#endif
