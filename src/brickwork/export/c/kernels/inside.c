/* Which taps of a window that begins at `start` lie inside of an axis: from first up to, not
 * including, last. */
typedef struct {
    int32_t first, last;
} taps;

static taps inside(int32_t start, int32_t size, int32_t kernel, int32_t dilation)
{
    taps range = {0, kernel};
    while (range.first < range.last && start + range.first * dilation < 0) {
        ++range.first;
    }
    while (range.last > range.first && start + (range.last - 1) * dilation >= size) {
        --range.last;
    }
    return range;
}
