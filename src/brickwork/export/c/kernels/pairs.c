/* Cores with the DSP extension multiply and add two pairs of numbers at once: four bytes in a row
 * become two pairs of 16-bit numbers, the first and the third, the second and the fourth. */
#if defined(__ARM_FEATURE_SIMD32)
#include <arm_acle.h>

static inline void load_pairs(const int8_t *bytes, int16x2_t pairs[2])
{
    uint32_t word;
    memcpy(&word, bytes, 4);
    pairs[0] = __sxtb16((int8x4_t)word);
    pairs[1] = __sxtb16((int8x4_t)(word >> 8 | word << 24));
}

static inline int32_t dot_pairs(int32_t sum, const int16x2_t in[2], const int8_t *weights)
{
    int16x2_t pairs[2];
    load_pairs(weights, pairs);
    return __smlad(in[1], pairs[1], __smlad(in[0], pairs[0], sum));
}

/* Four inputs less the integer that means 0. */
static inline void load_inputs(const int8_t *in, int32_t zero, int16x2_t pairs[2])
{
    const int16x2_t both = (int16x2_t)((uint32_t)(zero & 0xFFFF) * 0x10001U);
    load_pairs(in, pairs);
    pairs[0] = __ssub16(pairs[0], both);
    pairs[1] = __ssub16(pairs[1], both);
}
#endif
