/* RELU and RELU6 between equal scales. The output may lie where the input lies. */
static void clamp(const int8_t *in, int8_t *out, int32_t count, int32_t low, int32_t high)
{
    for (int32_t i = 0; i < count; ++i) {
        out[i] = clamped(in[i], low, high);
    }
}
