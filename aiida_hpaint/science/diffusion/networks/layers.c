/* Layers of the dense score network, crystal by crystal; see layers.py.

   Sites that move come first. A row of kernels holds, for a pair of sites, {1, x, y, z} by radial
   functions; seen from the second site its last three parts have the other sign. What a site
   sends is ordered by heads, {isotropic, directional} and radial functions; what it receives, by
   heads and radial functions.

   Each sum has an order of its own, whatever is computed beside it, so that a crystal gets the
   same numbers in any batch and on any thread.  */

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* COLUMNS and HEADS are as large as there are registers for. */
#if defined(__AVX512F__)
#define BYTES 64
#define COLUMNS 4
#define HEADS 4
#elif defined(__AVX__)
#define BYTES 32
#define COLUMNS 2
#define HEADS 1
#else
#define BYTES 16
#define COLUMNS 2
#define HEADS 1
#endif
#define LANES (BYTES / 8)
#define ROWS 6
#define SITES 36 /* that are updated at once, so that they stay in the cache */
#define CHUNK 16 /* of neighbours whose messages are received at once */
#define INLINE static inline __attribute__((always_inline))

typedef long long integer;
typedef double pack __attribute__((vector_size(BYTES)));
typedef double unaligned __attribute__((vector_size(BYTES), aligned(8), may_alias));
typedef integer bits __attribute__((vector_size(BYTES)));

typedef struct {
    const double *norm, *norm_bias, *send, *send_bias, *sent, *sent_bias, *send_vectors;
    const double *collect, *collect_bias, *collect_vectors, *pairing;
    const double *update, *update_bias, *updated, *updated_bias;
} layer;

typedef struct {
    integer width, functions, heads, count;
    double cutoff, closest, inverse_width, epsilon;
    const double *centres, *scales;
    const layer *layers;
} network;

typedef struct {
    integer sites, moving, images, fixed;
    const double *cell, *translations, *frac;
    const integer *first, *second;
    const double *rows;
    double *scalars, *vectors;
} crystal;

typedef struct {
    const double *row;
    integer site;
    double sign;
} neighbour;

/* Widths are a multiple of the first, numbers of radial functions one of the second. */
integer count_columns(void) { return COLUMNS * LANES; }
integer count_lanes(void) { return LANES; }

INLINE pack load(const double *from) { return *(const unaligned *)from; }
INLINE void store(double *to, pack value) { *(unaligned *)to = value; }

INLINE pack choose(bits condition, pack yes, pack no)
{
    return (pack)((condition & (bits)yes) | (~condition & (bits)no));
}

INLINE pack exponential(pack x)
{
    const double shift = 0x1.8p52;
    const pack zero = {0};
    x = choose(x < -700.0, zero - 700.0, x);
    x = choose(x > 700.0, zero + 700.0, x);
    const pack shifted = x * 1.4426950408889634 + shift, whole = shifted - shift;
    const pack rest = x - whole * 0x1.62e42fefa3800p-1 - whole * 0x1.ef35793c76730p-45;
    pack sum = zero + 1.0 / 6227020800;
    double factor = 6227020800;
    for (int n = 13; n > 0; n--) {
        factor /= n;
        sum = sum * rest + 1.0 / factor;
    }
    return (pack)((bits)sum + ((bits)shifted << 52));
}

INLINE void tile(const int rows, integer depth, const double *x, const double *weights,
                 const double *bias, double *y, integer width, int add)
{
    pack sums[ROWS][COLUMNS];
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
        for (int c = 0; c < COLUMNS; c++)
            sums[r][c] = bias ? load(bias + c * LANES) : (pack){0};
    for (integer k = 0; k < depth; k++, weights += COLUMNS * LANES)
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
            for (int c = 0; c < COLUMNS; c++)
                sums[r][c] += x[r * depth + k] * load(weights + c * LANES);
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
        for (int c = 0; c < COLUMNS; c++) {
            double *to = y + r * width + c * LANES;
            store(to, add ? load(to) + sums[r][c] : sums[r][c]);
        }
}

/* Rows of x times weights plus a bias, written or added to y. */
static void multiply(integer rows, integer depth, integer width, const double *x,
                     const double *weights, const double *bias, double *y, int add)
{
    const integer tiles = (rows + ROWS - 1) / ROWS;
    for (integer c = 0; c < width; c += COLUMNS * LANES, weights += depth * COLUMNS * LANES)
        for (integer t = 0; t < tiles; t++) {
            const integer r = rows * t / tiles, some = rows * (t + 1) / tiles - r;
            const double *from = x + r * depth, *b = bias ? bias + c : 0;
            double *to = y + r * width + c;
            switch (some) {
            case 6: tile(6, depth, from, weights, b, to, width, add); break;
            case 5: tile(5, depth, from, weights, b, to, width, add); break;
            case 4: tile(4, depth, from, weights, b, to, width, add); break;
            case 3: tile(3, depth, from, weights, b, to, width, add); break;
            case 2: tile(2, depth, from, weights, b, to, width, add); break;
            default: tile(1, depth, from, weights, b, to, width, add);
            }
        }
}

INLINE double add_up(pack values)
{
    double sum = 0;
    for (int i = 0; i < LANES; i++) sum += values[i];
    return sum;
}

/* Rows minus their mean over their standard deviation, times weights plus a bias. */
static void normalise(const network *net, integer rows, const double *x, const double *weights,
                      const double *bias, double *y, integer stride)
{
    for (integer r = 0; r < rows; r++, x += net->width, y += stride) {
        pack sum = {0}, squares = {0};
        for (integer i = 0; i < net->width; i += LANES) sum += load(x + i);
        const double mean = add_up(sum) / net->width;
        for (integer i = 0; i < net->width; i += LANES) {
            const pack apart = load(x + i) - mean;
            squares += apart * apart;
        }
        const double scale = 1 / sqrt(add_up(squares) / net->width + net->epsilon);
        for (integer i = 0; i < net->width; i += LANES)
            store(y + i, (load(x + i) - mean) * scale * load(weights + i) + load(bias + i));
    }
}

/* x / (1 + exp(-x)), in place. */
static void activate(integer count, double *x)
{
    for (integer i = 0; i < count; i += LANES) {
        const pack value = load(x + i);
        store(x + i, value / (1.0 + exponential(-value)));
    }
}

/* Add the radial functions of an image at some vector, seen from the first site. */
static void add_image(const network *net, double *row, const double *to, double square)
{
    const double distance = sqrt(square);
    const double inside = distance < net->closest ? net->closest : distance;
    const double logarithm = log(inside), least = net->centres[0];
    const double window = 0.5 * (1 + cos(3.141592653589793 * distance / net->cutoff));
    for (integer k = 0; k < net->functions; k += LANES) {
        pack shape = (logarithm < least ? least : logarithm) - load(net->centres + k);
        shape *= net->inverse_width;
        shape = exponential(-0.5 * shape * shape) * load(net->scales + k) * window;
        store(row + k, load(row + k) + shape);
        for (integer a = 0; a < 3; a++) {
            double *part = row + (a + 1) * net->functions + k;
            store(part, load(part) + shape * (to[a] / inside));
        }
    }
}

/* Pairs with an edge whose first site is in a range: their sites and rows of kernels. */
integer link_sites(const network *net, const crystal *c, integer from, integer until, integer *first,
             integer *second, double *rows)
{
    const double *x = c->translations, *y = x + c->images, *z = y + c->images;
    const double reach = net->cutoff * net->cutoff;
    integer found = 0;
    for (integer i = from; i < until; i++)
        for (integer j = i; j < c->sites; j++) {
            double shift[3], wrapped[3];
            double *row = rows + found * 4 * net->functions;
            int near = 0;
            for (int a = 0; a < 3; a++) shift[a] = c->frac[3 * j + a] - c->frac[3 * i + a];
            for (int a = 0; a < 3; a++) shift[a] -= rint(shift[a]);
            for (int a = 0; a < 3; a++)
                wrapped[a] = shift[0] * c->cell[a] + shift[1] * c->cell[3 + a] +
                             shift[2] * c->cell[6 + a];
            for (integer t = 0; t < c->images; t++) {
                const double to[3] = {wrapped[0] + x[t], wrapped[1] + y[t], wrapped[2] + z[t]};
                const double square = to[0] * to[0] + to[1] * to[1] + to[2] * to[2];
                /* A site is no neighbour of itself, though all of its images are. */
                if (square >= reach || square <= 1e-6) continue;
                if (!near) memset(row, 0, 4 * net->functions * sizeof(double));
                near = 1;
                add_image(net, row, to, square);
            }
            if (near) first[found] = i, second[found++] = j;
        }
    return found;
}

static void count_neighbours(integer chunks, integer pairs, const integer *first,
                             const integer *second, integer *counts)
{
    for (integer p = 0; p < pairs; p++) {
        counts[first[p] * chunks + second[p] / CHUNK]++;
        if (first[p] != second[p]) counts[second[p] * chunks + first[p] / CHUNK]++;
    }
}

/* Add the neighbours of each site, by chunks, to lists that end so far at `ends`. */
static void list_neighbours(integer chunks, integer pairs, const integer *first,
                            const integer *second, const double *rows, integer size,
                            integer *ends, neighbour *list)
{
    for (integer p = 0; p < pairs; p++, rows += size) {
        const integer i = first[p], j = second[p];
        list[ends[i * chunks + j / CHUNK]++] = (neighbour){rows, j, 1.0};
        if (i != j) list[ends[j * chunks + i / CHUNK]++] = (neighbour){rows, i, -1.0};
    }
}

/* Scalars (0) are followed by vectors that were turned (1 to 3) and carried (4 to 6). */
INLINE double *find_sum(int q, double *scalars, double *messages, integer width, integer mixed)
{
    return q == 0 ? scalars : messages + (q - 1) % 3 * width + q / 4 * mixed;
}

/* Add what some heads receive from the neighbours in a chunk. */
INLINE void receive_some(const network *net, const int initial, const int heads, integer sites,
                         const neighbour *list, const integer *ends, integer chunks,
                         integer lane, const double *sent, const double *vectors,
                         double *scalars, double *messages)
{
    const integer size = net->functions, mixed = size * net->heads;
    const integer width = initial ? mixed : 2 * mixed;
    for (; sites > 0; sites--, ends += chunks, scalars += mixed, messages += 3 * width) {
        const neighbour *from = list + ends[-1], *until = list + ends[0];
        pack sums[HEADS][7];
        if (from == until) continue;
#pragma GCC unroll 4
        for (int h = 0; h < heads; h++)
#pragma GCC unroll 7
            for (int q = 0; q < 7; q++)
                if (q < 4 || !initial)
                    sums[h][q] = load(find_sum(q, scalars, messages, width, mixed) + h * size);
        for (; from < until; from++) {
            const double *row = from->row + lane, sign = from->sign;
            const double *x = sent + from->site * 2 * mixed, *v = vectors + from->site * 3 * mixed;
            const pack radial = load(row);
#pragma GCC unroll 4
            for (int h = 0; h < heads; h++) {
                const pack directional = sign * load(x + (2 * h + 1) * size);
                sums[h][0] += radial * load(x + 2 * h * size);
#pragma GCC unroll 3
                for (int a = 0; a < 3; a++) {
                    sums[h][1 + a] += load(row + (a + 1) * size) * directional;
                    if (!initial) sums[h][4 + a] += radial * load(v + a * mixed + h * size);
                }
            }
        }
#pragma GCC unroll 4
        for (int h = 0; h < heads; h++)
#pragma GCC unroll 7
            for (int q = 0; q < 7; q++)
                if (q < 4 || !initial)
                    store(find_sum(q, scalars, messages, width, mixed) + h * size, sums[h][q]);
    }
}

/* What some sites receive. Neighbours and heads are taken so few at once that what they send stays
   in the nearest cache for all of these sites. */
INLINE void receive(const network *net, const int initial, integer sites, const neighbour *list,
                    const integer *ends, integer chunks, const double *sent,
                    const double *vectors, double *scalars, double *messages)
{
    const integer size = net->functions, mixed = size * net->heads;
    memset(scalars, 0, sites * mixed * sizeof(double));
    memset(messages, 0, sites * (initial ? 3 : 6) * mixed * sizeof(double));
    for (integer chunk = 0; chunk < chunks; chunk++, ends++)
        for (integer head = 0, some; head < net->heads; head += some) {
            some = head + HEADS <= net->heads ? HEADS : 1;
            for (integer lane = 0; lane < size; lane += LANES) {
                const integer at = head * size + lane;
                const double *x = sent + at + head * size, *v = vectors + at;
                if (some == HEADS)
                    receive_some(net, initial, HEADS, sites, list, ends, chunks, lane, x, v,
                                 scalars + at, messages + at);
                else
                    receive_some(net, initial, 1, sites, list, ends, chunks, lane, x, v,
                                 scalars + at, messages + at);
            }
        }
}

/* Room for one pass over some sites. */
typedef struct {
    double *normal, *hidden, *received, *messages, *paired, *changes;
} room;

/* Messages that sites send: scalar ones, and those of their vectors. */
static void send_all(const network *net, const layer *l, integer sites, const double *scalars,
                 const double *vectors, double *sent, double *sent_vectors, const room *r)
{
    const integer width = net->width, mixed = net->functions * net->heads;
    normalise(net, sites, scalars, l->norm, l->norm_bias, r->normal, width);
    multiply(sites, width, width, r->normal, l->send, l->send_bias, r->hidden, 0);
    activate(sites * width, r->hidden);
    multiply(sites, width, 2 * mixed, r->hidden, l->sent, l->sent_bias, sent, 0);
    if (l->send_vectors)
        multiply(3 * sites, width, mixed, vectors, l->send_vectors, 0, sent_vectors, 0);
}

/* Update sites by themselves. */
static void update(const network *net, const layer *l, integer sites, double *scalars,
                   double *vectors, const room *r)
{
    const integer width = net->width;
    multiply(3 * sites, width, 2 * width, vectors, l->pairing, 0, r->paired, 0);
    normalise(net, sites, scalars, l->norm, l->norm_bias, r->normal, 2 * width);
    for (integer n = 0; n < sites; n++) {
        const double *right = r->paired + (6 * n + 1) * width;
        double *length = r->normal + (2 * n + 1) * width;
        for (integer i = 0; i < width; i++) {
            const double x = right[i], y = right[2 * width + i], z = right[4 * width + i];
            length[i] = sqrt(x * x + y * y + z * z + 1e-6);
        }
    }
    multiply(sites, 2 * width, width, r->normal, l->update, l->update_bias, r->hidden, 0);
    activate(sites * width, r->hidden);
    multiply(sites, width, 3 * width, r->hidden, l->updated, l->updated_bias, r->changes, 0);
    for (integer n = 0; n < sites; n++) {
        const double *left = r->paired + 6 * n * width, *change = r->changes + 3 * n * width;
        double *restrict s = scalars + n * width, *restrict v = vectors + 3 * n * width;
        for (integer i = 0; i < width; i++) {
            double product = 0;
            for (int a = 0; a < 3; a++) {
                product += left[2 * a * width + i] * left[(2 * a + 1) * width + i];
                v[a * width + i] += change[2 * width + i] * left[2 * a * width + i];
            }
            s[i] += change[i] + change[width + i] * product;
        }
    }
}

static void pass_layer(const network *net, const layer *l, const crystal *c, integer receivers,
                       const integer *starts, const neighbour *list, double *sent,
                       double *sent_vectors, const room *r)
{
    const integer width = net->width, mixed = net->functions * net->heads;
    const integer chunks = (c->sites + CHUNK - 1) / CHUNK;
    const int initial = !l->send_vectors;
    for (integer n = 0; n < c->sites; n += SITES) {
        const integer some = c->sites - n < SITES ? c->sites - n : SITES;
        send_all(net, l, some, c->scalars + n * width, c->vectors + 3 * n * width,
                 sent + 2 * n * mixed, sent_vectors + 3 * n * mixed, r);
    }
    for (integer n = 0; n < receivers; n += SITES) {
        const integer some = receivers - n < SITES ? receivers - n : SITES;
        const integer *ends = starts + 1 + chunks * n;
        double *scalars = c->scalars + n * width, *vectors = c->vectors + 3 * n * width;
        if (initial)
            receive(net, 1, some, list, ends, chunks, sent, sent_vectors, r->received, r->messages);
        else
            receive(net, 0, some, list, ends, chunks, sent, sent_vectors, r->received, r->messages);
        multiply(some, mixed, width, r->received, l->collect, l->collect_bias, scalars, 1);
        multiply(3 * some, (initial ? 1 : 2) * mixed, width, r->messages, l->collect_vectors, 0,
                 vectors, !initial);
        update(net, l, some, scalars, vectors, r);
    }
}

/* Pass scalars through all layers, from which vectors follow; those of sites that stand still are
   of no use in the end. Returns 0, or 1 if there is too little memory. */
int pass_layers(const network *net, const crystal *c)
{
    const integer n = c->sites, m = c->moving, width = net->width;
    const integer mixed = net->functions * net->heads, size = 4 * net->functions;
    const integer most = m * n - m * (m - 1) / 2, pairs = c->fixed + most;
    const integer chunks = (n + CHUNK - 1) / CHUNK, lists = n * chunks;
    const integer some = n < SITES ? n : SITES;
    const integer doubles = most * size + 5 * n * mixed + some * (12 * width + 7 * mixed);
    char *memory = malloc(doubles * sizeof(double) + BYTES);
    integer *sites = malloc((2 * most + lists + 2) * sizeof(integer));
    neighbour *list = malloc((2 * pairs + 1) * sizeof(neighbour));
    const int failed = !memory || !sites || !list;
    if (!failed) {
        integer *first = sites, *second = first + most, *starts = second + most;
        double *rows = (double *)(memory + BYTES - (size_t)memory % BYTES);
        double *sent = rows + most * size, *sent_vectors = sent + 2 * n * mixed;
        room r;
        r.normal = sent_vectors + 3 * n * mixed;
        r.hidden = r.normal + 2 * some * width;
        r.paired = r.hidden + some * width;
        r.changes = r.paired + 6 * some * width;
        r.received = r.changes + 3 * some * width;
        r.messages = r.received + some * mixed;
        const integer found = link_sites(net, c, 0, m, first, second, rows);
        memset(starts, 0, (lists + 2) * sizeof(integer));
        /* Until lists are filled, where they begin is one place ahead. */
        count_neighbours(chunks, c->fixed, c->first, c->second, starts + 2);
        count_neighbours(chunks, found, first, second, starts + 2);
        for (integer i = 2; i < lists + 2; i++) starts[i] += starts[i - 1];
        list_neighbours(chunks, c->fixed, c->first, c->second, c->rows, size, starts + 1, list);
        list_neighbours(chunks, found, first, second, rows, size, starts + 1, list);
        for (integer k = 0; k < net->count; k++)
            pass_layer(net, net->layers + k, c, k + 1 < net->count ? n : m, starts, list, sent,
                       sent_vectors, &r);
    }
    free(memory);
    free(sites);
    free(list);
    return failed;
}
