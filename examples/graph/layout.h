/* Where everything goes: layers from the edges, an order within each, and places.
 *
 * Places are told along the layers and across them, and become x and y when they are drawn.
 * An edge that crosses layers gets a bend in each of them.
 */
#ifndef LAYOUT_H
#define LAYOUT_H

#include "read.h"

#define MAX_POINTS 2000
#define MAX_LINKS (MAX_POINTS + MAX_EDGES)
#define SWEEPS 12
#define GAP 24
#define LAYER_GAP 56
#define MARGIN 16

struct point { /* A node, or a bend of an edge. */
    int layer, order, along, across, length, depth; /* Length is along, depth is across. */
    int key;
};

struct route {
    int first_bend, bends;
    bool is_turned; /* It was drawn against its direction, to leave no cycle. */
};

static struct {
    struct point points[MAX_POINTS];
    struct route routes[MAX_EDGES];
    int links[MAX_LINKS][2]; /* From a layer to the next. */
    int sorted[MAX_POINTS];  /* Points by layer, and by order within. */
    int starts[MAX_POINTS + 1];
    int point_count, link_count, layer_count, along, across;
} layout;

static int start_of(int edge) {
    return layout.routes[edge].is_turned ? graph.edges[edge].to : graph.edges[edge].from;
}

static int end_of(int edge) {
    return layout.routes[edge].is_turned ? graph.edges[edge].from : graph.edges[edge].to;
}

static bool is_loop(int edge) { return graph.edges[edge].from == graph.edges[edge].to; }

/* Turns edges that lead back to where the walk is, so that no cycle is left. */
static void walk(int node, char *seen) {
    seen[node] = 1;
    for (int i = 0; i < graph.edge_count; i++) {
        if (graph.edges[i].from != node || is_loop(i))
            continue;
        int next = graph.edges[i].to;
        if (!seen[next])
            walk(next, seen);
        else if (seen[next] == 1)
            layout.routes[i].is_turned = true;
    }
    seen[node] = 2;
}

/* Each node one layer below the lowest of those that lead to it. */
static void choose_layers(void) {
    static char seen[MAX_NODES];
    for (int i = 0; i < graph.node_count; i++)
        if (!seen[i])
            walk(i, seen);
    for (bool is_changed = true; is_changed;) {
        is_changed = false;
        for (int i = 0; i < graph.edge_count; i++) {
            struct point *from = &layout.points[start_of(i)], *to = &layout.points[end_of(i)];
            if (!is_loop(i) && to->layer <= from->layer) {
                to->layer = from->layer + 1;
                is_changed = true;
            }
        }
    }
    for (int i = 0; i < graph.node_count; i++)
        if (layout.points[i].layer >= layout.layer_count)
            layout.layer_count = layout.points[i].layer + 1;
}

static void join(int from, int to) {
    layout.links[layout.link_count][0] = from;
    layout.links[layout.link_count++][1] = to;
}

static void add_bends(void) {
    for (int i = 0; i < graph.edge_count; i++) {
        int from = start_of(i), to = end_of(i);
        if (is_loop(i))
            continue;
        layout.routes[i].first_bend = layout.point_count;
        for (int layer = layout.points[from].layer + 1; layer < layout.points[to].layer; layer++) {
            if (layout.point_count == MAX_POINTS)
                fail("the graph is too entangled: its edges cross too many layers");
            layout.points[layout.point_count] = (struct point){.layer = layer, .length = 8};
            join(from, layout.point_count);
            from = layout.point_count++;
            layout.routes[i].bends++;
        }
        join(from, to);
    }
}

static int by_key(const void *a, const void *b) {
    const struct point *one = &layout.points[*(const int *)a], *two = &layout.points[*(const int *)b];
    if (one->layer != two->layer)
        return one->layer < two->layer ? -1 : 1;
    if (one->key != two->key)
        return one->key < two->key ? -1 : 1;
    return one->order < two->order ? -1 : 1;
}

static void sort(void) {
    qsort(layout.sorted, (size_t)layout.point_count, sizeof *layout.sorted, by_key);
    for (int i = 0, layer = -1; i < layout.point_count; i++) {
        while (layer < layout.points[layout.sorted[i]].layer)
            layout.starts[++layer] = i;
        layout.points[layout.sorted[i]].order = i - layout.starts[layer];
    }
    layout.starts[layout.layer_count] = layout.point_count;
}

/* For every point of a layer, the mean of a value of its neighbours on one side. */
static void take_means(int layer, int side, bool is_order) {
    static int sums[MAX_POINTS], counts[MAX_POINTS];
    for (int i = layout.starts[layer]; i < layout.starts[layer + 1]; i++)
        sums[layout.sorted[i]] = counts[layout.sorted[i]] = 0;
    for (int i = 0; i < layout.link_count; i++) {
        int point = layout.links[i][!side], other = layout.links[i][side];
        if (layout.points[point].layer != layer)
            continue;
        sums[point] += is_order ? layout.points[other].order * 100 : layout.points[other].along;
        counts[point]++;
    }
    for (int i = layout.starts[layer]; i < layout.starts[layer + 1]; i++) {
        struct point *point = &layout.points[layout.sorted[i]];
        int own = is_order ? point->order * 100 : point->along;
        point->key = counts[layout.sorted[i]] ? sums[layout.sorted[i]] / counts[layout.sorted[i]] : own;
    }
}

static void choose_order(void) {
    for (int i = 0; i < layout.point_count; i++)
        layout.sorted[i] = layout.points[i].order = i;
    sort();
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        bool is_down = sweep % 2 == 0;
        for (int i = 1; i < layout.layer_count; i++) {
            int layer = is_down ? i : layout.layer_count - 1 - i;
            for (int at = 0; at < layout.point_count; at++)
                layout.points[at].key = layout.points[at].order * 100;
            take_means(layer, is_down ? 0 : 1, true);
            sort();
        }
    }
}

static int apart(int left, int right) {
    return (layout.points[left].length + layout.points[right].length) / 2 + GAP;
}

/* As near to the wanted places as the order and the gaps allow: the mean of what comes out
 * when room is made from the left and from the right. */
static void settle(int layer) {
    static int lefts[MAX_POINTS];
    int first = layout.starts[layer], last = layout.starts[layer + 1] - 1;
    for (int i = first; i <= last; i++) {
        int wanted = layout.points[layout.sorted[i]].key;
        int least = i == first ? wanted : lefts[i - 1] + apart(layout.sorted[i - 1], layout.sorted[i]);
        lefts[i] = wanted > least ? wanted : least;
    }
    int right = 0;
    for (int i = last; i >= first; i--) {
        int wanted = layout.points[layout.sorted[i]].key;
        int most = i == last ? wanted : right - apart(layout.sorted[i], layout.sorted[i + 1]);
        right = wanted < most ? wanted : most;
        layout.points[layout.sorted[i]].along = (lefts[i] + right) / 2;
    }
}

static void choose_places(void) {
    for (int layer = 0; layer < layout.layer_count; layer++) {
        for (int i = layout.starts[layer]; i < layout.starts[layer + 1]; i++)
            layout.points[layout.sorted[i]].key = 0;
        settle(layer);
    }
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        for (int i = 1; i < layout.layer_count; i++) {
            int layer = sweep % 2 ? layout.layer_count - 1 - i : i;
            take_means(layer, sweep % 2 ? 1 : 0, false);
            settle(layer);
        }
    }
    int least = 0, across = MARGIN;
    for (int i = 0; i < layout.point_count; i++) {
        int edge = layout.points[i].along - layout.points[i].length / 2;
        least = i == 0 || edge < least ? edge : least;
    }
    for (int layer = 0; layer < layout.layer_count; layer++) {
        int depth = 0;
        for (int i = layout.starts[layer]; i < layout.starts[layer + 1]; i++) {
            struct point *point = &layout.points[layout.sorted[i]];
            depth = point->depth > depth ? point->depth : depth;
        }
        for (int i = layout.starts[layer]; i < layout.starts[layer + 1]; i++) {
            struct point *point = &layout.points[layout.sorted[i]];
            point->across = across + depth / 2;
            point->along += MARGIN - least;
            int end = point->along + (point->length + 1) / 2 + MARGIN;
            layout.along = end > layout.along ? end : layout.along;
        }
        across += depth + LAYER_GAP;
    }
    layout.across = layout.layer_count ? across - LAYER_GAP + MARGIN : 2 * MARGIN;
    layout.along = layout.along ? layout.along : 2 * MARGIN;
}

/* The points of the nodes have their sizes already. */
static void lay_out(void) {
    layout.point_count = graph.node_count;
    choose_layers();
    add_bends();
    choose_order();
    choose_places();
}

#endif
