/* Adds the products of `count` inputs and weights to a sum. */
static inline int32_t dot(int32_t sum, const int8_t *in, const int8_t *weights, int32_t count,
                          int32_t zero)
{
    while (count-- > 0) {
        sum += (*in++ - zero) * *weights++;
    }
    return sum;
}
