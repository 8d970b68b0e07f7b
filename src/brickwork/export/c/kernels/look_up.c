/* A function of one number; the table begins with what -128 becomes. The output may lie where the
 * input lies. */
static void look_up(const int8_t *in, int8_t *out, int32_t count, const int8_t *table)
{
    for (int32_t i = 0; i < count; ++i) {
        out[i] = table[in[i] + 128];
    }
}
