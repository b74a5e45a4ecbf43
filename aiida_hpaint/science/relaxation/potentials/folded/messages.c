/* Sums of the folded SevenNet over pairs of sites that have an edge; see messages.py.

   Features are rows (site, component) of channels, kernels rows (pair, component) of channels.
   A pair (n, s) stands for both directions: the kernel of (s, n) is that of (n, s)
   times (-1)^l2. A pair of a site with itself holds both directions already.

   `paths` has eight numbers for each path: l1, l2, l3, channels, first channel among those of the
   kernels of l2, first channel among the messages of l3, its first term, and the one after its last.
   `places` has three numbers for each term: components of feature, kernel and message.  */

#include <string.h>

typedef long long integer;

static const float *row(const float *const *all, const integer *widths, integer l, integer item)
{
    return all[l] + item * (2 * l + 1) * widths[l];
}

static float *target(float *const *all, const integer *widths, integer l, integer item)
{
    return all[l] + item * (2 * l + 1) * widths[l];
}

/* Messages of all pairs, added to `sent`. Pair p has the kernel `which[p]`. */
void send(integer pairs, const integer *first, const integer *second, const integer *which,
          integer count, const integer *paths, const integer *places, const float *terms,
          const float *const *kernels, const integer *kernel_widths,
          const float *const *features, const integer *feature_widths,
          float *const *sent, const integer *sent_widths)
{
    for (integer p = 0; p < pairs; p++)
        for (int way = 0; way < (first[p] == second[p] ? 1 : 2); way++) {
            const integer n = way ? second[p] : first[p], s = way ? first[p] : second[p];
            for (integer q = 0; q < count; q++) {
                const integer *path = paths + 8 * q;
                const integer l1 = path[0], l2 = path[1], l3 = path[2], width = path[3];
                const float sign = way && l2 % 2 ? -1.0f : 1.0f;
                const float *k = row(kernels, kernel_widths, l2, which[p]) + path[4];
                const float *x = row(features, feature_widths, l1, s);
                float *y = target(sent, sent_widths, l3, n) + path[5];
                for (integer t = path[6]; t < path[7]; t++) {
                    const float *restrict a = x + places[3 * t] * feature_widths[l1];
                    const float *restrict b = k + places[3 * t + 1] * kernel_widths[l2];
                    float *restrict c = y + places[3 * t + 2] * sent_widths[l3];
                    const float term = sign * terms[t];
                    for (integer i = 0; i < width; i++) c[i] += term * a[i] * b[i];
                }
            }
        }
}

/* Gradients by the features, added to `to_features`, and by the kernels, written to `to_kernels`
   where that is not null; each kernel then belongs to one pair. */
void send_back(integer pairs, const integer *first, const integer *second, const integer *which,
               integer count, const integer *paths, const integer *places, const float *terms,
               const float *const *kernels, const integer *kernel_widths,
               const float *const *features, const integer *feature_widths,
               const float *const *gradients, const integer *sent_widths,
               integer degrees, float *const *to_kernels, float *const *to_features)
{
    for (integer p = 0; p < pairs; p++) {
        /* Here rather than at once, so that the rows are still in the cache. */
        for (integer l2 = 0; to_kernels && l2 < degrees; l2++)
            memset(target(to_kernels, kernel_widths, l2, which[p]), 0,
                   (2 * l2 + 1) * kernel_widths[l2] * sizeof(float));
        for (int way = 0; way < (first[p] == second[p] ? 1 : 2); way++) {
            const integer n = way ? second[p] : first[p], s = way ? first[p] : second[p];
            for (integer q = 0; q < count; q++) {
                const integer *path = paths + 8 * q;
                const integer l1 = path[0], l2 = path[1], l3 = path[2], width = path[3];
                const float sign = way && l2 % 2 ? -1.0f : 1.0f;
                const float *k = row(kernels, kernel_widths, l2, which[p]) + path[4];
                const float *x = row(features, feature_widths, l1, s);
                const float *y = row(gradients, sent_widths, l3, n) + path[5];
                float *dk = 0;
                if (to_kernels) dk = target(to_kernels, kernel_widths, l2, which[p]) + path[4];
                float *dx = target(to_features, feature_widths, l1, s);
                for (integer t = path[6]; t < path[7]; t++) {
                    const integer m1 = places[3 * t] * feature_widths[l1];
                    const integer m2 = places[3 * t + 1] * kernel_widths[l2];
                    const float *restrict a = x + m1, *restrict b = k + m2;
                    const float *restrict c = y + places[3 * t + 2] * sent_widths[l3];
                    float *restrict to_a = dx + m1;
                    const float term = sign * terms[t];
                    if (dk) {
                        float *restrict to_b = dk + m2;
                        for (integer i = 0; i < width; i++) {
                            const float scaled = term * c[i];
                            to_a[i] += scaled * b[i];
                            to_b[i] += scaled * a[i];
                        }
                    } else
                        for (integer i = 0; i < width; i++) to_a[i] += term * c[i] * b[i];
                }
            }
        }
    }
}
