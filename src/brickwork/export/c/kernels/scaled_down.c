/* value * multiplier * 2^(shift - 31), rounded as TensorFlow Lite's reference kernels do: the upper
 * half of the product to the nearest, then the division by a power of two to the nearest. No shift
 * of this network is positive. */
static int32_t scaled(int32_t value, int32_t multiplier, int shift)
{
    const int32_t high = (int32_t)(((int64_t)value * multiplier + ((int64_t)1 << 30)) >> 31);
    const int32_t mask = (int32_t)(((uint32_t)1 << -shift) - 1);
    const int32_t threshold = (mask >> 1) + (high < 0 ? 1 : 0);
    return (high >> -shift) + ((high & mask) > threshold ? 1 : 0);
}
