/* Adds the products of `count` inputs and weights to a sum. */
static inline int32_t dot(int32_t sum, const int8_t *in, const int8_t *weights, int32_t count,
                          int32_t zero)
{
#if defined(__ARM_FEATURE_SIMD32)
    for (; count >= 4; count -= 4, in += 4, weights += 4) {
        int16x2_t inputs[2];
        load_inputs(in, zero, inputs);
        sum = dot_pairs(sum, inputs, weights);
    }
#endif
    while (count-- > 0) {
        sum += (*in++ - zero) * *weights++;
    }
    return sum;
}
