/* Adds the products of `count` inputs and four rows of weights, `row` apart, to four sums: each
 * input is read once. */
static inline void dot4(int32_t sums[4], const int8_t *in, const int8_t *weights, int32_t row,
                        int32_t count, int32_t zero)
{
    const int8_t *weights1 = weights + row;
    const int8_t *weights2 = weights1 + row;
    const int8_t *weights3 = weights2 + row;
    int32_t sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3];
    while (count-- > 0) {
        const int32_t value = *in++ - zero;
        sum0 += value * *weights++;
        sum1 += value * *weights1++;
        sum2 += value * *weights2++;
        sum3 += value * *weights3++;
    }
    sums[0] = sum0;
    sums[1] = sum1;
    sums[2] = sum2;
    sums[3] = sum3;
}
