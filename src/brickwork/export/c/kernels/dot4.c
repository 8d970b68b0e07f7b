/* Adds the products of `count` inputs and four rows of weights, `row` apart, to four sums: each
 * input is read once. */
static inline void dot4(int32_t sums[4], const int8_t *in, const int8_t *weights, int32_t row,
                        int32_t count, int32_t zero)
{
    int32_t sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3];
    const int8_t *const end = in + count;
#if defined(__ARM_FEATURE_SIMD32)
    for (; end - in >= 4; in += 4, weights += 4) {
        int16x2_t inputs[2];
        load_inputs(in, zero, inputs);
        sum0 = dot_pairs(sum0, inputs, weights);
        sum1 = dot_pairs(sum1, inputs, weights + row);
        sum2 = dot_pairs(sum2, inputs, weights + 2 * row);
        sum3 = dot_pairs(sum3, inputs, weights + 3 * row);
    }
#endif
    for (; in != end; ++in, ++weights) {
        const int32_t value = *in - zero;
        sum0 += value * weights[0];
        sum1 += value * weights[row];
        sum2 += value * weights[2 * row];
        sum3 += value * weights[3 * row];
    }
    sums[0] = sum0;
    sums[1] = sum1;
    sums[2] = sum2;
    sums[3] = sum3;
}
